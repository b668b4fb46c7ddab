"""Links that lead to themselves, and folders that link to each other.

Before the defence, a link to itself ended in an internal error for every output. Twelve folders that link to each other
were listed without end. The defence: one function resolves paths and refuses such a link. Nested links are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eyediff.cli import run
from eyediff.errors import ImageError, UsageError
from eyediff.images import read
from eyediff.pairing.walk import images_below

from .test_refused_calls import compare  # noqa: F401  # a fixture


@pytest.mark.parametrize("option", ["-o", "--report", "--maps", "--junit", "--plot", "--baseline"])
def test_an_output_that_links_to_itself(
    compare: Callable[..., int],  # noqa: F811
    tmp_path: Path,
    option: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An output that links to itself ends with exit code 2, and the error names it."""
    link = tmp_path / "loop.png"
    link.symlink_to(link)
    assert compare(option, link, "-f", "csv") == 2
    said = capsys.readouterr().err
    assert "loop.png" in said and "internal error" not in said


@pytest.mark.parametrize("command", ["matrix", "nearest"])
def test_sets_and_links_to_themselves(
    compare: Callable[..., int],  # noqa: F811  # makes the folders
    tmp_path: Path,
    command: str,
) -> None:
    """A link to itself is also refused for -o of `matrix` and for --index of `nearest`."""
    link = tmp_path / "loop.csv"
    link.symlink_to(link)
    folders = [str(tmp_path / "a")] * (1 if command == "matrix" else 2)
    assert run([command, *folders, "-o" if command == "matrix" else "--index", str(link)]) == 2


def test_folders_that_link_to_each_other(tmp_path: Path) -> None:
    """Folders that link to each other are refused after some thousand folders. They have billions of paths."""
    folders = [tmp_path / f"f{number}" for number in range(12)]
    for folder in folders:
        folder.mkdir()
    for folder in folders:
        for other in folders:
            if other != folder:
                (folder / other.name).symlink_to(other)
    with pytest.raises(UsageError, match="remove links from one linked folder to another"):
        images_below(tmp_path)


def test_links_of_a_data_set_are_followed(tmp_path: Path) -> None:
    """All images are listed if many links lead to one folder that links to another folder."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other/x.png").touch()
    (tmp_path / "data/common").mkdir(parents=True)
    (tmp_path / "data/common/deep").symlink_to(tmp_path / "other")
    for number in range(500):
        (tmp_path / f"data/{number}").symlink_to(tmp_path / "data/common")
    assert len(images_below(tmp_path / "data").images) == 501


def test_a_link_to_itself_among_the_images(tmp_path: Path) -> None:
    """An image that links to itself is listed, and its error says that it cannot be opened.

    It once ended in an internal error.
    """
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "x.png").touch()
    assert images_below(tmp_path).images == ["loop.png", "x.png"]
    with pytest.raises(ImageError, match="cannot be opened"):
        read(tmp_path / "loop.png")
