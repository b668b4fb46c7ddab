"""A disk that is full for the output or its journal: what is continued when there is room is whole."""

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
    """Whichever of the two files the disk is full for: OutputError, whole rows remain, and the rest follows later. The
    earlier output is there until then."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    expected = folder.whole(kind)
    output.write_text('{"eyediff": "earlier"}')
    sizes = []
    for room in (900, 500, 550, 600, 650, 700):  # the first leaves room for the first lines
        with monkeypatch.context() as patch:
            limit(patch, [room])
            with pytest.raises(OutputError, match="No space left"):
                folder.compare(output, kind, resume=room < 900)
        assert expected.startswith(output.read_bytes())
        assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'
        sizes.append(output.stat().st_size)
    assert sizes == sorted(sizes) and sizes[-1] > sizes[0]
    folder.compare(output, kind, resume=True)
    assert output.read_bytes() == expected
    assert left(tmp_path) == ["out", "out.resume"]


def limit(patch: pytest.MonkeyPatch, room: list[int]) -> None:
    """All files that are appended to share so many bytes."""
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
    """No room for the journal's or the output's first line: an unfinished output and its journal are as before."""
    folder, output = Folder(tmp_path), tmp_path / "out"
    folder.compare(output, kind, stop_after=5)
    before = {name: (tmp_path / name).read_bytes() for name in left(tmp_path)}
    for room in (0, 330):
        with monkeypatch.context() as patch:
            limit(patch, [room])
            with pytest.raises(OutputError):
                folder.compare(output, kind)
        assert {name: (tmp_path / name).read_bytes() for name in left(tmp_path)} == before
