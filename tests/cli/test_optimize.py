"""Tests of `eyediff optimize`: the files in its folder, and errors of one line."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.optimize import run as optimization
from tests.unit.distortions.scenes import scene

from . import test_compare

call, one_line = test_compare.call, test_compare.one_line


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Write a generated picture of 32 x 24 pixels. Return its path."""
    path = tmp_path / "target.png"
    Image.fromarray(scene(3, 32)[:24]).save(path)
    return path


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def log_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def test_the_folder_holds_what_happened(call, target: Path, tmp_path: Path) -> None:
    """The folder has a log with a line for each step, frames, pictures and an animation.

    The last score in the log is that of the saved result.
    """
    folder = tmp_path / "run"
    said = call("optimize", "noise", target, "-m", "ssim", "--steps", 12, "--frames", 4, "--seed", 7, "-o", folder)
    assert said.code == 0 and said.err == ""
    header, *lines = log_of(folder)
    assert header["metric"] == "ssim" and header["version"] == "wang" and header["start"] == "noise"
    assert header["rate"] == 0.1
    assert (header["width"], header["height"], header["steps"], header["seed"]) == (32, 24, 12, 7)
    assert [line["step"] for line in lines] == list(range(13))
    kept = {line["step"]: line["frame"] for line in lines if "score" in line}
    assert list(kept) == [0, 1, 3, 7, 12]
    for name in kept.values():
        assert pixels_of(folder / name).shape == (24, 32, 3)
    assert lines[-1]["score"] == pytest.approx(eyediff.distance(target, folder / "result.png", "ssim"), rel=1e-5)
    assert said.out.startswith("ssim  ") and str(folder / "side-by-side.png") in said.out
    with Image.open(folder / "steps.gif") as film:
        assert film.n_frames == 5
    result = pixels_of(folder / "result.png").repeat(7, 0).repeat(7, 1)  # enlarged from 32 to 224 pixels for a screen
    beside = pixels_of(folder / "side-by-side.png")
    top, left = beside.shape[0] - result.shape[0] - 4, 8 + 224 + 8
    assert np.array_equal(beside[top : top + 168, left : left + 224], result)
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert not list(folder.rglob("*.tmp"))


def test_the_same_call_gives_the_same_picture(call, target: Path, tmp_path: Path) -> None:
    """The same call gives the same result byte for byte. An APNG animation is a PNG file with frames."""
    for name in ("a", "b"):
        said = call("optimize", "noise", target, "-m", "l2", "--steps", 3, "--animation", "apng", "-o", tmp_path / name)
        assert said.code == 0
    assert (tmp_path / "a/result.png").read_bytes() == (tmp_path / "b/result.png").read_bytes()
    with Image.open(tmp_path / "a/steps.png") as film:
        assert film.n_frames == 3  # after 0, 1 and 3 steps


def test_a_run_is_not_written_over(call, target: Path, tmp_path: Path) -> None:
    """A folder that holds the results of a run is refused before any computation. Other files in it are accepted."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    arguments = ("optimize", "noise", target, "-m", "l2", "--steps", 1, "-o", folder)
    assert call(*arguments).code == 0
    one_line(call(*arguments), "run already contains the results of an optimisation", "log.jsonl", "-o")
    one_line(call(*arguments[:-1], target), "is a file", "-o")


def test_wrong_calls_are_one_line(call, target: Path, tmp_path: Path) -> None:
    """Sizes, metrics and images that do not fit are refused with one line, and nothing is written."""
    other = tmp_path / "other.png"
    Image.fromarray(scene(4, 40)).save(other)
    folder = tmp_path / "run"
    one_line(call("optimize", other, target, "-m", "l2", "-o", folder), "40x40", "32x24", "--size")
    one_line(call("optimize", "noise", target, "-m", "fsim", "-o", folder), "no gradient", "lpips-alex")
    one_line(call("optimize", "noise", target, "-m", "lpips-alx", "-o", folder), "did you mean")
    one_line(call("optimize", "noise", target, "-m", "ms-ssim", "-o", folder), "32x24", "161")
    one_line(call("optimize", "noise", target, "-m", "perceptual", "-o", folder), "VGG16", "weights get vgg")
    one_line(call("optimize", "noise", tmp_path / "none.png", "-m", "l2", "-o", folder), "none.png", "no such file")
    one_line(call("optimize", "noise", target, "-m", "l2", "--rate", "0", "-o", folder), "--rate 0")
    large = tmp_path / "large.png"
    Image.new("RGB", (1200, 1000)).save(large)
    one_line(call("optimize", "noise", large, "-m", "l2", "-o", folder), "1200x1000", "--side")
    frames = [Image.fromarray(scene(seed, 32)) for seed in (1, 2)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    for start, end in (("noise", tmp_path / "moving.gif"), (tmp_path / "moving.gif", target)):
        one_line(call("optimize", start, end, "-m", "l2", "-o", folder), "several frames or pages; expected one")
    assert not folder.exists()


def test_sizes_can_be_brought_together(call, target: Path, tmp_path: Path) -> None:
    """--size resizes the start, and --side shrinks both images. Standard error reports these changes."""
    other = tmp_path / "other.png"
    Image.fromarray(scene(4, 40)).save(other)
    folder = tmp_path / "run"
    said = call(
        "optimize", other, target, "-m", "l2", "--steps", 1, "--size", "resize", "--side", 16, "-o", folder
    )  # fmt: skip
    assert said.code == 0
    assert (log_of(folder)[0]["rate"], log_of(folder)[0]["seed"]) == (0.01, 0)
    assert "target.png: reduced from 32x24 to 16x12" in said.err and "resized from 16x16 to 16x12" in said.err
    assert pixels_of(folder / "result.png").shape == (12, 16, 3)


def test_transparency_is_shown_on_white(call, tmp_path: Path) -> None:
    """Transparent images are shown on white, and standard error says so.

    The command needs one picture as target, not two.
    """
    clear = tmp_path / "clear.png"
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(clear)
    said = call("optimize", clear, clear, "-m", "l2", "--steps", 1, "-o", tmp_path / "run")
    assert said.code == 0 and said.err.count("on white") == 2
    assert (pixels_of(tmp_path / "run" / "result.png") == 255).all()


def test_without_torch_or_matplotlib_one_line_says_so(
    call, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib, only the curve is missing. Without torch, the command is refused. One line says why."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = call("optimize", "noise", target, "-m", "l2", "--steps", 1, "-o", tmp_path / "run")
    assert said.code == 0 and said.err.count("\n") == 1 and "matplotlib is not installed" in said.err
    assert (tmp_path / "run" / "steps.gif").exists() and not (tmp_path / "run" / "curve.png").exists()
    monkeypatch.setitem(sys.modules, "torch", None)
    one_line(call("optimize", "noise", target, "-o", tmp_path / "other"), "needs torch", "pip install")


def test_odd_names_and_shapes_are_drawn(call, tmp_path: Path) -> None:
    """A picture that is narrower than its captions, with dollar signs in its name, can be drawn.

    Start and target are equal, so that the distance is always 0.
    """
    path = tmp_path / "$a_{$.png"
    Image.fromarray(scene(3, 64)[:, :3]).save(path)
    said = call("optimize", path, path, "-m", "l2", "--steps", 2, "-o", tmp_path / "run")
    assert said.code == 0 and said.out.startswith("l2  0 at the start, 0 after 2 steps")
    assert pixels_of(tmp_path / "run" / "side-by-side.png").shape[1] > 3 * 224


def test_ctrl_c_keeps_what_there_is(call, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted run has exit code 130 and keeps the log and the pictures of the finished steps."""
    descend = optimization.descend

    def stopped(*arguments):
        for step in descend(*arguments):
            if step.number == 5:
                os.kill(os.getpid(), signal.SIGINT)
            yield step

    monkeypatch.setattr(optimization, "descend", stopped)
    said = call("optimize", "noise", target, "-m", "l2", "--frames", 1, "-o", tmp_path / "run")
    assert said.code == 130 and "stopped after 5 of 300 steps" in said.err
    assert log_of(tmp_path / "run")[-1]["step"] == 5
    assert (tmp_path / "run" / "side-by-side.png").exists()
