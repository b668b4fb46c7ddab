"""Results files: a file is made before the first score is computed, and earlier content is not lost."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff import output as reports
from eyediff.errors import OutputError
from eyediff.interfaces import Sink
from eyediff.output.files import Appender, Lock

from .samples import HEADER, ROWS, SUMMARY
from .written import written


def left(folder: Path) -> list[str]:
    """Return the sorted names of the entries of a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_file_holds_what_a_stream_gets(kind: reports.Format, tmp_path: Path) -> None:
    """A file has UTF-8 and line feeds. Each row is in it before the next row is written. No other file is left."""
    path = tmp_path / "out"
    sink = reports.row_sink(kind, path)
    sink.open(HEADER)
    assert left(tmp_path) == ["out", "out.lock"]
    sizes = [path.stat().st_size]
    for row in ROWS:
        sink.write(row)
        sizes.append(path.stat().st_size)
    assert sizes == sorted(set(sizes))
    sink.close(SUMMARY)
    assert left(tmp_path) == ["out"]
    assert path.read_bytes() == written(kind).encode()


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_an_earlier_file_is_kept_until_the_end(kind: reports.Format, tmp_path: Path) -> None:
    """An interrupted run keeps the earlier file as `out~`. A later complete run does not remove `out~`."""
    path = tmp_path / "out"
    path.write_text('{"eyediff": "earlier"}')
    for interrupted, expected in ((True, ["out", "out~"]), (False, ["out", "out~"])):
        sink = reports.row_sink(kind, path)
        sink.open(HEADER)
        assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'
        sink.write(ROWS[0])
        sink.close(replace(SUMMARY, interrupted=interrupted))
        assert left(tmp_path) == expected
    assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'


def test_a_finished_run_removes_what_it_kept(tmp_path: Path) -> None:
    """A complete run removes only its own kept file. Another file named `out~`, such as that of an editor, stays."""
    path = tmp_path / "out"
    path.write_text('{"eyediff": "earlier"}')
    (tmp_path / "out~").write_text("an editor's")
    sink = reports.row_sink("csv", path)
    sink.open(HEADER)
    assert (tmp_path / "out~2").read_text() == '{"eyediff": "earlier"}'
    sink.close(SUMMARY)
    assert left(tmp_path) == ["out", "out~"]
    assert (tmp_path / "out~").read_text() == "an editor's"


def test_an_image_is_not_overwritten(tmp_path: Path) -> None:
    """`-o` with the name of an image is refused, and the image stays unchanged."""
    path = tmp_path / "cat.png"
    picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
    path.write_bytes(picture)
    with pytest.raises(OutputError, match=r"cat\.png exists, but it holds no results"):
        reports.row_sink("text", path).open(HEADER)
    assert path.read_bytes() == picture
    assert left(tmp_path) == ["cat.png"]


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_an_output_that_cannot_be_made_is_an_error_at_once(kind: reports.Format, tmp_path: Path) -> None:
    """Opening the sink raises an error of one line that names the file.

    The cases are a missing folder, a folder at the path, and a file in place of the parent folder.
    """
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none/out", tmp_path, tmp_path / "file/out"):
        with pytest.raises(OutputError, match="cannot write") as caught:
            reports.row_sink(kind, path).open(HEADER)
        assert path.name in str(caught.value) and "\n" not in str(caught.value)
    assert left(tmp_path) == ["file"]


class FullDisk:
    """A file on a disk with space for `room` bytes. As in a file system, the last write that fits is cut short."""

    def __init__(self, file: object, room: int) -> None:
        self.file, self.room = file, room

    def write(self, data: memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[: self.room]
        self.room -= len(data)
        return self.file.write(data)  # type: ignore[attr-defined,no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self.file, name)


def fill(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Limit the space of each file that is opened for appending from now on to `room` bytes."""
    start = Appender.__init__

    def limited(self: Appender, path: Path, keep: int = 0) -> None:
        start(self, path, keep)
        self._file = FullDisk(self._file, room)  # type: ignore[assignment]

    monkeypatch.setattr(Appender, "__init__", limited)


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_full_disk_leaves_whole_rows_and_the_earlier_file(
    kind: reports.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row that does not fit leaves no partial row. The rows before it and the earlier file stay."""
    path = tmp_path / "out"
    path.write_text('{"eyediff": "earlier"}')
    fill(monkeypatch, 1100)
    sink: Sink = reports.row_sink(kind, path)
    sink.open(HEADER)
    with pytest.raises(OutputError, match="No space left on device; its earlier content is kept"):
        for _ in range(60):
            sink.write(ROWS[0])
            size = path.stat().st_size
    assert path.stat().st_size == size <= 1100
    with suppress(OutputError):  # a format with a closing text has no space for it
        sink.close(replace(SUMMARY, interrupted=True))
    assert path.stat().st_size == size
    assert left(tmp_path) == ["out", "out~"]
    assert (tmp_path / "out~").read_text() == '{"eyediff": "earlier"}'


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_disk_that_is_full_at_once_changes_nothing(
    kind: reports.Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If not even the header fits, the earlier file gets its name back."""
    path = tmp_path / "out"
    path.write_text('{"eyediff": "earlier"}')
    fill(monkeypatch, 10)
    with pytest.raises(OutputError):
        reports.row_sink(kind, path).open(HEADER)
    assert left(tmp_path) == ["out"]
    assert path.read_text() == '{"eyediff": "earlier"}'


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    """The second run gets an error and changes nothing. After the first run has ended, the second run may write."""
    path = tmp_path / "out"
    first, second = reports.row_sink("csv", path), reports.row_sink("text", path)
    first.open(HEADER)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="another run is writing"):
        second.open(HEADER)
    assert (path.read_bytes(), left(tmp_path)) == (before, ["out", "out.lock"])
    first.close(SUMMARY)
    second.open(HEADER)
    second.close(SUMMARY)
    assert left(tmp_path) == ["out"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A killed process leaves its lock file behind, but this file does not block later runs."""
    script = (
        "import os, signal, sys; from pathlib import Path; from eyediff.output.files import Lock;"
        "lock = Lock(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "out")], check=False)
    assert left(tmp_path) == ["out.lock"]
    Lock(tmp_path / "out").release()
    assert left(tmp_path) == []


def test_a_link_keeps_pointing_where_it_did(tmp_path: Path) -> None:
    """The results are written to the file that the link points to."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real/out").write_text('{"eyediff": "earlier"}')
    (tmp_path / "link").symlink_to("real/out")
    sink = reports.row_sink("csv", tmp_path / "link")
    sink.open(HEADER)
    sink.close(SUMMARY)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/out").read_text().startswith("pair,")
    assert left(tmp_path / "real") == ["out"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_takes_rows(tmp_path: Path) -> None:
    """A path that is not a regular file is written directly. No earlier content is kept, and no lock file is made."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        sink = reports.row_sink("csv", pipe)
        sink.open(HEADER)
        sink.write(ROWS[0])
        assert left(tmp_path) == ["pipe"]
        sink.close(SUMMARY)
        assert reader.stdout is not None
        assert reader.stdout.read().count(b"\n") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_is_an_error_of_ours() -> None:
    """A full device, as with `-o /dev/full`, raises OutputError."""
    with pytest.raises(OutputError, match="No space left"):
        reports.row_sink("json", Path("/dev/full")).open(HEADER)
