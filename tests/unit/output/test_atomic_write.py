"""Files that take their place whole, and the look ahead whether they can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eyediff.errors import OutputError
from eyediff.output.atomic_write import atomic_path, check_writable


def left(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_it_takes_its_place_when_the_block_ends_well(tmp_path: Path) -> None:
    """What was there stands until then, and no part stays; the part may have a name of its own."""
    path = tmp_path / "out"
    for part, text in ((None, "one"), (tmp_path / "mine", "two")):
        before = path.exists() and path.read_text()
        with atomic_path(path, part) as given:
            given.write_text(text)
            assert (path.exists() and path.read_text()) == before
        assert left(tmp_path) == {"out": text}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full"), OSError(28, "No space left on device")])
def test_nothing_changes_when_it_fails(tmp_path: Path, error: BaseException) -> None:
    """An error of the system becomes one line with the file's name, another stays what it is."""
    (tmp_path / "out").write_text("old")
    kind = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(kind) as told, atomic_path(tmp_path / "out") as part:
        part.write_text("half")
        raise error
    assert left(tmp_path) == {"out": "old"}
    assert not isinstance(error, OSError) or "out: No space left" in str(told.value)


def test_it_is_on_the_disk_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails only when it is forced costs nothing that was there."""
    (tmp_path / "out").write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"), atomic_path(tmp_path / "out") as part:
        part.write_text("new")
    assert left(tmp_path) == {"out": "old"}
    with atomic_path(tmp_path / "out", forced=False) as part:
        part.write_text("new")
    assert left(tmp_path) == {"out": "new"}


@pytest.mark.parametrize(
    ("name", "why"), [("none/out", "does not exist"), ("here", "is a folder"), ("x" * 240, "cannot")]
)
def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path, name: str, why: str) -> None:
    """A folder that is not there, a folder in its place, a name too long for a part to have; nothing is left."""
    (tmp_path / "here").mkdir()
    with pytest.raises(OutputError, match=why):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
