"""The classical metrics against published and recorded numbers of other implementations, and against these at work."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.windows import ScalesEngine, WindowEngine
from eyediff.metrics import ms_ssim as msssim
from eyediff.metrics import ssim
from eyediff.metrics.fsim import fsim, fsimc
from eyediff.metrics.l2 import l2, l2_lab
from eyediff.metrics.psnr import psnr
from eyediff.records import Numbers, Pixels

from . import classical_cases, peer

GOLDENS = json.loads((Path(__file__).parent / "classical.json").read_text())
RUNNER = OnnxRunner("cpu", 2)


def reflected(a: Pixels, b: Pixels) -> Numbers:
    """torchmetrics' SSIM: the image is mirrored at its edges, without repeating them, and every pixel counts."""
    around = ((0, 0), (5, 5), (5, 5), (0, 0))
    run = NumpyRunner().compile(lambda verbs, x, y: ssim.ssim(verbs, ssim.VARIANTS["wang"], x, y), 2)
    return run(*(np.pad(x, around, "reflect") for x in (a, b)))


def reflected_scales(a: Pixels, b: Pixels) -> Numbers:
    """torchmetrics' MS-SSIM: the last scale's SSIM by its own SSIM, and means over channels before the powers."""
    structure = NumpyRunner().compile(msssim.structure, 2)
    *finer, last = zip(msssim.scales(a), msssim.scales(b), strict=True)
    means = [*(structure(x, y) for x, y in finer), reflected(*last)]
    return msssim.msssim([mean.mean(1, keepdims=True) for mean in means])


METRICS: dict[str, Callable[[Pixels, Pixels], Numbers]] = {
    "l2": l2,
    "l2-lab": l2_lab,
    "psnr": psnr,
    "ssim": WindowEngine(RUNNER, ssim.PROGRAMS["wang"]).distances,
    "ssim@skimage": WindowEngine(RUNNER, ssim.PROGRAMS["skimage"]).distances,
    "ssim@matlab-full": WindowEngine(RUNNER, ssim.PROGRAMS["matlab-full"]).distances,
    "ms-ssim": ScalesEngine(RUNNER, msssim.PROGRAM).distances,
    "fsim": fsim,
    "fsimc": fsimc,
    "torchmetrics ssim": lambda a, b: reflected(a, b).mean(1),
    "torchmetrics ms-ssim": reflected_scales,
}

# The peers on torch compute SSIM in float32 on values from 0 to 1: in a bright place a variance is the difference of
# two figures near 1 that are rounded by 6e-8 in 121 steps, 3e-7 or so, and is compared with C2 = 9e-4: 3e-4 of such a
# window, some percent of which are in the photo. In a product of powers the errors of five scales add.
# piq's FSIM leaves 1e-7 where FeatureSIM.m has 1e-4, takes the lower median, and has four digits of I and Q for three.
TOLERANCES = {
    "scikit-image ssim": 2e-6,  # ours is float32; derived in tests/unit/metrics/test_ssim.py
    "scikit-image ssim@skimage": 2e-6,
    "piq ssim": 2e-5,
    "piq ms-ssim": 2e-5,
    "piq fsim": 2e-5,
    "piq fsimc": 1e-4,
    "torchmetrics ssim": 2e-5,
    "torchmetrics ms-ssim": 2e-5,
}
DOUBLE = 1e-12  # both in double precision, with sums in another order


def hold(a: Pixels, b: Pixels, name: str, said: list[float]) -> None:
    """Our score against a peer's, by the name that the goldens give it."""
    metric = METRICS.get(name) or METRICS[name.split()[1]]
    np.testing.assert_allclose(metric(a, b), said, rtol=DOUBLE, atol=TOLERANCES.get(name, 0))


@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case in GOLDENS["cases"] for name in GOLDENS["cases"][case]]
)
def test_recorded_numbers(case: str, name: str) -> None:
    """What scikit-image, piq and torchmetrics said of seeded noise, odd sizes, and a photo; no peer is needed."""
    hold(*classical_cases.pair(case), name, GOLDENS["cases"][case][name])


def test_every_case_is_recorded() -> None:
    """A case that is added without its numbers fails here, not in silence."""
    assert set(GOLDENS["cases"]) == set(classical_cases.CASES)


@pytest.mark.slow
def test_piq_and_torchmetrics_at_work(shared: Path) -> None:
    """The same on images of sizes and noise drawn anew, against the peers in a process of their own."""
    if not all(map(importlib.util.find_spec, ("piq", "torchmetrics"))):
        pytest.skip("the peers piq and torchmetrics are not installed")
    pairs = []
    for seed in range(2):
        random = np.random.RandomState(seed)
        # Up to 383, from where on FSIM's images are made smaller, in ways that differ; by 16, so that all halve alike.
        height, width = random.randint(30, 300, 2) if seed else random.randint(11, 20, 2) * 16
        a = np.cumsum(random.normal(0, 6, (2, height, width, 3)), 2) + 128
        # Noise mostly of gray: of opposed colours, piq takes a complex power's length, FSIM's authors its real part.
        b = a + random.normal(0, random.randint(5, 40), (*a.shape[:3], 1)) + random.normal(0, 3, a.shape)
        pairs.append((a.clip(0, 255).astype(np.uint8), b.clip(0, 255).astype(np.uint8)))
    said = peer.classical(pairs, shared)
    assert "piq ms-ssim" in said[0]
    for (a, b), found in zip(pairs, said, strict=True):
        for name, scores in found.items():
            if "ms-ssim" not in name or a.shape[1] % 16 == a.shape[2] % 16 == 0:
                hold(a, b, name, scores)


@pytest.mark.parametrize(
    ("candidate", "name", "published", "digits"),
    [
        ("ex_p0", "psnr", 18.04554, 5),
        ("ex_p1", "psnr", 13.86751, 5),
        ("ex_p0", "ssim", 0.43675, 5),
        ("ex_p1", "ssim", 0.29590, 5),
        ("ex_p0", "ssim@skimage", 0.47685, 5),
        ("ex_p1", "ssim@skimage", 0.31316, 5),
        ("ex_p0", "ssim@matlab-full", 0.43754, 5),
        ("ex_p1", "ssim@matlab-full", 0.29483, 5),
        ("ex_p0", "fsim", 0.64752, 5),
        ("ex_p0", "fsimc", 0.64523, 5),
        ("ex_p1", "fsim", 0.67488, 5),
        ("ex_p1", "fsimc", 0.66891, 5),
    ],
)
def test_the_example_images_of_lpips(candidate: str, name: str, published: float, digits: int, shared: Path) -> None:
    """Numbers of scikit-image and of FSIM's authors' code on ex_ref, ex_p0, ex_p1: to every digit that is given."""
    a, b = (
        np.asarray(Image.open(shared / "images" / "lpips" / f"{file}.png").convert("RGB"))[None]
        for file in ("ex_ref", candidate)
    )
    # Half of the last digit, and the float32 of SSIM on top.
    assert METRICS[name](a, b)[0] == pytest.approx(published, abs=0.5 * 10**-digits + 2e-6)


@pytest.mark.parametrize(("name", "expected"), [("ssim", 0.8374473790), ("ssim@skimage", 0.8460923249)])
def test_the_formula_image(name: str, expected: float) -> None:
    """32 x 32, x = 7i + 13j and y = x + ij % 17, modulo 256: scikit-image 0.26.0, the range stated as 255."""
    i, j = np.mgrid[:32, :32]
    x, y = ((value % 256).astype(np.uint8) for value in (7 * i + 13 * j, 7 * i + 13 * j + (i * j) % 17))
    a, b = (np.repeat(value[None, :, :, None], 3, 3) for value in (x, y))
    assert METRICS[name](a, b)[0] == pytest.approx(expected, abs=2e-6)


def test_the_camera_image_of_scikit_image() -> None:
    """Its own regression test: the cameraman and normal noise of deviation 20 from seed 5, 0.3674518327910367."""
    camera = data.camera()
    noise = 20.0 * np.random.RandomState(5).randn(*camera.shape)
    noisy = np.clip(camera + noise, 0, 255).astype(np.uint8)
    a, b = (np.repeat(value[None, :, :, None], 3, 3) for value in (camera, noisy))
    # In float64 there, in float32 here: 1e-7, since the level of a tile is taken off before anything is squared.
    assert METRICS["ssim@skimage"](a, b)[0] == pytest.approx(0.3674518327910367, abs=1e-7)


def test_the_published_examples_of_torchmetrics() -> None:
    """torch.manual_seed(42), rand(3, 3, 256, 256) against itself x 0.75: SSIM 0.9219 and MS-SSIM 0.9628, four digits.

    Its documentation's figures, by its own settings. It takes the range from the data, which here is 1 to six digits.
    """
    x = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(42))
    a, b = (np.ascontiguousarray(value.permute(0, 2, 3, 1).numpy()) for value in (x, x * 0.75))
    assert METRICS["torchmetrics ssim"](a, b).mean() == pytest.approx(0.9219, abs=5e-5)
    assert METRICS["torchmetrics ms-ssim"](a, b).mean() == pytest.approx(0.9628, abs=5e-5)


def test_the_published_example_of_kornia() -> None:
    """psnr(1, 1.2, max 2) = 20 dB: an error of a tenth of the range. float32 knows 0.6 to 6e-8, 1e-6 of the error."""
    a = np.full((1, 4, 4, 3), 0.5, np.float32)
    assert psnr(a, np.full_like(a, 0.6))[0] == pytest.approx(20, abs=2e-5)
