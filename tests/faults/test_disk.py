"""A disk that is full at any point.

One line reports the error, the earlier result is kept, and a rerun completes the output.
"""

from __future__ import annotations

import re
import resource
import subprocess
from pathlib import Path

import pytest

from eyediff.cli import run

from .work import EARLIER, files, images

COMMANDS = {
    "out.csv": ["compare", "a", "b", "-m", "psnr", "-o"],
    "out.jsonl": ["compare", "a", "b", "-m", "psnr", "-o"],
    "out.json": ["compare", "a", "b", "-m", "psnr", "-o"],
    "matrix.csv": ["matrix", "a", "-o"],
    "nearest.csv": ["nearest", "a", "--duplicates", "0.9", "-o"],
    "diversity.csv": ["diversity", "a", "-o"],
    "table.csv": ["table", "a", "one=b", "-m", "psnr", "-o"],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create 40 pairs."""
    folder = tmp_path_factory.mktemp("pictures")
    images(folder, 40, 32)
    return folder


def call(folders: Path, output: Path, *more: str) -> int:
    words = [
        f"one={folders / 'b'}" if word == "one=b" else str(folders / word) if word in ("a", "b") else word
        for word in COMMANDS[output.name]
    ]
    return run([*words, str(output), *more])


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(name: str, folders: Path, small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """If the disk is full, the earlier result is kept.

    The disk has 0 to 12 kB left. After more space is available, the same call completes the output, with --resume where
    it applies. The output is equal to that on a disk that was never full.
    """
    output, filler = small / name, small / "filler"
    output.write_bytes(EARLIER)
    call(folders, folders / name)
    whole = files(folders)[name]
    for left in (0, 4096, 8192, 12288):
        filler.write_bytes(b"")
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                file.truncate(max(0, file.tell() - left))
        again = ["--resume"] if (small / f"{name}.resume").exists() else []
        code, talk = call(folders, output, *again), capsys.readouterr().err
        if code in (2, 3) and "No space left" in talk:
            assert str(small) in talk.splitlines()[-1]
            assert EARLIER in files(small).values()
    filler.unlink()
    subprocess.run(["mount", "-o", "remount,size=1m", str(small)], check=True)  # sorting the rows needs a copy
    again = ["--resume"] if (small / f"{name}.resume").exists() else []
    assert call(folders, output, *again) in (0, 3)
    assert output.read_bytes() == whole


# The outputs of `diversity` and `table` are shorter than the limit.
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("diversity.csv", "table.csv")])
def test_a_limit_on_the_size_of_files(
    name: str, folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If files may have at most 1,500 bytes, the earlier result is kept, and a rerun completes the output.

    The limit acts like a quota and does not need root.
    """
    output = tmp_path / name
    output.write_bytes(EARLIER)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, before[1]))
    try:
        code = call(folders, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code in (2, 3)
    assert "File too large" in capsys.readouterr().err.splitlines()[-1]
    assert EARLIER in files(tmp_path).values()
    again = ["--resume"] if (tmp_path / f"{name}.resume").exists() else []
    assert call(folders, output, *again) in (0, 3)
    call(folders, folders / name)
    assert output.read_bytes() == files(folders)[name]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_that_is_full(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A full device gives one line and no traceback."""
    words = ["compare", str(folders / "a"), str(folders / "b"), "-m", "psnr", "-f", "csv", "-o", "/dev/full"]
    assert run(words) in (2, 3)
    assert "/dev/full: No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--plot x.png", "--plot x.svg", "--plot x.pdf", "--report x.html"])
def test_a_full_disk_for_pictures(
    option: str, folders: Path, small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plot or a report that does not fit is an error of this file, not of standard output or of eyediff.

    No lock and no temporary file are left.
    """
    monkeypatch.chdir(small)
    subprocess.run(["mount", "-o", "remount,size=64k", str(small)], check=True)
    Path("filler").write_bytes(bytes(61440))
    code = run(["compare", str(folders / "a"), str(folders / "b"), "-m", "psnr", *option.split()])
    lines = capsys.readouterr().err.splitlines()
    place = r"\S*x\S*" if "plot" in option else rf"a temporary file in {small}"
    assert len(lines) == 1 and re.match(rf"eyediff: cannot write {place}: No space left on device", lines[0])
    assert code == 3 and "complete rows: 40 of 40" in lines[0] if "plot" in option else code in (2, 3)
    assert [path.name for path in small.iterdir()] == ["filler"]


def test_a_full_disk_for_a_matrix(
    folders: Path, small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plot of a matrix fails with one line, which states the number of rows once."""
    monkeypatch.chdir(small)
    assert run(["matrix", str(folders / "a"), "--plot", "x.pdf"]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and err.count("complete rows: 40 of 40") == 1 and "x.pdf: No space left" in err


def test_a_full_disk_for_the_figure_of_a_table(
    folders: Path, small: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table is printed before the figure fails, and the exit code is 3."""
    monkeypatch.chdir(small)
    words = ["table", str(folders / "a"), f"one={folders / 'b'}", "-m", "psnr"]
    assert run([*words, "--figure", "x.pdf", "--crop", "0,0,9,9"]) == 3
    told = capsys.readouterr()
    assert told.out.startswith("Means by method") and "psnr: version" in told.out
    assert told.err.count("\n") == 1 and "x.pdf: No space left" in told.err and "complete rows: 1 of 1" in told.err
