"""Output files that are either complete or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.errors import OutputError
from eyediff.output.files import Lock
from eyediff.output.output_files import atomic_output, begins_with_mark, is_text, text_output


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_takes_its_place_when_all_is_well(tmp_path: Path) -> None:
    """The old content stays until the new file is complete. A link still points to the same file."""
    path, link = tmp_path / "out.csv", tmp_path / "link.csv"
    path.write_text("old")
    link.symlink_to(path)
    with atomic_output(link, is_text, "text") as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and link.is_symlink() and left(tmp_path) == ["link.csv", "out.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OutputError("full"), OSError(28, "No space left on device")])
def test_nothing_changes_when_it_fails(tmp_path: Path, error: BaseException) -> None:
    """The old file stays, and no other file is left. An error of the system becomes one line with the file name."""
    path = tmp_path / "out.csv"
    path.write_text("old")
    kind = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(kind) as told, atomic_output(path, is_text, "text") as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "old" and left(tmp_path) == ["out.csv"]
    if isinstance(error, OSError):
        assert "out.csv: No space left" in str(told.value)


def test_another_kind_of_file_is_not_replaced(tmp_path: Path) -> None:
    """`-o` with the name of an image does not replace the image. Binary output does not replace a foreign text file."""
    path = tmp_path / "x"
    for content, ours in ((b"\x89PNG\0", is_text), (b"a,b", begins_with_mark)):
        path.write_bytes(content)
        with (
            pytest.raises(OutputError, match="but it is not an npy"),
            atomic_output(path, ours, "an npy file"),
        ):
            pass
        assert path.read_bytes() == content and left(tmp_path) == ["x"]


def test_what_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    """A missing folder, and a file that another run is writing, are errors before the work begins."""
    with (
        pytest.raises(OutputError, match=r"cannot write .*out"),
        atomic_output(tmp_path / "no" / "out", is_text, "text"),
    ):
        pytest.fail("the work began")
    lock = Lock(tmp_path / "out")
    with pytest.raises(OutputError, match="another run"), atomic_output(tmp_path / "out", is_text, "text"):
        pytest.fail("the work began")
    lock.release()


def test_text_to_a_file_and_to_a_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is written in UTF-8 with plain line feeds. A stream stays open."""
    import sys

    with text_output(tmp_path / "out", data=True) as text:
        text.write("é\n")
    assert (tmp_path / "out").read_bytes() == b"\xc3\xa9\n" and not text.terminal
    with text_output(sys.stdout, data=True) as text:
        text.write("one\n")
    print("two")  # noqa: T201
    assert capsys.readouterr().out == "one\ntwo\n"
