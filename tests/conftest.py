"""Fixtures and hooks that all tests share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import eyediff  # noqa: F401  # before a test imports onnxruntime: it switches telemetry off

SHARED = Path(__file__).resolve().parents[2] / "shared"


_OF_THE_CALLER = (
    *("EYEDIFF_", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"),
    *("COLUMNS", "LINES", "TERM"),
)
"""Prefixes of the environment variables that change the output of eyediff or of a library."""


def pytest_configure() -> None:
    """Make every test independent of how the suite is started: by hand, by a service, with `nohup` or `&`.

    A shell that starts a job with `&` makes the job ignore Ctrl-C. The processes that the job starts ignore it too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in list(os.environ):
        if name.startswith(_OF_THE_CALLER):
            del os.environ[name]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a parameter of many bytes by its length.

    The name of a test must not contain the time that a compressed file stores. Otherwise two processes that collect the
    tests in different seconds disagree, and pytest-xdist stops.
    """
    return f"{len(val)} bytes" if isinstance(val, bytes) and len(val) > 40 else None


def missing_here(call: pytest.CallInfo[Any]) -> str | None:
    """Return the reason to skip a failed test because this machine lacks a module or function. Otherwise return None.

    torch has no build for some versions of Python and some platforms. Windows lacks modules and functions of POSIX.
    """
    error = call.excinfo and (call.excinfo.value.__cause__ or call.excinfo.value)
    if isinstance(error, ModuleNotFoundError) and error.name in ("torch", "resource") and find_spec(error.name) is None:
        return f"Skipped: {error.name} is not installed, or not for this platform"
    if isinstance(error, AttributeError) and error.obj in (os, signal) and sys.platform == "win32":
        return f"Skipped: Windows has no {error.name}"
    return None


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, pytest.CollectReport, Any]:
    """Skip a test file that needs a module or function that this machine lacks. The reason names it."""
    report = yield
    if reason := missing_here(report.call):  # type: ignore[attr-defined]  # pytest keeps it there for its own hooks
        report.outcome, report.longrepr = "skipped", (str(collector.path), 0, reason)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that needs a module or function that this machine lacks. The reason names it."""
    report = yield
    if reason := missing_here(call):
        report.outcome, report.longrepr = "skipped", (str(item.path), (item.location[1] or 0) + 1, reason)
    return report


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of photos, weights and decode files beside the repository. Without it, skip the test."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared (photos, weights, decode files) is not beside this repository")
    return SHARED


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 16 kB, yield its folder, and unmount it."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(place)]
    if os.name != "posix" or os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root mounts a small file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
