"""Links in folders, and folders that cannot be listed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eyediff.pairing import pair_up

from .made import names, told


def test_links_in_a_circle_end(left: Path, right: Path) -> None:
    """A link to a folder above it has no new files. The link is skipped and counted."""
    (left / "deep" / "again").symlink_to(left)
    (left / "deep" / "self").symlink_to(left / "deep")
    found = pair_up(left, right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert found.ignored == 2


def test_links_elsewhere_are_followed(left: Path, tmp_path: Path) -> None:
    """Links to files and to other folders are followed, because datasets often consist of such links."""
    right = tmp_path / "linked"
    right.mkdir()
    (right / "a.png").symlink_to(left / "b.png")
    (right / "deep").symlink_to(left / "deep")
    assert names(pair_up(left, right)) == ["a.png", "deep/er/c.JPG"]


def test_a_broken_link_is_a_row_and_not_a_gap(left: Path, right: Path) -> None:
    """A broken link is listed in a pair. The error of reading it is then the reason for the missing scores."""
    (right / "b.png").unlink()
    (right / "b.png").symlink_to(right / "nowhere.png")
    assert "b.png" in names(pair_up(left, right))


def test_a_folder_that_cannot_be_listed_is_an_error(left: Path, right: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed is an error, because an incomplete list would look complete.

    The test simulates the refusal of the system, because the system refuses nothing to root.
    """
    real = os.scandir

    def scandir(path: Path) -> object:
        if Path(path).name == "er":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    message = told(left, right)
    assert "er cannot be listed (Permission denied)" in message
