"""A study and a training on it, made once for all files. Every test runs in one thread."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from eyediff.cli import run as command

from ..conftest import in_one_thread

if TYPE_CHECKING:
    from .simulated import Simulated


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Return a study of 400 judgements on 100 generated pictures."""
    from .runs import COUNT, REFERENCES  # imported here, because a conftest.py must load without torch
    from .simulated import simulated

    return simulated(tmp_path_factory.mktemp("study"), COUNT, REFERENCES)


@pytest.fixture(autouse=True)
def repeatable(one_thread: None) -> None:
    """Run every test in one thread, so that values repeat to the last bit."""


@pytest.fixture(scope="session")
def trained(study: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a complete training by the command."""
    from .runs import OPTIONS

    folder = tmp_path_factory.mktemp("trained") / "run"
    with in_one_thread():
        assert command(["train", str(study.table), "-o", str(folder), *OPTIONS[:-1]]) == 0
    return folder
