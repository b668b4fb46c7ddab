"""Walking folders: links, and folders that cannot be listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eyediff.pairing import pair_up

from .made import names, told


def test_links_in_a_circle_end(left: Path, right: Path) -> None:
    """A link to a folder that it lies in holds nothing new: it is passed over, and counted."""
    (left / "deep" / "again").symlink_to(left)
    (left / "deep" / "self").symlink_to(left / "deep")
    found = pair_up(left, right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert found.ignored == 2


def test_links_elsewhere_are_followed(left: Path, tmp_path: Path) -> None:
    """Datasets are often put together of links, to files and to folders."""
    right = tmp_path / "linked"
    right.mkdir()
    (right / "a.png").symlink_to(left / "b.png")
    (right / "deep").symlink_to(left / "deep")
    assert names(pair_up(left, right)) == ["a.png", "deep/er/c.JPG"]


def test_a_broken_link_is_a_row_and_not_a_gap(left: Path, right: Path) -> None:
    """Reading it says why it has no scores."""
    (right / "b.png").unlink()
    (right / "b.png").symlink_to(right / "nowhere.png")
    assert "b.png" in names(pair_up(left, right))


def test_a_folder_that_cannot_be_listed_is_an_error(left: Path, right: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a listing would pass for the whole. (The system's refusal is played: root is refused nothing.)"""
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    message = told(left, right)
    assert "er cannot be listed (Permission denied)" in message
