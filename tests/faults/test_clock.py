"""A clock that was set back, and files from the future.

What eyediff keeps depends on whether times are equal, not on which time is later.
"""

from __future__ import annotations

import json
import os
import time
from itertools import count
from pathlib import Path

import pytest

from eyediff.cli import run
from eyediff.weights import store

from .work import files, images

YEAR = 365 * 86_400 * 10**9


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create nine pairs in the current folder, one of which cannot be read.

    Each look at the clock gives an earlier time.
    """
    images(tmp_path, 9, 32)
    monkeypatch.chdir(tmp_path)
    ticks = count()
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600.0 * next(ticks))


def compare() -> tuple[dict[str, object], int]:
    """Return the scores of the pairs, and the number of pairs computed since the output was begun.

    Each computed pair is a line of the journal.
    """
    assert run(["compare", "a", "b", "-m", "psnr", "-o", "out.jsonl", "--resume"]) == 3
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()[1:]]
    scores = {row["pair"]: row["scores"]["psnr"] for row in rows if row["error"] is None}
    return scores, Path("out.jsonl.resume").read_bytes().count(b"\n") - 1


@pytest.mark.parametrize("moment", [100 * YEAR, -20 * YEAR, 0], ids=["2070", "1950", "1970"])
def test_rows_of_files_from_another_time(moment: int) -> None:
    """Rows are kept, whatever the times of their files are. A file that an older file replaces is computed again."""
    for path in Path("b").iterdir():
        os.utime(path, ns=(moment, moment))
    scores, computed = compare()
    assert computed == len(scores) == 8
    assert compare() == (scores, 8)
    Path("b/00001.png").write_bytes(Path("a/00001.png").read_bytes())
    os.utime("b/00001.png", ns=(moment - YEAR, moment - YEAR))
    assert compare() == (scores | {"00001.png": "inf"}, 9)


def test_maps_that_are_newer_than_their_index() -> None:
    """Maps that are newer than their index stay, and the next run writes all of its maps.

    Maps become newer than their index if the clock goes back during a run. They then count as files that the run did
    not write.
    """
    assert run(["compare", "a", "b", "-m", "ssim", "--maps", "maps"]) == 3
    index = Path("maps/maps.json")
    os.utime(index, ns=(YEAR, YEAR))
    whole = files(Path("maps"))
    Path("b/00000.png").unlink()
    assert run(["compare", "a", "b", "-m", "ssim", "--maps", "maps"]) == 3
    left = files(Path("maps"))
    assert left.keys() == whole.keys()
    assert len(json.loads(left["maps.json"])["maps"]) == len(json.loads(whole["maps.json"])["maps"]) - 1


def test_a_download_of_tomorrow_is_not_swept(tmp_path: Path) -> None:
    """A download folder with a time in the future is not removed, because another process may use it.

    A folder with an old time is left from a killed process, and is removed.
    """
    for name, moment in (("tomorrow", 2 * 10**18), ("long-ago", 0)):
        (tmp_path / f".fetch-{name}").mkdir()
        os.utime(tmp_path / f".fetch-{name}", ns=(moment, moment))
    store._remove_stale(tmp_path)
    assert [path.name for path in tmp_path.glob(".fetch-*")] == [".fetch-tomorrow"]
