"""Tests of `scripts/check_gpu` on a CPU with tiny sizes.

Errors of the script must not waste the time of a borrowed GPU.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = ["--device", "cpu", "--nets", "alex", "--modes", "float32,tf32,channels_last", "--batches", "1", "--sides", "64"]

pytest.importorskip("torch")


def run(output: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        ROOT / "scripts" / "check_gpu",
        output,
        *TINY,
        "--measure",
        "0.01",
        "--pairs",
        "2",
    ]
    told = {key: value for key, value in os.environ.items() if key != "EYEDIFF_WEIGHTS"} | environment
    return subprocess.run([*command, *more], capture_output=True, text=True, env=told, check=False)


@pytest.mark.slow
def test_every_part_runs(shared: Path, tmp_path: Path) -> None:
    """The table has parity, speed and the end-to-end run, and also the peer if it is installed."""
    done = run(tmp_path / "table.md", EYEDIFF_WEIGHTS=str(shared / "weights"))
    table = (tmp_path / "table.md").read_text()
    assert done.returncode == 0, table + done.stderr
    assert "| alex, distances, float32 on cpu |" in table
    assert "| alex, gradient, float32 on cpu |" in table
    for mode in ("float32", "channels_last"):
        for step in ("forward", "forward + backward"):
            assert f"| alex | 1 x 64x64 | {mode} | {step} |" in table
    assert "| compare --device cpu | 2 |" in table
    assert "- speed of alex in tf32: CPUs have no TF32" in table
    assert "- compiled: not asked for (--modes)" in table
    if importlib.util.find_spec("lpips") is not None:
        assert "| a script around lpips, cpu, against compare --device cpu |" in table
    assert table.endswith("All checks passed.\n")


@pytest.mark.slow
def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Without official weights and without time, the table states the reason for each omitted check."""
    done = run(tmp_path / "table.md", "--seconds", "0")
    table = (tmp_path / "table.md").read_text()
    assert done.returncode == 0, table + done.stderr
    assert "- official AlexNet weights: EYEDIFF_WEIGHTS names no folder" in table
    assert "- alex, 1 x 64x64, float32, forward: the time (0 s) was over" in table
    assert "- compare, end to end: it needs the official AlexNet weights" in table
