"""Tests of the descent and of its metrics, on small images and with weights of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import eyediff
from eyediff import images
from eyediff.errors import UnknownMetricError, UsageError
from eyediff.metrics.registry import METRICS
from eyediff.optimize.descent import descend, noise_image, shift_window, to_pixels, to_tensor
from eyediff.optimize.objectives import Objective, load_objective
from eyediff.optimize.settings import RATE_FROM_IMAGE, DescentSettings, objective_names
from eyediff.records import Pixels
from tests.unit.distortions.scenes import scene

SHORT = DescentSettings(steps=40, seed=5)
ORDERED = [name for name, info in METRICS.items() if info.torch_module and not info.symmetric]


def pulled(
    metric: str, target: Pixels, settings: DescentSettings = SHORT, start: Pixels | None = None
) -> tuple[Objective, Pixels]:
    """Run a descent from noise, or from `start`. Return the objective and the last image as it is saved."""
    objective = load_objective(metric)
    begun = noise_image(*target.shape[:2], settings.seed) if start is None else start
    *_, last = descend(to_tensor(begun), to_tensor(target), objective, settings)
    assert last.number == settings.steps
    return objective, to_pixels(last.image)


@pytest.mark.parametrize(
    ("metric", "left"), [("l2", 0.01), ("psnr", 0.01), ("ssim", 0.2), ("dssim", 0.2), ("lpips-mini", 0.3)]
)
def test_a_metric_is_followed(metric: str, left: float) -> None:
    """After 40 steps, at most the share `left` of the way from noise to the target remains.

    The limit is about five times the observed value, since another order of sums gives another result. A gradient with
    a wrong sign would leave the whole way.
    """
    target = scene(3, 32)
    objective, found = pulled(metric, target)
    first, last, best = (
        objective.score(to_tensor(pixels), to_tensor(target))
        for pixels in (noise_image(32, 32, SHORT.seed), found, target)
    )
    if metric == "psnr":  # its best score is infinite: the test compares the mean square instead
        first, last, best = (10 ** (-score / 10) for score in (first, last, best))
    assert abs(last - best) < left * abs(first - best)


def test_it_repeats_itself_and_the_seed_decides() -> None:
    """The same plan gives the same pixels to the last bit. Another seed gives other pixels."""
    target = scene(3, 32)
    few = DescentSettings(steps=4, seed=5)
    start = noise_image(32, 32, 9)
    first, second = (pulled("lpips-mini", target, few, start)[1] for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, pulled("lpips-mini", target, DescentSettings(steps=4, seed=6), start)[1])
    assert not np.array_equal(noise_image(8, 8, 0), noise_image(8, 8, 1))


def test_an_image_that_is_there_already_stays() -> None:
    """The gradients of equal images are 0, and so is every step.

    SSIM is left out: rounding leaves 1e-6 of a gradient.
    """
    target = scene(3, 32)
    for metric in ("lpips-mini", "l2", "psnr"):
        assert np.array_equal(pulled(metric, target, DescentSettings(steps=3), target)[1], target), metric


def test_an_image_that_is_near_comes_nearer() -> None:
    """With the rate for images, at most half the distance remains, and a quarter was observed.

    Large steps would increase it.
    """
    target = scene(3, 32)
    start = np.clip(target + np.random.RandomState(0).normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    objective, found = pulled("lpips-mini", target, DescentSettings(steps=40, rate=RATE_FROM_IMAGE), start)
    first, last = (objective.score(to_tensor(pixels), to_tensor(target)) for pixels in (start, found))
    assert last < first / 2


def test_bare_metrics_prepare_their_target_once() -> None:
    """Without shifts the target's features are computed beforehand, and the first loss is the score of the start."""
    target, start = scene(3, 32), noise_image(32, 32, 0)
    for metric in ("lpips-mini", "perceptual-mini"):
        objective = load_objective(metric)
        step = next(descend(to_tensor(start), to_tensor(target), objective, DescentSettings(steps=1, shifts=0)))
        assert step.loss == pytest.approx(objective.score(to_tensor(start), to_tensor(target)), rel=1e-6)  # float32


def test_a_shift_is_a_window_of_the_mirrored_image() -> None:
    """A shift equals padding and cutting with numpy. The middle window is the image itself."""
    image = torch.rand(1, 3, 7, 9)
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    assert np.array_equal(shift_window(image, 2, 0, 3), padded[:, :, 0:7, 3:12])
    assert torch.equal(shift_window(image, 2, 2, 2), image)


@pytest.mark.parametrize("metric", ["lpips-mini", "l2", "psnr", "ssim", "ssim@skimage", "dssim", "ms-ssim", *ORDERED])
def test_scores_are_those_of_compare(metric: str) -> None:
    """The scores are equal to those of `distance` to 1e-5, which tests/unit/nn derives for float32.

    The target is the reference. In the other order, the ordered metrics differ by 1e-3 or more.
    """
    side = 168 if metric == "ms-ssim" else 48
    target = scene(3, side)
    start = np.clip(target + np.random.RandomState(0).normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    objective = load_objective(metric)
    found = objective.score(to_tensor(start), to_tensor(target))
    assert found == pytest.approx(eyediff.distance(target, start, metric), rel=1e-5)
    assert objective.smallest <= side


@pytest.mark.parametrize("metric", ORDERED)
def test_the_loss_takes_the_target_as_the_reference(metric: str) -> None:
    """The loss of a step is that of the score in the order of `compare`."""
    target = scene(3, 48)
    start = np.clip(target + np.random.RandomState(0).normal(0, 20, target.shape), 0, 255).astype(np.uint8)
    objective = load_objective(metric)
    step = next(descend(to_tensor(start), to_tensor(target), objective, DescentSettings(steps=1)))
    assert step.loss == pytest.approx(float(objective.module(to_tensor(target), to_tensor(start))), rel=1e-6)


def test_deep_pixels_keep_their_depth() -> None:
    """16-bit levels are not rounded to 8 bits when they are read."""
    pixels = np.full((2, 2, 3), 12345, np.uint16)
    assert to_tensor(pixels).numpy() == pytest.approx(12345 / 65535, rel=1e-7)


def test_names_that_cannot_be_followed_are_told() -> None:
    """A metric without a gradient is refused with the list of those that have one.

    A variant that rounds and an unknown name are refused too.
    """
    with pytest.raises(UsageError, match=r"fsim has no gradient.*lpips-alex.*l2.*perceptual"):
        load_objective("fsim")
    with pytest.raises(UsageError, match="matlab"):
        load_objective("ssim@matlab")
    with pytest.raises(UnknownMetricError, match="did you mean"):
        load_objective("lpips-alx")
    names = set(objective_names(METRICS))
    assert {"lpips-alex", "deep-vgg", "perceptual", "ms-ssim", "l2"} <= names and not {"fsim", "l2-lab"} & names


def test_frames_begin_and_end_the_way_and_thin_out() -> None:
    """The start and the last step are always kept, the gaps never shrink, and the number of frames is limited."""
    kept = sorted(DescentSettings(steps=300, frames=50).frame_steps())
    gaps = np.diff(kept)
    assert (kept[0], kept[-1]) == (0, 300) and len(kept) <= 51 and gaps[0] == 1 and gaps[-1] > 8
    assert DescentSettings(steps=1, frames=50).frame_steps() == {0, 1}
    assert DescentSettings(steps=300, frames=1).frame_steps() == {0, 300}


@pytest.mark.slow
def test_noise_falls_to_a_tenth_in_alex(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """150 steps reduce the distance to a tenth on the example of the LPIPS repository.

    This is promised for 300 steps.
    """
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(shared / "weights"))
    target = images.read(shared / "images" / "lpips" / "ex_ref.png").pixels
    settings = DescentSettings(steps=150)
    objective, found = pulled("lpips-alex", target, settings)
    start = noise_image(*target.shape[:2], settings.seed)
    first, last = (objective.score(to_tensor(pixels), to_tensor(target)) for pixels in (start, found))
    assert last < 0.1 * first
