"""A call that is refused leaves everything as it was.

What happened: `compare -o s.csv --report FOREIGN` ended with exit code 2 and left `s.csv` empty, since outputs were
opened one after the other. The defence: a run that fails before its first row undoes every opening, the last first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from eyediff.cli import run


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., int]:
    """`eyediff compare` on two folders of three pictures."""
    for side, shade in (("a", 0), ("b", 90)):
        (tmp_path / side).mkdir()
        for name in "xyz":
            Image.new("RGB", (48, 48), (shade, 80, 10)).save(tmp_path / side / f"{name}.png")

    def call(*arguments: object) -> int:
        return run(["compare", *map(str, (tmp_path / "a", tmp_path / "b", "-m", "ssim", *arguments))])

    return call


def state(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder with its content."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def foreign(folder: Path) -> Path:
    """A folder that eyediff may not take."""
    folder.mkdir()
    (folder / "letter.txt").write_text("dear reader")
    return folder


@pytest.mark.parametrize(
    ("name", "option", "earlier"),
    [
        ("s.csv", "--report", "finished"),
        ("s.csv", "--maps", "resumable"),
        ("s.jsonl", "--report", "resumable"),
        ("s.json", "--maps", "finished"),
        ("s.txt", "--report", "none"),
        ("s.parquet", "--report", "resumable"),
        ("s.parquet", "--maps", "none"),
    ],
)
def test_outputs_of_an_earlier_run_stay(
    compare: Callable[..., int], tmp_path: Path, name: str, option: str, earlier: str
) -> None:
    """Results, report, maps and JUnit stay byte for byte, twice; no file is added."""
    output = tmp_path / "out" / name
    output.parent.mkdir()
    outputs = ["-o", output, "--junit", tmp_path / "out" / "j.xml"]
    other = ["--maps" if option == "--report" else "--report", tmp_path / "deep" / "other"]
    if earlier != "none":
        resume = ["--resume"] if earlier == "resumable" else []
        assert compare(*outputs, *other, *resume) == 0
    place = foreign(tmp_path / "foreign")
    before = state(tmp_path)
    for _ in range(2):
        assert compare(*outputs, *other, option, place) == 2
        assert state(tmp_path) == before


def test_junit_that_cannot_be_written(compare: Callable[..., int], tmp_path: Path) -> None:
    """A folder in the place of the JUnit file is found out before the results are touched, or these come back."""
    output, junit = tmp_path / "s.csv", foreign(tmp_path / "j.xml")
    assert compare("-o", output) == 0
    before = state(tmp_path)
    assert compare("-o", output, "--junit", junit) == 2
    assert state(tmp_path) == before


def test_a_lock_that_a_kill_left_in_a_folder_of_maps(compare: Callable[..., int], tmp_path: Path) -> None:
    """A run killed before its index was there must not shut its folder for ever."""
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("maps.json.lock", f"maps.json.{'0' * 32}.part"):
        (maps / name).touch()
    assert compare("--maps", maps) == 0
    assert (maps / "maps.json").is_file()
    assert not list(maps.glob("maps.json.*"))
