"""Comparison with Ray: two workers on this machine, one of which is killed. All tests share one small cluster."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("ray", reason="the extra `ray` is not installed: pip install 'eyediff[ray]'")
pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray emits warnings
    pytest.mark.skipif(sys.platform == "win32", reason="Ray is in beta there"),
]

METRICS = ["psnr", "ssim"]
COUNT = 24


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a cluster with two cores and 100 MB for objects, and yield its folder.

    The folder is in the command line of the processes of the cluster.
    """
    import ray

    os.environ["RAY_AUTH_MODE"] = "disabled"  # otherwise Ray writes a token into the home folder
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112  # Ray's spelling; without 0, its workers starve behind other processes
    root = Path(tmp_path_factory.mktemp("r"))
    context = ray.init(
        num_cpus=2,
        object_store_memory=100 << 20,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        _temp_dir=str(root)[:60],  # the name of a socket has 107 bytes at most
    )
    yield context.address_info["session_dir"]
    ray.shutdown()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write COUNT pairs of noise, and return their folders.

    One pair cannot be read, one differs in size, and one has an undecodable name.
    """
    root = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(0)
    for side in ("a", "b"):
        (root / side).mkdir()
        for i in range(COUNT - 1):
            Image.fromarray(random.integers(0, 256, (64, 64, 3), np.uint8)).save(root / side / f"p{i:02}.png")
        (root / side / os.fsdecode(b"p\xe9.png")).write_bytes((root / side / "p00.png").read_bytes())
    (root / "b" / "p03.png").write_bytes(b"torn")
    Image.new("RGB", (32, 64)).save(root / "b" / "p05.png")
    return root / "a", root / "b"


def rows_of(path: Path) -> list[dict]:
    """Return the rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


def in_python(text: str) -> str:
    """Return the results of a command with the messages of the library: a command names options, not parameters."""
    for policy in ("resize", "crop"):
        text = text.replace(f"--size {policy}", f"size='{policy}'")
    return text


@pytest.fixture(scope="module")
def plain(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """Return the rows that a run without Ray writes."""
    from eyediff import cli

    output = tmp_path_factory.mktemp("plain") / "out.jsonl"
    assert cli.run(["compare", *map(str, folders), "-m", ",".join(METRICS), "-o", str(output)]) == 3
    output.write_text(in_python(output.read_text()))
    return rows_of(output)


def same(found: list[dict], expected: list[dict]) -> None:
    """Check that two runs have the same rows in the same order.

    Scores may differ by the rounding of float32 with another number of threads. The tolerance of 1e-6 is sixteen units
    in the last place of a score near 1.
    """
    assert [row["pair"] for row in found] == [row["pair"] for row in expected]
    for one, other in zip(found, expected, strict=True):
        # A Parquet table has no verdicts.
        assert all(one[key] == other[key] for key in one.keys() & other.keys() - {"scores"})
        assert one.keys() ^ other.keys() <= {"verdict", "crossed"}
        assert one["scores"] == pytest.approx(other["scores"], rel=1e-6)


def workers(session: str) -> list[int]:
    """Return the process ids of the workers of this cluster."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "cmdline").read_bytes().startswith(b"ray::MapWorker"):
                parent = (process / "stat").read_text().rsplit(")", 1)[1].split()[1]
                if session.encode() in Path(f"/proc/{parent}/cmdline").read_bytes():
                    found.append(int(process.name))
        except OSError:  # the process has ended in the meantime
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are found by /proc")
def test_a_killed_worker_costs_nothing(cluster: str, folders, plain, tmp_path: Path) -> None:
    """One of two workers is killed when the first row is finished.

    Every row is written once and in order, as in a run without Ray.
    """
    import eyediff.ray

    killed = []

    def progress(done: int, total: int | None) -> None:
        if done == 1 and not killed:
            if not (alive := workers(cluster)):
                pytest.skip("this Ray gives no row before its workers have ended")
            killed.append(alive[0])
            os.kill(killed[0], signal.SIGKILL)

    pairs = eyediff.ray.pairs(*folders)
    summary = eyediff.ray.write(pairs, tmp_path / "out.jsonl", METRICS, actors=2, progress=progress)
    assert killed and (summary.count, summary.failed) == (COUNT, 2)
    same(rows_of(tmp_path / "out.jsonl"), plain)


class Crash(BaseException):
    """An exception that ends a run in the middle. It leaves the same files as a kill."""


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_run_that_was_killed_is_continued(
    cluster: str, folders, plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Only missing and failed rows are computed again. At the end, each pair has one row."""
    import eyediff.ray
    from eyediff import defaults

    monkeypatch.setattr(defaults, "PARQUET_ROWS", 4)

    def crash(done: int, total: int | None) -> None:
        if done == 10:
            raise Crash

    pairs, output = eyediff.ray.pairs(*folders), tmp_path / name
    with pytest.raises(Crash):
        eyediff.ray.write(pairs, output, METRICS, actors=2, progress=crash)
    done_before = {row["pair"] for row in _rows(output) if row["error"] is None}
    assert 4 <= len(done_before) <= 10
    computed: list[str] = []
    original = eyediff.ray.running._next_row

    def noted(*arguments: object):
        computed.append(arguments[2].name)  # type: ignore[attr-defined]
        return original(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(eyediff.ray.running, "_next_row", noted)
    summary = eyediff.ray.write(pairs, output, METRICS, actors=2, resume=True)
    assert summary.count == COUNT and len(computed) == COUNT - len(done_before)
    same(sorted(_rows(output), key=lambda row: row["pair"]), plain)


def _rows(output: Path) -> list[dict]:
    if output.suffix == ".jsonl":
        return rows_of(output)
    import pyarrow.parquet as pq

    from eyediff.output.read_rows import row_from_arrow
    from eyediff.output.schema import json_row, pair_cells, pair_columns

    parts = sorted(output.glob("part-*.parquet"))
    cells = [cells for part in parts for cells in pq.ParquetFile(part).read().to_pylist()]
    return [json_row(pair_columns(METRICS), pair_cells(row_from_arrow(row, METRICS), METRICS)) for row in cells]


def test_a_dataset_of_paths_becomes_a_dataset_of_rows(cluster: str, folders) -> None:
    """`compare` is a step of Ray Data.

    The result has the columns of CSV, with null for an empty cell, and the other columns of the dataset.
    """
    import ray

    import eyediff.ray
    from eyediff.errors import UsageError

    items = [{"reference": str(folders[0] / f"p0{i}.png"), "candidate": str(folders[1] / f"p0{i}.png")} for i in (1, 3)]
    dataset = ray.data.from_items([item | {"label": i} for i, item in enumerate(items)])
    found = sorted(eyediff.ray.compare(dataset, ["psnr"], actors=1).take_all(), key=lambda row: row["label"])
    assert list(found[0]) == ["pair", "reference", "candidate", "width", "height", "psnr", "error", "notes", "label"]
    assert 5 < found[0]["psnr"] < 10 and found[0]["error"] is None
    assert found[1]["psnr"] is None and found[1]["error"].startswith("read: ")
    with pytest.raises(UsageError, match="reference"):
        eyediff.ray.compare(ray.data.from_items([{"path": "x"}]), ["psnr"])


def test_a_worker_of_another_version_ends_the_run(cluster: str, folders, tmp_path: Path) -> None:
    """One file never has scores of different engines, versions or weights.

    The error is one line that says which machine differs.
    """
    from dataclasses import replace

    import eyediff.ray
    from eyediff import run
    from eyediff.errors import EyediffError

    options = run.ComparisonOptions()
    metrics = options.build_metrics(["psnr"])
    metrics = replace(metrics, header=replace(metrics.header, eyediff="9.9"))
    plan = run.ComparisonPlan(eyediff.ray.pairs(*folders), metrics, options.loader())
    message = f"differs from the head node: eyediff: '{eyediff.__version__}', not '9.9'"
    with pytest.raises(EyediffError, match=re.escape(message)):
        run.compare(plan, [], source=eyediff.ray.row_source(options, 1))


def test_a_table(cluster: str, folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table equals the table of a run without Ray.

    All pairs of an image are in one task. The file of scores is kept, and a later run continues it.
    """
    import eyediff

    sizes: list[int] = []
    blocks, next_row = eyediff.ray.running._blocks, eyediff.ray.running._next_row

    def noted(missing: Iterator[tuple[int, object]], size: int):
        sizes.append(size)
        return blocks(missing, size)  # type: ignore[arg-type]

    monkeypatch.setattr(eyediff.ray.running, "_blocks", noted)
    methods = {"one": folders[1], "two": folders[1]}
    path = tmp_path / "scores.jsonl"
    found = eyediff.table(folders[0], methods, METRICS, groups="^(.)", scores=path, resume=True, ray=True)
    plain = eyediff.table(folders[0], methods, METRICS, groups="^(.)")
    assert sizes and all(size % len(methods) == 0 for size in sizes)
    for method in methods:
        for metric in METRICS:
            assert found.mean(method, metric) == pytest.approx(plain.mean(method, metric), rel=1e-6)
    assert found.data.notes == plain.data.notes and found.summary.failed == plain.summary.failed == 4
    computed: list[str] = []

    def counted(*arguments: object):
        computed.append(arguments[2].name)  # type: ignore[attr-defined]
        return next_row(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(eyediff.ray.running, "_next_row", counted)
    again = eyediff.table(folders[0], methods, METRICS, groups="^(.)", scores=path, resume=True, ray=True)
    assert len(computed) == 4 and again == found
    for kind in ("csv", "latex", "markdown"):
        assert eyediff.read_table(path).render(kind, per_group=True) == found.render(kind, per_group=True)
