"""The code of a worker, and the code that orders its rows. No cluster is used: the tests call the worker directly."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray", reason="the extra `ray` is not installed: pip install 'eyediff[ray]'")

from eyediff import comparison as api
from eyediff.errors import EyediffError, UsageError
from eyediff.ray import pairs, running, write
from eyediff.ray.worker import Worker
from eyediff.records import Failure

from .test_ray import in_python

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray emits warnings

METRICS = ["psnr", "l2"]
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Write eight pairs: one is damaged, one differs in size, and one has an undecodable name."""
    random = np.random.default_rng(0)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for name in [*(f"p{i}.png".encode() for i in range(7)), b"p\xe9.png"]:
            Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "x.png")
            (tmp_path / "x.png").rename(tmp_path / side / os.fsdecode(name))
    (tmp_path / "b/p3.png").write_bytes(b"torn")
    Image.new("RGB", (4, 8)).save(tmp_path / "b/p5.png")
    return tmp_path / "a", tmp_path / "b"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], list[int]]:
    """Return a function that makes this process compute the rows in place of the workers.

    Its argument `change` may change the rows, to simulate an error of Ray. It returns the list of computed pairs.
    """
    done: list[int] = []

    def install(change: Change = lambda cells: cells) -> list[int]:
        def computed(blocks: list[Any], task: Any, actors: int) -> Iterator[dict[str, Any]]:
            worker = Worker(task)
            cells = [found for block in blocks for found in worker(block).to_pylist()]
            done.extend(found["index"] for found in cells)
            yield from change(cells)

        monkeypatch.setattr(running, "_compute", computed)
        return done

    return install


def test_rows_are_those_of_a_run_here(folders, here, tmp_path: Path) -> None:
    """The rows, their order and the summary equal those of a run without Ray, also for undecodable names."""
    here()
    expected = api.compare(*folders, METRICS)
    summary = write(pairs(*folders), tmp_path / "out.csv", METRICS, actors=2)
    assert summary == expected.summary and summary.failed == 2
    assert isinstance(expected.rows[3], Failure)
    from eyediff import cli

    assert cli.run(["compare", *map(str, folders), "-m", ",".join(METRICS), "-o", str(tmp_path / "plain.csv")]) == 3
    written, plain = ((tmp_path / name).read_text(errors="surrogateescape") for name in ("out.csv", "plain.csv"))
    assert written == in_python(plain)


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_what_is_written_is_skipped(folders, here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A continued run computes only pairs without scores.

    At the end, each pair has one row.
    """
    monkeypatch.setattr("eyediff.defaults.PARQUET_ROWS", 2)
    done = here()

    def stop(count: int, total: int | None) -> None:
        if count == 5:
            raise OSError("stands for a kill")

    with pytest.raises(OSError, match="kill"):
        write(pairs(*folders), tmp_path / name, METRICS, actors=1, progress=stop)
    done.clear()
    assert write(pairs(*folders), tmp_path / name, METRICS, actors=1, resume=True).count == 8
    assert done == [3, 5, 6, 7]
    done.clear()
    assert write(pairs(*folders), tmp_path / name, METRICS, actors=1, resume=True).failed == 2
    assert done == [3, 5]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cells: cells[:4] + cells[5:], "Ray returned row 5, but row 4"),
        (lambda cells: cells[:5] + cells[4:], "Ray returned row 4, but row 5"),
        (lambda cells: cells[:-1], "Ray returned no row, but row 7"),
    ],
)
def test_a_row_that_is_lost_or_double_ends_the_run(folders, here, tmp_path: Path, change: Change, words: str) -> None:
    """A lost or repeated row ends the run, and the file can be continued.

    Ray promises that this does not happen, but the code checks it.
    """
    here(change)
    with pytest.raises(EyediffError, match=words):
        write(pairs(*folders), tmp_path / "out.jsonl", METRICS, actors=1)
    here()
    assert write(pairs(*folders), tmp_path / "out.jsonl", METRICS, actors=1, resume=True).count == 8


def test_masks_of_a_list_reach_the_workers(folders, here, tmp_path: Path) -> None:
    """Masks are used from a Python list and from a Parquet table. The header says so, as in a run without Ray."""
    here()
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "eye.png")
    listed = [
        {"reference": str(folders[0] / name), "candidate": str(folders[1] / name), "mask": mask}
        for name, mask in (("p0.png", str(tmp_path / "eye.png")), ("p1.png", ""))
    ]
    pq.write_table(pa.Table.from_pylist(listed), tmp_path / "list.parquet")
    expected = api.compare(pairs=listed, metrics=METRICS).summary
    for source in (listed, tmp_path / "list.parquet"):
        assert write(pairs(source), tmp_path / "out.jsonl", METRICS, actors=1).metrics == expected.metrics
        assert '"mask": "listed"' in (tmp_path / "out.jsonl").read_text()


def test_groups_of_a_list_stay_with_their_pairs(folders, here, tmp_path: Path) -> None:
    """Groups are used from a Python list and from a Parquet table.

    Rows, header and summary equal those of a run without Ray, also if the run is continued.
    """
    done = here()
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    listed = [
        {"reference": str(folders[0] / name), "candidate": str(folders[1] / name), "name": name, "group": group}
        for name, group in (("p0.png", "lego"), ("p1.png", "lego"), ("p2.png", "ship"))
    ]
    pq.write_table(pa.Table.from_pylist(listed), tmp_path / "list.parquet")
    expected = api.compare(pairs=listed, metrics=METRICS).summary
    assert list(expected.groups) == ["lego", "ship"]
    for source in (pairs(listed), pairs(tmp_path / "list.parquet")):
        for _ in range(2):
            assert write(source, tmp_path / "out.csv", METRICS, actors=1, resume=True) == expected
            rows = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
            assert [(row["pair"], row["group"]) for row in rows] == [(pair["name"], pair["group"]) for pair in listed]
    assert done == [0, 1, 2]  # the later runs kept the rows
    write(source, tmp_path / "out.jsonl", METRICS, actors=1)
    assert '"groups": "listed"' in (tmp_path / "out.jsonl").read_text()
    with pytest.raises(UsageError, match="1 of 2 pairs have no group"):
        write(pairs([listed[0], listed[1] | {"group": ""}]), tmp_path / "x.csv", METRICS, actors=1)


def test_bad_calls_compute_nothing(folders, here, tmp_path: Path) -> None:
    """An output with an unknown suffix, an unknown metric, and pairs without a length are refused."""
    done = here()
    for arguments in ((pairs(*folders), "out.txt", METRICS), (pairs(*folders), "out.csv", ["pnsr"])):
        with pytest.raises(UsageError):
            write(*arguments)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="have no length"):
        write(iter(pairs(*folders)), tmp_path / "out.csv", METRICS, actors=1)  # type: ignore[arg-type]
    assert done == []
