"""Images that disappear, change, never end, or cannot be read.

Each of them becomes a row with an error, and the other pairs have scores.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run
from eyediff.distortions.photos import find_photos
from eyediff.errors import ImageError, UsageError
from eyediff.images import content, read, reading
from eyediff.output.files import Lock
from eyediff.pairing import walk

from .work import images

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and modes of POSIX")


@pytest.fixture
def pair_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create twelve pairs, one of which has no image, in the current folder."""
    images(tmp_path, 12, 32)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path: Path) -> dict[str, str | None]:
    """Return the error message of each row of a JSON lines file, or None."""
    records = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    return {record["pair"]: record["error"] and record["error"]["message"] for record in records}


def compare(*more: str) -> int:
    return run(["compare", "a", "b", "-m", "psnr", "-o", "out.jsonl", *more])


def test_files_that_are_no_files(pair_of_folders: Path) -> None:
    """A pipe without a writer and an endless device each become a row with an error, and the run does not wait."""
    for name, make in (("00001.png", os.mkfifo), ("00002.png", lambda path: path.symlink_to("/dev/zero"))):
        path = pair_of_folders / "b" / name
        path.unlink()
        make(path)
    assert compare() == 3
    found = rows(pair_of_folders / "out.jsonl")
    assert len(found) == 12 and sum(error is None for error in found.values()) == 9
    assert all("is a pipe or device, but a regular file was expected" in str(found[f"0000{i}.png"]) for i in (1, 2))


FOLDER = "the path is a folder, but an image file was expected; give a file in the folder"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("compare --pairs pairs.csv -m psnr", 3, f"folder.png: {FOLDER}"),
        ("compare --pairs masks.csv -m psnr", 3, f"folder.png: {FOLDER}"),
        ("compare a/00000.png b/00001.png --mask folder.png -m psnr", 2, "folder.png has no mask for 1 of 1 pairs"),
        ("explain a/00000.png folder.png", 2, f"folder.png: {FOLDER}"),
        ("explain folder.png a/00000.png", 2, f"folder.png: {FOLDER}"),
        ("optimize folder.png a/00000.png -o out", 2, f"folder.png: {FOLDER}"),
        ("optimize a/00000.png folder.png -o out", 2, f"folder.png: {FOLDER}"),
        ("video folder.png folder.png", 2, "folder.png is a folder; give a video file"),
        ("eval mos mos.csv -m psnr", 2, f"folder.png: unreadable: {FOLDER}"),
        ("eval 2afc votes.csv -m psnr", 2, f"folder.png: unreadable: {FOLDER}"),
        ("eval check votes.csv", 2, f"folder.png: unreadable: {FOLDER}"),
        ("train votes.csv -o out --hold-out 0.5", 2, f"folder.png: unreadable: {FOLDER}"),
        ("eval mos pipe.csv -m psnr", 2, "pipe.png: unreadable: the path is a pipe or device"),
        (
            "accept run.json a --all",
            3,
            "00001.png is not accepted: b/00001.png is not a regular file; expected an image",
        ),
    ],
)
def test_a_folder_in_place_of_an_image(
    command: str, code: int, told: str, pair_of_folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command that takes an image file refuses a folder with one line that says so. None waits for a pipe."""
    if command.startswith(("optimize", "train")):
        pytest.importorskip("torch", reason="the extra `torch` is not installed")
    if command.startswith("video"):
        pytest.importorskip("av", reason="the extra `video` is not installed")
    Path("folder.png", "x").mkdir(parents=True)
    Path("folder.png", "x", "00002.png").write_bytes(Path("a", "00002.png").read_bytes())
    os.mkfifo("pipe.png")
    tables = {
        "pairs": "reference,candidate\na/00000.png,folder.png\n",
        "masks": "reference,candidate,mask\na/00000.png,b/00000.png,folder.png\n",
        "mos": "reference,candidate,mos\na/00000.png,folder.png,1\na/00001.png,b/00001.png,2\n",
        "pipe": "reference,candidate,mos\na/00000.png,pipe.png,1\na/00001.png,b/00001.png,2\n",
        "votes": "reference,a,b,votes_a,votes_b\na/00000.png,folder.png,b/00001.png,1,2\n",
    }
    for name, text in tables.items():
        Path(f"{name}.csv").write_text(text)
    if command.startswith("accept"):
        assert run(["compare", "a", "b", "-m", "l2", "--max", "l2=0", "-o", "run.json"]) == 1
        Path("b", "00001.png").unlink()
        Path("b", "00001.png").mkdir()
    capsys.readouterr()
    assert run(command.split()) == code
    lines = "".join(capsys.readouterr()).splitlines()
    assert any(told in line for line in lines), lines


def test_a_folder_with_the_name_of_an_image(pair_of_folders: Path) -> None:
    """A folder with the suffix of an image is no image. Its images are found."""
    for part in "ab":
        Path(part, "folder.png").mkdir()
        Path(part, "folder.png", "x.png").write_bytes(Path(part, "00002.png").read_bytes())
    assert compare() == 3
    found = rows(pair_of_folders / "out.jsonl")
    assert len(found) == 13 and found["folder.png/x.png"] is None
    assert Path("a", "folder.png") not in find_photos(Path("a")) and len(find_photos(Path("a"))) == 13
    with pytest.raises(UsageError, match=r"00000\.png is a file; expected a folder of image files"):
        find_photos(Path("a", "00000.png"))


def test_files_that_vanish_and_change_after_the_listing(pair_of_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that disappears or is cut after the listing becomes a row with an error.

    When the files are back, --resume computes them. The output is then that of an undisturbed run.
    """
    assert compare("--resume") == 3
    whole = (pair_of_folders / "out.jsonl").read_bytes()
    for path in pair_of_folders.glob("out.jsonl*"):
        path.unlink()
    gone, cut = (pair_of_folders / "b" / name for name in ("00003.png", "00004.png"))
    kept = {path: path.read_bytes() for path in (gone, cut)}
    listed = walk.images_below

    def then_gone(folder: Path) -> Any:
        found = listed(folder)
        if folder.name == "b":
            gone.unlink()
            cut.write_bytes(kept[cut][:200])
        return found

    with monkeypatch.context() as patch:
        patch.setattr("eyediff.pairing.images_below", then_gone)
        assert compare() == 3
    found = rows(pair_of_folders / "out.jsonl")
    assert "no such file; check the path" in str(found["00003.png"])
    assert "damaged" in str(found["00004.png"])
    for path, data in kept.items():
        path.write_bytes(data)
    assert compare("--resume") == 3
    assert (pair_of_folders / "out.jsonl").read_bytes() == whole


def test_a_read_that_fails_halfway(pair_of_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read error of the disk is not reported as damage, because the file may be complete.

    The error occurs after the header, while the decoder reads.
    """

    class Failing(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100:
                raise OSError(5, "Input/output error")
            return super().read(size)

    def opened(handle: int, *_: object, **__: object) -> io.BufferedReader:
        return Failing(io.FileIO(handle, closefd=False))

    monkeypatch.setattr(reading.os, "fdopen", opened)
    with pytest.raises(ImageError, match=r"00000\.png: the file cannot be read \(Input/output error\); check the disk"):
        read(Path("a/00000.png"))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no /proc")
def test_a_file_whose_first_bytes_cannot_be_read() -> None:
    """An EIO error of the kernel is reported.

    Page 0 of a process is never mapped, so the first bytes of /proc/self/mem cannot be read.
    """
    with pytest.raises(ImageError, match=r"/proc/self/mem: the file cannot be read \(Input/output error\)"):
        content(Path("/proc/self/mem"))


def test_no_permission(pair_of_folders: Path) -> None:
    """A file without read permission gives an error with its name and the reason.

    Root can read all files, so the file is read as the user nobody if the tests run as root.
    """
    (pair_of_folders / "b" / "00005.png").chmod(0)
    script = (
        "import os, sys; from pathlib import Path; from eyediff.images import read\n"
        "os.getuid() or os.setuid(65534)\n"
        "try: read(Path('b/00005.png'))\n"
        "except Exception as error: print(error)"
    )
    for folder in (pair_of_folders, *list(pair_of_folders.parents)[:3]):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):  # noqa: S108 - not ours to change
            folder.chmod(0o755)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "b/00005.png: the file cannot be opened (Permission denied); check the path" in done.stdout


def test_a_decoder_out_of_memory(tmp_path: Path) -> None:
    """The error for a decoder without enough memory states the memory, not damage.

    The pixels take 400 MB, and the process may take 300 MB more than it has.
    """
    Image.fromarray(np.zeros((10_000, 10_000), np.uint8)).save(tmp_path / "large.png")
    script = (
        "import resource, sys; from pathlib import Path; from eyediff.images import read\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 300_000_000,) * 2)\n"
        "try: read(Path(sys.argv[1]))\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "large.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "ImageError" in done.stdout and "large.png: there is not enough memory" in done.stdout


def test_two_runs_into_one_output(pair_of_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run into one output is refused before any work, and the message gives the reason.

    After the first run has ended, the second run succeeds.
    """
    lock = Lock(Path("out.jsonl").resolve())
    try:
        assert compare() == 2
    finally:
        lock.release()
    assert "another run is writing" in capsys.readouterr().err
    assert not Path("out.jsonl").exists()
    assert compare() == 3 and len(rows(Path("out.jsonl"))) == 12


def test_a_pipe_among_the_photos_of_a_distillation(tmp_path: Path) -> None:
    """A pipe among the photos of a distillation is refused.

    Photos are hashed before they are decoded. The command once waited for the pipe without end.
    """
    pytest.importorskip("torch")
    import torch

    from eyediff.training.distillation.distill import distill
    from eyediff.training.distillation.recipe import DistillationRecipe

    (tmp_path / "photos").mkdir()
    os.mkfifo(tmp_path / "photos" / "0.png")
    with pytest.raises(ImageError, match="is a pipe or device"):
        distill(
            [tmp_path / "photos"],
            tmp_path / "out",
            tmp_path / "work",
            DistillationRecipe(),
            resume=False,
            workers=1,
            device=torch.device("cpu"),
            report=lambda _: None,
        )


def test_what_kills_left_of_saved_weights_is_swept(tmp_path: Path) -> None:
    """Temporary files that kills left of saved weights are removed. Those of other weights stay.

    Every kill during a save once left a file of the size of the weights permanently.
    """
    from eyediff.weights.containers import remove_leftovers

    for name in (".run.safetensors.0a.tmp", ".other.safetensors.0a.tmp", "run.safetensors"):
        (tmp_path / name).write_bytes(b"")
    remove_leftovers(tmp_path / "run.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".other.safetensors.0a.tmp", "run.safetensors"]
