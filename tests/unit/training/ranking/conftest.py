"""A study and a training of it, made once for all files; every test in one thread."""

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
    """400 judgements on 100 generated pictures."""
    from .runs import COUNT, REFERENCES  # here, since a conftest.py must load where torch is not installed
    from .simulated import simulated

    return simulated(tmp_path_factory.mktemp("study"), COUNT, REFERENCES)


@pytest.fixture(autouse=True)
def repeatable(one_thread: None) -> None:
    """Figures repeat to the last bit."""


@pytest.fixture(scope="session")
def trained(study: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training by the command, from beginning to end."""
    from .runs import OPTIONS

    folder = tmp_path_factory.mktemp("trained") / "run"
    with in_one_thread():
        assert command(["train", str(study.table), "-o", str(folder), *OPTIONS[:-1]]) == 0
    return folder
