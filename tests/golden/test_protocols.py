"""Compares every published protocol with a separate computation from the conventions of its field (`conventions.py`).

The tolerance of pixel metrics is 1e-6. PSNR is computed in double precision on both sides. SSIM in float32 has an error
of at most 1.5e-7 on these photos, because they have no large white area. The tolerance of LPIPS is 1e-5, because
float32 is compared with double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import weights
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.select_runner import create_runner
from eyediff.errors import MissingWeightsError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import VGG
from eyediff.metrics.ops import Array
from eyediff.protocols import published

from . import conventions as c
from .lpips_cases import seeded_parameters

SCALE = 4
TID = ("I03", "I04", "I06", "I08", "I19")
RANGE01 = dict(zip(TID, (0.620, 0.178, 0.0376, 0.0469, 0.337), strict=True))


def rgb_psnr(x: c.Levels, y: c.Levels) -> float:
    return c.psnr(x.astype(float), y.astype(float), 255)


def rgb_ssim(x: c.Levels, y: c.Levels) -> float:
    return c.ssim_valid(x.astype(float), y.astype(float), 255)


def y_psnr(x: c.Levels, y: c.Levels) -> float:
    return c.psnr(c.y_of_basicsr(x), c.y_of_basicsr(y), 255)


def y_ssim(x: c.Levels, y: c.Levels) -> float:
    return c.ssim_valid(c.y_of_basicsr(x), c.y_of_basicsr(y), 255)


def y8_psnr(x: c.Levels, y: c.Levels) -> float:
    return c.psnr(c.y_of_matlab(x), c.y_of_matlab(y), 255)


def y8_ssim(x: c.Levels, y: c.Levels) -> float:
    return c.ssim_valid(c.y_of_matlab(x), c.y_of_matlab(y), 255)


@cache
def vgg_parameters() -> Mapping[str, Array]:
    return seeded_parameters(VGG)


@cache
def alex_parameters() -> Mapping[str, Array]:
    return weights.load_trunk("alex").parameters


def alex(x: c.Levels, y: c.Levels) -> float:
    return c.lpips(x, y, "alex", alex_parameters(), weights.load_heads("alex"))


def vgg(x: c.Levels, y: c.Levels, *, range01: bool = False) -> float:
    return c.lpips(x, y, "vgg", vgg_parameters(), weights.load_heads("vgg"), range01=range01)


def vgg01(x: c.Levels, y: c.Levels) -> float:
    return vgg(x, y, range01=True)


Score = Callable[[c.Levels, c.Levels], float]

EXPECTED: Mapping[str, tuple[int, Mapping[str, Score]]] = {
    "sr-y": (SCALE, {"psnr@y": y_psnr, "ssim@y": y_ssim, "lpips-vgg": vgg}),
    "sr-rgb": (SCALE, {"psnr": rgb_psnr, "ssim": rgb_ssim, "lpips-vgg": vgg}),
    "sr-edsr": (SCALE + 6, {"psnr": rgb_psnr}),
    "derain": (0, {"psnr@y8": y8_psnr, "ssim@y8": y8_ssim}),
    "deblur": (0, {"psnr": rgb_psnr, "ssim@3d": c.ssim_3d}),
    "3dgs": (0, {"psnr": rgb_psnr, "ssim@zero-padded": c.ssim_zero_padded, "lpips-vgg@range01": vgg01}),
    "gsplat": (0, {"psnr": rgb_psnr, "ssim@reflect": c.ssim_reflect, "lpips-alex": alex}),
    "gsplat-vgg": (0, {"psnr": rgb_psnr, "ssim@reflect": c.ssim_reflect, "lpips-vgg@range01": vgg01}),
    "nerfstudio": (0, {"psnr": rgb_psnr, "ssim@reflect": c.ssim_reflect, "lpips-alex": alex}),
    "nerfstudio-splatfacto": (0, {"psnr": rgb_psnr, "ssim": rgb_ssim, "lpips-alex": alex}),
    "nerfbaselines": (0, {"psnr": rgb_psnr, "ssim": rgb_ssim, "lpips-alex": alex, "lpips-vgg": vgg}),
    "codec": (0, {"psnr": rgb_psnr, "ms-ssim": c.ms_ssim, "lpips-alex": alex}),
}
"""For each protocol: the border at scale 4, and the function that computes each of its metrics."""


def rgb(path: Path) -> c.Levels:
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture(scope="module")
def pairs(shared: Path) -> list[tuple[c.Levels, c.Levels]]:
    """Return two crops of Kodak photos with a blurred or noisy candidate, and two pairs of TID2013.

    Some sides are odd, and some are even.
    """
    photos = sorted((shared / "images" / "kodak").glob("*.png"))
    first, second = (rgb(photo)[100:300, 60:241] for photo in photos[2:4])
    noise = np.random.RandomState(0).normal(0, 12, second.shape)
    blurred = np.asarray(Image.fromarray(first).reduce(2).resize(first.shape[1::-1], Image.Resampling.BICUBIC))
    noisy = (second + noise).clip(0, 255).astype(np.uint8)
    tid = [tuple(rgb(shared / "images" / "tid" / f"{side}_{name}.png")[:200, :231] for side in ("ref", "dist"))
           for name in ("I03", "I19")]  # fmt: skip
    return [(first, blurred), (second, noisy), *tid]  # type: ignore[list-item]


def test_every_protocol_is_proved() -> None:
    """Every protocol, and every metric of a protocol, has a separate computation in this file."""
    assert set(EXPECTED) == set(published())
    for name, (border, scores) in EXPECTED.items():
        protocol = published()[name]
        assert tuple(scores) == protocol.metrics
        assert protocol.border_at(SCALE) == border


@pytest.mark.parametrize("name", EXPECTED)
def test_a_protocol_is_its_field_s_computation(name: str, pairs: list[tuple[c.Levels, c.Levels]]) -> None:
    """All metrics of a protocol equal the separate computation.

    The official weights of VGG16 are not available, so the same engine computes one pair with seeded weights.
    """
    border, expected = EXPECTED[name]
    protocol = published()[name]
    scale = SCALE if protocol.needs_scale else None
    measured = [metric for metric in expected if "vgg" not in metric]
    networks = {
        metric: NetworkEngine(
            create_runner("cpu"),
            lpips.Network(
                VGG,
                vgg_parameters(),
                weights.load_heads("vgg"),
                lpips.SCALINGS[metric.partition("@")[2] or "0.1"],
            ),
        )
        for metric in expected
        if "vgg" in metric
    }
    for index, (x, y) in enumerate(pairs):
        found = eyediff.scores(x, y, measured, protocol=name, scale=scale)
        cut = c.cut(x, border), c.cut(y, border)
        for metric, score in found.items():
            tolerance = 1e-5 if "lpips" in metric else 1e-6
            assert score == pytest.approx(expected[metric](*cut), abs=tolerance), metric
        for metric, network in networks.items() if index == 0 else ():
            score = network.distances(*(np.ascontiguousarray(image[None]) for image in cut))[0]
            assert score == pytest.approx(expected[metric](*cut), rel=1e-5), metric


@pytest.mark.parametrize("name", TID)
def test_the_wrong_range_of_lpips(name: str, shared: Path) -> None:
    """LPIPS with input in [0, 1] equals the score of the reference code on five pairs, to every recorded digit."""
    x, y = (rgb(shared / "images" / "tid" / f"{side}_{name}.png") for side in ("ref", "dist"))
    digits = 4 if RANGE01[name] < 0.1 else 3
    assert eyediff.distance(x, y, "lpips-alex@range01") == pytest.approx(RANGE01[name], abs=0.51 * 10**-digits)


def test_super_resolution_file_by_file(shared: Path) -> None:
    """PSNR-Y and SSIM-Y of three images enlarged four times equal the recorded scores of BasicSR's formulas.

    The border is 4 pixels.
    """
    recorded = {"0001": (23.727, 0.5009), "0002": (29.917, 0.7073), "0003": (26.418, 0.7228)}
    cases = shared / "inputs" / "cases"
    for name, (psnr, ssim) in recorded.items():
        files = cases / "sr_HR" / f"{name}.png", cases / "sr_out_x4names" / f"{name}x4.png"
        found = eyediff.compare(*files, ["psnr", "ssim"], protocol="sr-y", scale=4)
        (row,) = found.rows
        assert row.scores == {"psnr@y": pytest.approx(psnr, abs=6e-4), "ssim@y": pytest.approx(ssim, abs=6e-5)}
        assert found.header.conventions.protocol == "sr-y@1" and found.header.conventions.crop_border == 4


def test_missing_weights_name_their_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """If a protocol needs VGG16 and downloads are forbidden, the error names the missing weights file."""
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path))
    monkeypatch.delenv("EYEDIFF_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    gray = np.full((40, 40, 3), 90, np.uint8)
    with pytest.raises(MissingWeightsError, match=r"vgg16-397923af\.pth"):
        eyediff.scores(gray, gray, protocol="3dgs")
