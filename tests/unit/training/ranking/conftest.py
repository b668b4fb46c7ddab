"""A study and a training of it, made once for all files; every test in one thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.cli import run as command

from ..conftest import in_one_thread
from .runs import COUNT, OPTIONS, REFERENCES
from .simulated import Simulated, simulated


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """400 judgements on 100 generated pictures."""
    return simulated(tmp_path_factory.mktemp("study"), COUNT, REFERENCES)


@pytest.fixture(autouse=True)
def repeatable(one_thread: None) -> None:
    """Figures repeat to the last bit."""


@pytest.fixture(scope="session")
def trained(study: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training by the command, from beginning to end."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with in_one_thread():
        assert command(["train", str(study.table), "-o", str(folder), *OPTIONS[:-1]]) == 0
    return folder
