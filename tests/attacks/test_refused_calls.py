"""A call that is refused leaves all files unchanged.

`compare -o s.csv --report FOREIGN` once ended with exit code 2 and left `s.csv` empty, because outputs were opened one
after the other. The defence: a run that fails before its first row undoes every opening, in reverse order.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from eyediff.cli import run


@pytest.fixture
def compare(tmp_path: Path) -> Callable[..., int]:
    """Return a function that runs `eyediff compare` on two folders of three images."""
    for side, shade in (("a", 0), ("b", 90)):
        (tmp_path / side).mkdir()
        for name in "xyz":
            Image.new("RGB", (48, 48), (shade, 80, 10)).save(tmp_path / side / f"{name}.png")

    def call(*arguments: object) -> int:
        return run(["compare", *map(str, (tmp_path / "a", tmp_path / "b", "-m", "ssim", *arguments))])

    return call


def state(folder: Path) -> dict[str, bytes | None]:
    """Return every path below a folder with its content."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def foreign(folder: Path) -> Path:
    """Create a folder with a foreign file. eyediff must not use the folder as an output."""
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
    """Two refused calls leave results, report, maps and JUnit file byte for byte the same, and add no file."""
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
    """If a folder has the path of the JUnit file, the call is refused and the results stay unchanged."""
    output, junit = tmp_path / "s.csv", foreign(tmp_path / "j.xml")
    assert compare("-o", output) == 0
    before = state(tmp_path)
    assert compare("-o", output, "--junit", junit) == 2
    assert state(tmp_path) == before


def test_a_lock_that_a_kill_left_in_a_folder_of_maps(compare: Callable[..., int], tmp_path: Path) -> None:
    """A run that was killed before it wrote its index does not block its folder of maps permanently."""
    maps = tmp_path / "maps"
    maps.mkdir()
    for name in ("maps.json.lock", f"maps.json.{'0' * 32}.part"):
        (maps / name).touch()
    assert compare("--maps", maps) == 0
    assert (maps / "maps.json").is_file()
    assert not list(maps.glob("maps.json.*"))
