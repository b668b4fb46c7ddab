"""Fixtures: two folders with files of the same names."""

from __future__ import annotations

from pathlib import Path

import pytest

from .made import files


@pytest.fixture
def left(tmp_path: Path) -> Path:
    return files(tmp_path / "before", "a.png", "b.png", "deep/er/c.JPG")


@pytest.fixture
def right(tmp_path: Path) -> Path:
    return files(tmp_path / "after", "a.png", "b.png", "deep/er/c.JPG")
