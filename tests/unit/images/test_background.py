"""Tests of transparency on a stated background, and of pairs with only one transparent image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.errors import ImageError, UsageError
from eyediff.images import as_image
from eyediff.records import Failure, ScoredPair

SIDE = 24


def _levels(seed: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIDE, SIDE, channels), np.uint8)


def _blend(colours: np.ndarray, alpha: np.ndarray, ground: np.ndarray) -> np.ndarray:
    share = alpha[..., None].astype(np.float64) / 255
    blended: np.ndarray = colours * share + ground * (1 - share)
    return blended


@pytest.fixture
def nerf(tmp_path: Path) -> tuple[Path, Path]:
    """Write a transparent ground truth, and a render of it on white with noise. Return both paths."""
    truth = _levels(1, 4)
    truth[:, : SIDE // 2, 3] = 0
    render = _blend(truth[..., :3], truth[..., 3], np.full(3, 255)) + np.random.default_rng(2).normal(
        0, 4, (SIDE, SIDE, 3)
    )
    Image.fromarray(truth).save(tmp_path / "truth.png")
    Image.fromarray(render.clip(0, 255).round().astype(np.uint8)).save(tmp_path / "render.png")
    return tmp_path / "truth.png", tmp_path / "render.png"


@pytest.mark.parametrize(
    ("policy", "ground"),
    [("white", (255, 255, 255)), ("black", (0, 0, 0)), ("#1080f0", (16, 128, 240)), ("checkerboard", None)],
)
def test_a_background_is_blended(policy: str, ground: tuple[int, ...] | None) -> None:
    """The blending is "over" of Porter and Duff, within half a level for each of two roundings."""
    stored = _levels(3, 4)
    found = as_image(Image.fromarray(stored), alpha=policy)
    if ground is None:
        rows = np.arange(SIDE) // 8
        squares = np.where((rows[:, None] + rows) % 2, 204, 255)[..., None]
    else:
        squares = np.array(ground)
    assert np.abs(found.pixels - _blend(stored[..., :3], stored[..., 3], squares)).max() <= 1
    assert found.over_white is None
    assert found.notes == (f"transparency on {policy}",)


def test_a_render_on_white_needs_its_background(nerf: tuple[Path, Path]) -> None:
    """Without a stated background, the pair fails, and its message has both scores.

    The better score is that of the stated background.
    """
    (row,) = eyediff.compare(*nerf, ["psnr", "ssim"]).rows
    assert isinstance(row, Failure)
    (scored,) = eyediff.compare(*nerf, ["psnr", "ssim"], alpha="white").rows
    assert isinstance(scored, ScoredPair)
    assert scored.scores["psnr"] > 30
    assert scored.notes == ("reference: transparency on white",)
    assert f"{scored.scores['psnr']:.6g} on white" in row.message
    assert "only the reference is transparent" in row.message
    assert "ssim" in row.message
    with pytest.raises(ImageError, match="only the reference is transparent"):
        eyediff.distance(*nerf, "psnr")
    assert eyediff.distance(*nerf, "psnr", alpha="white") == pytest.approx(scored.scores["psnr"], abs=1e-6)


def test_the_command_fails_without_a_background(nerf: tuple[Path, Path]) -> None:
    words = ["compare", *map(str, nerf), "-m", "psnr"]
    assert run(words) == 3
    assert run([*words, "--alpha", "white", "--min", "psnr=30"]) == 0
    assert run([*words, "--alpha", "black", "--min", "psnr=30"]) == 1


def test_two_transparent_images_have_the_worse_score(nerf: tuple[Path, Path], tmp_path: Path) -> None:
    """Two transparent images have the worse of their scores on black and on white.

    A note names the background of this score.
    """
    other = np.array(Image.open(nerf[0]))
    other[:, : SIDE // 2] = (0, 0, 0, 9)
    Image.fromarray(other).save(tmp_path / "other.png")
    (row,) = eyediff.compare(nerf[0], tmp_path / "other.png", ["psnr", "ssim"]).rows
    scores = {
        ground: {name: eyediff.distance(nerf[0], tmp_path / "other.png", name, alpha=ground) for name in row.scores}
        for ground in ("black", "white")
    }
    worse = {name: min(scores, key=lambda ground: scores[ground][name]) for name in row.scores}
    assert row.scores == {name: scores[ground][name] for name, ground in worse.items()}
    assert set(worse.values()) == {"white"} and row.notes == ("worst of black and white: white",)
    Image.open(nerf[0]).save(tmp_path / "same.png")
    (row,) = eyediff.compare(nerf[0], tmp_path / "same.png", ["psnr"]).rows
    assert (row.scores, row.notes) == ({"psnr": float("inf")}, ("worst of black and white: both",))


@pytest.mark.parametrize("policy", ["pink", "#12345", "", "#12345g"])
def test_another_background_is_refused(policy: str, nerf: tuple[Path, Path]) -> None:
    with pytest.raises(UsageError, match="checkerboard"):
        eyediff.compare(*nerf, ["psnr"], alpha=policy)
    assert run(["compare", *map(str, nerf), "--alpha", policy]) == 2
