"""The suite gives the same result however it is started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(os.name != "posix", reason="only a POSIX shell starts jobs that ignore Ctrl-C")
def test_tests_of_ctrl_c_pass_in_a_job_that_ignores_it() -> None:
    """The tests pass in a job like `nohup scripts/test &`, on a service that colours the output."""
    names = ["tests/unit/run/test_ends.py", "tests/cli/test_compare.py"]
    options = ["-q", "-p", "no:cacheprovider", "-k", "ctrl_c or csv"]
    started = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *names],
        cwd=ROOT,
        env={**os.environ, "GITHUB_ACTIONS": "true", "FORCE_COLOR": "1", "COLUMNS": "40", "EYEDIFF_OFFLINE": "x"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 0, started.stdout
