"""Compares every row of docs/names.md with the score of the other library (names.json).

The difference that the row states is added. eyediff computes in float64 here, from the same float32 images. The
tolerance is therefore the rounding error of the other library.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import eyediff
from eyediff import nn
from eyediff.metrics import lpips, ssim
from eyediff.metrics.backbones import VGG19
from eyediff.metrics.ms_ssim import WEIGHTS as PUBLISHED
from eyediff.nn.classical import decibels
from eyediff.nn.presets import PRESETS
from eyediff.nn.trunk import VERBS
from tests.unit.nn import cases

from .lpips_cases import Case, seeded_parameters
from .names_cases import EVEN, LARGE, ODD, SCALES, SMALL, images, levels, volumes

PAGE = Path(__file__).resolve().parents[2] / "docs/names.md"
SAID = json.loads((Path(__file__).parent / "names.json").read_text())
UNIT = {"value_range": (0, 1)}
WANG = ssim.VARIANTS["wang"]

Score = Callable[[Tensor, Tensor], Tensor]
Halve = Callable[[Tensor], Tensor]


def tensors(size: tuple[int, int] = SMALL, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    x, y = (torch.from_numpy(image).to(dtype) for image in images(*size))
    return x, y


def each(score: Score, *sizes: tuple[int, int]) -> list[float]:
    """Return N scores for every size."""
    return [float(found) for size in sizes or (SMALL,) for found in score(*tensors(size))]


def module(net: str, **options: Any) -> nn.LPIPS:
    return cases.module(Case(net, "0.1", True, "smallest"), **options)


def by_network(loss: torch.nn.Module) -> list[float]:
    """Return the result of a network for float32 images, because its weights are float32."""
    return loss(*tensors(dtype=torch.float32)).reshape(-1).tolist()


def by_metric(name: str) -> list[float]:
    """Return the scores of a metric of eyediff for the images as arrays."""
    arrays = ([np.ascontiguousarray(image.transpose(1, 2, 0)) for image in side] for side in images(*SMALL))
    return [float(eyediff.distance(a, b, name, range=(0, 1))) for a, b in zip(*arrays, strict=True)]


def by_levels(name: str) -> list[float]:
    return [float(eyediff.distance(a, b, name)) for a, b in zip(*levels(), strict=True)]


def padded(score: Score, reach: int) -> Score:
    """Return a score function that mirrors images or volumes at their edges first."""
    return lambda x, y: score(*(F.pad(image, (reach,) * (2 * (x.ndim - 2)), "reflect") for image in (x, y)))


def terms(x: Tensor, y: Tensor, clamp: bool) -> tuple[Tensor, Tensor]:
    """Return the contrast term and SSIM of every window.

    With `clamp`, a contrast term below 0 becomes 0, as in pyiqa.
    """
    found = ssim.moments(VERBS, WANG, 2 * x - 1, 2 * y - 1)
    contrast = ssim.structure(VERBS, WANG, found)
    contrast = contrast.relu() if clamp else contrast
    return contrast, contrast * ssim.luminance(VERBS, found)


def clamped(x: Tensor, y: Tensor) -> Tensor:
    """Return the SSIM of pyiqa."""
    return terms(x, y, True)[1].mean((1, 2, 3))


def of_scales(halve: Halve, weights: Sequence[float], last: Score | None = None, clamp: bool = False) -> Score:
    """Return MS-SSIM with another function that halves images.

    With `last`, which is the SSIM of the last scale, channels are averaged before the powers.
    """

    def score(x: Tensor, y: Tensor) -> Tensor:
        product = torch.ones(())
        for scale, weight in enumerate(weights, 1):
            contrast, similar = (found.mean((2, 3)) for found in terms(x, y, clamp))
            mean = similar if scale == len(weights) else contrast
            if last:
                mean = (last(x, y) if scale == len(weights) else mean.mean(1))[:, None]
            product = product * mean.relu() ** weight
            x, y = halve(x), halve(y)
        return product.mean(1)

    return score


def drop(x: Tensor) -> Tensor:
    """Halve images as torchmetrics does: an odd last row or column is dropped."""
    return F.avg_pool2d(x, 2)


def repeat_first(x: Tensor) -> Tensor:
    """Halve images as piq does: with an odd side, the first row and column are repeated."""
    odd = max(x.shape[2] % 2, x.shape[3] % 2)
    return F.avg_pool2d(F.pad(x, (odd, 0, odd, 0), "replicate"), 2)


def surround(x: Tensor) -> Tensor:
    """Halve images as pyiqa and pytorch-msssim do: odd sides get zeros at both ends."""
    return F.avg_pool2d(x, 2, padding=(x.shape[2] % 2, x.shape[3] % 2))


def rounded(x: Tensor) -> Tensor:
    """Round pixels to 8-bit levels."""
    return x.mul(255).round().div(255)


def rounded_luma(x: Tensor) -> Tensor:
    """Return the luma of YIQ, rounded to 8-bit levels, as three equal channels."""
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype)
    return rounded(torch.einsum("nchw,c->nhw", x, weights)[:, None].expand_as(x))


def prepared(prepare: Callable[[Tensor], Tensor], score: Score) -> Score:
    return lambda x, y: score(prepare(x), prepare(y))


def with_constant(decibels: Iterable[float]) -> list[float]:
    """Return PSNR values after 1e-8 is added to the mean squared error."""
    return [-10 * np.log10(10 ** (-value / 10) + 1e-8) for value in decibels]


def reduced(x: Tensor) -> Tensor:
    """Reduce images as piq does: average squares whose side is about a 256th of the shortest side."""
    return F.avg_pool2d(x, max(1, round(min(x.shape[2:]) / 256)))


def by_channel(x: Tensor, y: Tensor) -> Tensor:
    """Return SSIM with the mean of a channel replaced by 0 if it is below 0."""
    channels = [SSIM(x[:, c : c + 1], y[:, c : c + 1]).relu() for c in range(3)]
    return torch.stack(channels).mean(0)


def perceptual(**options: Any) -> list[float]:
    network = cases.network(Case("vgg", "0.1", True, "smallest"))
    loss = nn.PerceptualLoss.from_network(network, reduction="none", **UNIT, **options)
    x, y = tensors(dtype=torch.float32)
    return loss(x, *((y, None) if options.get("content") else (None, y))).tolist()


def esrgan() -> list[float]:
    network = lpips.Network(VGG19, seeded_parameters(VGG19), None)
    return by_network(nn.PerceptualLoss.from_network(network, **PRESETS["esrgan"].options(VGG19), **UNIT))


def pooled(x: Tensor, y: Tensor) -> float:
    """Return the score of `nn.ModuleMetric(nn.PSNR(), pooled=True)` (test_metric.py) without torchmetrics."""
    return float(decibels(nn.L2(**UNIT).score(x, y).mean()))


def volume_scores(score: Score) -> list[float]:
    return score(*(torch.from_numpy(volume).double() for volume in volumes())).tolist()


SSIM, SSIM3D, PSNR = nn.SSIM(**UNIT).score, nn.SSIM3D(**UNIT).score, nn.PSNR(**UNIT).score
MSSSIM = nn.MSSSIM(weights=SCALES, **UNIT).score
UNIFORM = ssim.Variant("divides variances by 49", ssim.VARIANTS["skimage"].window)
SIZE_OF_RELU3_3 = (SMALL[0] // 4) * (SMALL[1] // 4)

OURS: dict[str, dict[str, Callable[[], Iterable[float]]]] = {
    "torchmetrics": {
        'LearnedPerceptualImagePatchSimilarity(net_type="alex")': lambda: by_network(module("alex", **UNIT)),
        'LearnedPerceptualImagePatchSimilarity(net_type="squeeze", normalize=True)': lambda: by_network(
            module("squeeze", **UNIT)
        ),
        'LearnedPerceptualImagePatchSimilarity(reduction="sum")': lambda: by_network(
            module("alex", reduction="sum", **UNIT)
        ),
        "StructuralSimilarityIndexMeasure(data_range=1.0)": lambda: by_metric("ssim@reflect"),
        "StructuralSimilarityIndexMeasure(gaussian_kernel=False, kernel_size=7, data_range=1.0)": lambda: each(
            padded(lambda x, y: ssim.ssim(VERBS, UNIFORM, 2 * x - 1, 2 * y - 1).mean(1), 3)
        ),
        "StructuralSimilarityIndexMeasure(data_range=1.0) of volumes": lambda: volume_scores(padded(SSIM3D, 5)),
        'MultiScaleStructuralSimilarityIndexMeasure(betas=w, normalize="relu", data_range=1.0)': lambda: each(
            of_scales(drop, SCALES, last=padded(SSIM, 5)), EVEN, ODD
        ),
        "PeakSignalNoiseRatio(data_range=1.0)": lambda: [pooled(*tensors())],
    },
    "piq": {
        'piq.LPIPS(reduction="none")': lambda: by_network(module("vgg", reduction="none", **UNIT)),
        "piq.ssim(x, y, downsample=False)": lambda: each(SSIM, SMALL, LARGE),
        "piq.ssim(x, y)": lambda: each(prepared(reduced, SSIM), SMALL, LARGE),
        "piq.SSIMLoss()": lambda: [1 - score for score in each(prepared(reduced, SSIM), SMALL, LARGE)],
        "piq.multi_scale_ssim(x, y, scale_weights=w)": lambda: [
            *each(MSSSIM, EVEN),
            *each(of_scales(repeat_first, SCALES), ODD),
        ],
        "piq.psnr(x, y)": lambda: with_constant([*each(PSNR), np.inf]),
        "piq.gmsd(x, y)": lambda: np.multiply(by_metric("gmsd"), (1 - 4 / np.prod(SMALL)) ** 0.5),
        "piq.fsim(x, y, chromatic=False)": lambda: by_metric("fsim"),
        "piq.fsim(x, y)": lambda: by_metric("fsimc"),
        'piq.ContentLoss(layers=("relu3_3",))': lambda: perceptual(content={"relu3_3": 256}),
        'piq.StyleLoss(layers=("relu3_3",))': lambda: perceptual(content={}, style={"relu3_3": SIZE_OF_RELU3_3**2}),
    },
    "basicsr": {'basicsr.losses.PerceptualLoss({"conv5_4": 1})': esrgan},
    "scikit-image": {
        "structural_similarity(a, b, channel_axis=2)": lambda: by_levels("ssim@skimage"),
        "structural_similarity(a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)": (
            lambda: by_levels("ssim")
        ),
        "the same on a volume, without channel_axis": lambda: volume_scores(SSIM3D),
        "structural_similarity(..., full=True)": lambda: [
            float(score)
            for a, b in zip(*levels(), strict=True)
            for score in np.asarray(eyediff.Metric("ssim").map(a, b))[20, 6:43:6]
        ],
        "peak_signal_noise_ratio(a, b)": lambda: by_levels("psnr"),
        "mean_squared_error(a, b)": lambda: np.multiply(by_levels("l2"), 255**2),
    },
    "kornia": {
        "kornia.losses.ssim_loss(x, y, 11)": lambda: np.subtract(0.5, np.divide(by_metric("ssim@reflect"), 2)),
        'kornia.losses.ssim_loss(x, y, 11, padding="valid")': lambda: np.subtract(0.5, np.divide(each(SSIM), 2)),
        'kornia.metrics.ssim(x, y, 11, padding="valid")': lambda: (
            nn.SSIM(**UNIT).map(*tensors())[:, 0, 20, ::6].flatten().tolist()
        ),
        "kornia.losses.psnr_loss(x, y, 1.0)": lambda: [-pooled(*tensors())],
    },
    "pyiqa": {
        'create_metric("lpips")': lambda: by_network(module("alex", reduction="none", **UNIT)),
        'create_metric("lpips-vgg")': lambda: by_network(module("vgg", reduction="none", **UNIT)),
        'create_metric("ssimc")': lambda: each(prepared(rounded, clamped)),
        'create_metric("ssim")': lambda: each(prepared(rounded_luma, clamped)),
        'create_metric("ms_ssim")': lambda: each(
            prepared(rounded_luma, of_scales(surround, PUBLISHED, clamp=True)), EVEN, ODD
        ),
        'create_metric("psnr")': lambda: with_constant(each(PSNR)),
        'create_metric("psnry")': lambda: np.subtract(by_metric("psnr@y"), 20 * np.log10(255 / 219)),
        'create_metric("psnry", color_space="ycbcr")': lambda: by_metric("psnr@y"),
    },
    "pytorch-msssim": {
        "ssim(x, y, data_range=1, size_average=False)": lambda: each(SSIM),
        "ssim(x, y, data_range=1, size_average=False, nonnegative_ssim=True)": lambda: each(by_channel),
        "ms_ssim(x, y, data_range=1, weights=w)": lambda: [
            *each(MSSSIM, EVEN),
            *each(of_scales(surround, SCALES), ODD),
        ],
    },
}

# Networks add 10,000 products for each feature in float32, in another order: 1e-5 (test_lpips.py). A Gram matrix adds
# products of such features, and its loss squares differences of them. test_classical.py derives the tolerances of SSIM
# in float32 and of piq's FSIM. For opposed colours, piq omits the factor cos(0.03 pi) = 0.9956. A mean of squares in
# float32 has a relative error of 1e-6, which is 4e-6 dB. The rounding of the score and the 1e-8 of pyiqa each add an
# error of this size.
TOLERANCES: dict[str, dict[str, float]] = {
    "StyleLoss": {"rtol": 1e-4},
    "PatchSimilarity|LPIPS|lpips|ContentLoss|PerceptualLoss": {"rtol": 1e-5},
    "chromatic=False": {"atol": 2e-5},
    "fsim": {"rtol": 5e-3},
    "SignalNoise|psnr": {"atol": 2e-5},
    "peak_signal_noise_ratio|mean_squared_error": {"rtol": 1e-9},
    "structural_similarity|on a volume": {"atol": 2e-6},
    "": {"atol": 2e-5},
}
"""Tolerances by a pattern that the name of the row contains. The first pattern that fits is used."""


def rows(page: str) -> dict[str, list[str]]:
    """Return the first cell of every row of each table, by the heading above the table."""
    found = {}
    for section in page.split("\n## ")[1:]:
        cells = re.findall(r"^\| (.*?) \| .* \|$", section, re.M)
        found[section.splitlines()[0]] = [cell.replace("`", "") for cell in cells if cell != section.splitlines()[0]]
    return found


def test_every_row_of_the_page_is_recorded_and_compared() -> None:
    """Every row of the page has a recorded score and a computation, and every score has a row."""
    page = rows(PAGE.read_text(encoding="utf-8"))
    for table in (SAID, OURS):
        assert {library: list(table[library]) for library in table} == page


@pytest.mark.parametrize(("library", "row"), [(library, row) for library in OURS for row in OURS[library]])
def test_the_other_library_and_ours(library: str, row: str) -> None:
    """The scores are equal after the difference that the row states is added."""
    tolerance = next(limits for kind, limits in TOLERANCES.items() if re.search(kind, row))
    expected = SAID[library][row]
    np.testing.assert_allclose(list(OURS[library][row]()), expected, **{"rtol": 0, "atol": 0} | tolerance)
