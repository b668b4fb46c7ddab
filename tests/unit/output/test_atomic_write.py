"""Files that are replaced only by complete files, and the check in advance that a file can be written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eyediff.errors import OutputError
from eyediff.output.atomic_write import atomic_path, check_writable


def left(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_it_takes_its_place_when_the_block_ends_well(tmp_path: Path) -> None:
    """The old content stays until the block ends, and no temporary file is left.

    The caller may give the path of the temporary file.
    """
    path = tmp_path / "out"
    for part, text in ((None, "one"), (tmp_path / "mine", "two")):
        before = path.exists() and path.read_text()
        with atomic_path(path, part) as given:
            given.write_text(text)
            assert (path.exists() and path.read_text()) == before
        assert left(tmp_path) == {"out": text}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full"), OSError(28, "No space left on device")])
def test_nothing_changes_when_it_fails(tmp_path: Path, error: BaseException) -> None:
    """The old file stays. An OSError becomes one line with the file name, and other errors are raised unchanged."""
    (tmp_path / "out").write_text("old")
    kind = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(kind) as told, atomic_path(tmp_path / "out") as part:
        part.write_text("half")
        raise error
    assert left(tmp_path) == {"out": "old"}
    assert not isinstance(error, OSError) or "out: No space left" in str(told.value)


def test_it_is_on_the_disk_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays if the sync to the disk fails. With `forced=False`, the new file is not synced."""
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
    """A missing folder, a folder at the path, and a name too long for a temporary file are errors. No file is left."""
    (tmp_path / "here").mkdir()
    with pytest.raises(OutputError, match=why):
        check_writable(tmp_path / name)
    check_writable(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
