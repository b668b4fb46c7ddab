"""Tests of a disk that is full for the output or its journal. A run that continues later gives the complete output."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.errors import OutputError
from eyediff.output import RowFormat
from eyediff.output.files import Appender

from .folders import LINES, Folder, left

pytestmark = pytest.mark.parametrize("kind", LINES)


def test_a_full_disk_is_continued_when_there_is_room(
    kind: RowFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk raises OutputError, whichever of the two files needs the room.

    Complete rows stay in the output, and later runs add the other rows. The earlier output is kept until then.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    expected = folder.whole(kind)
    output.write_text('{"eyediff": "earlier"}')
    sizes = []
    for room in (1200, 500, 550, 600, 650, 700, 1500):  # the first value has room for a row with any folder path
        with monkeypatch.context() as patch:
            limit(patch, [room])
            with pytest.raises(OutputError, match="No space left"):
                folder.compare(output, kind, resume=room != 1200)
        assert expected.startswith(output.read_bytes())
        assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'
        sizes.append(output.stat().st_size)
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0]
    folder.compare(output, kind, resume=True)
    assert output.read_bytes() == expected
    assert left(tmp_path) == ["out", "out.resume"]


def limit(patch: pytest.MonkeyPatch, room: list[int]) -> None:
    """Limit the total number of bytes that can be appended to all files."""
    write = Appender.write

    def limited(self: Appender, data: bytes) -> None:
        if len(data) > room[0]:
            raise OutputError("cannot write: No space left on device")
        room[0] -= len(data)
        write(self, data)

    patch.setattr(Appender, "write", limited)


def test_a_full_disk_at_the_start_puts_back_what_was_there(
    kind: RowFormat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is no room for the first line of the journal or of the output, the earlier files are restored.

    They are an unfinished output and its journal.
    """
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    before = {name: (tmp_path / name).read_bytes() for name in left(tmp_path)}
    for room in (0, 330):
        with monkeypatch.context() as patch:
            limit(patch, [room])
            with pytest.raises(OutputError):
                folder.compare(output, kind)
        assert {name: (tmp_path / name).read_bytes() for name in left(tmp_path)} == before
