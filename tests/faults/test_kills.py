"""A few kills of each command that continues; the long run is `python -m tests.faults`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .kills import Harness
from .work import WORKS


@pytest.mark.skipif(sys.platform != "linux", reason="kills are seen by /proc")
@pytest.mark.parametrize(("name", "kills"), [("compare-csv", 3), ("matrix", 2)])
def test_kill_9(name: str, kills: int, tmp_path: Path) -> None:
    """Nothing that was written is lost or doubled by any kill, and the last run's result is that of an undisturbed one,
    byte for byte, with nothing left beside it."""
    harness = Harness(WORKS[name], tmp_path)
    harness.lives(kills, seed=5)
    assert harness.told.kills.total() == kills
    assert harness.told.ends >= 1
    assert set(harness.told.kills) != {"start"}, "no kill met any work"
