"""The classical metrics in comparison with other implementations.

The tests use published scores, recorded scores, and scores that the other implementations compute during the test.
"""

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
    """Return the SSIM of torchmetrics: the image is mirrored without its edge pixels, and every pixel counts."""
    around = ((0, 0), (5, 5), (5, 5), (0, 0))
    run = NumpyRunner().compile(lambda verbs, x, y: ssim.ssim(verbs, ssim.VARIANTS["wang"], x, y), 2)
    return run(*(np.pad(x, around, "reflect") for x in (a, b)))


def reflected_scales(a: Pixels, b: Pixels) -> Numbers:
    """Return the MS-SSIM of torchmetrics.

    It uses its own SSIM at the last scale, and averages the channels before the powers.
    """
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

# The peers on torch compute SSIM in float32 on values from 0 to 1. In a bright area, a variance is the difference of
# two numbers near 1. Each is rounded by 6e-8 in 121 steps, so the error is about 3e-7. In relation to C2 = 9e-4, this
# is 3e-4 of the score of such a window. Some percent of the windows of the photo are of this kind. In MS-SSIM, which is
# a product of powers, the errors of five scales add up.
# piq's FSIM has the constant 1e-7 where FeatureSIM.m has 1e-4, and takes the lower median. Its coefficients of I and Q
# have four digits instead of three.
TOLERANCES = {
    "scikit-image ssim": 2e-6,  # eyediff uses float32; the value is derived in tests/unit/metrics/test_ssim.py
    "scikit-image ssim@skimage": 2e-6,
    "piq ssim": 2e-5,
    "piq ms-ssim": 2e-5,
    "piq fsim": 2e-5,
    "piq fsimc": 1e-4,
    "torchmetrics ssim": 2e-5,
    "torchmetrics ms-ssim": 2e-5,
}
DOUBLE = 1e-12  # both sides use double precision, but add in another order


def hold(a: Pixels, b: Pixels, name: str, said: list[float]) -> None:
    """Check the score of eyediff against the score of a peer, for a metric under its name in the recorded file."""
    metric = METRICS.get(name) or METRICS[name.split()[1]]
    np.testing.assert_allclose(metric(a, b), said, rtol=DOUBLE, atol=TOLERANCES.get(name, 0))


@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case in GOLDENS["cases"] for name in GOLDENS["cases"][case]]
)
def test_recorded_numbers(case: str, name: str) -> None:
    """The scores equal those that scikit-image, piq and torchmetrics gave for noise, waves of odd size, and a photo.

    No peer needs to be installed.
    """
    hold(*classical_cases.pair(case), name, GOLDENS["cases"][case][name])


def test_every_case_is_recorded() -> None:
    """Every case has recorded scores, so a new case without scores is not skipped silently."""
    assert set(GOLDENS["cases"]) == set(classical_cases.CASES)


@pytest.mark.slow
def test_piq_and_torchmetrics_at_work(shared: Path) -> None:
    """The scores equal those of the installed peers on images of random sizes and noise.

    The peers compute in a separate process.
    """
    if not all(map(importlib.util.find_spec, ("piq", "torchmetrics"))):
        pytest.skip("the peers piq and torchmetrics are not installed")
    pairs = []
    for seed in range(2):
        random = np.random.RandomState(seed)
        # Sides are below 384. From there on, FSIM reduces images, and implementations reduce them in different ways.
        # If sides are multiples of 16, all implementations halve images alike.
        height, width = random.randint(30, 300, 2) if seed else random.randint(11, 20, 2) * 16
        a = np.cumsum(random.normal(0, 6, (2, height, width, 3)), 2) + 128
        # The noise is mostly gray. For opposed colours, piq takes the length of a complex power, and FSIM's authors
        # take its real part.
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
    """The scores of ex_p0 and ex_p1 against ex_ref have every published digit of scikit-image and of FSIM's authors."""
    a, b = (
        np.asarray(Image.open(shared / "images" / "lpips" / f"{file}.png").convert("RGB"))[None]
        for file in ("ex_ref", candidate)
    )
    # The tolerance is half of the last digit, plus the float32 error of SSIM.
    assert METRICS[name](a, b)[0] == pytest.approx(published, abs=0.5 * 10**-digits + 2e-6)


@pytest.mark.parametrize(("name", "expected"), [("ssim", 0.8374473790), ("ssim@skimage", 0.8460923249)])
def test_the_formula_image(name: str, expected: float) -> None:
    """SSIM equals that of scikit-image 0.26.0 with a stated range of 255, on a computed image of 32 x 32 pixels.

    The images are x = 7i + 13j and y = x + ij % 17, modulo 256.
    """
    i, j = np.mgrid[:32, :32]
    x, y = ((value % 256).astype(np.uint8) for value in (7 * i + 13 * j, 7 * i + 13 * j + (i * j) % 17))
    a, b = (np.repeat(value[None, :, :, None], 3, 3) for value in (x, y))
    assert METRICS[name](a, b)[0] == pytest.approx(expected, abs=2e-6)


def test_the_camera_image_of_scikit_image() -> None:
    """SSIM equals the value of scikit-image's own regression test, 0.3674518327910367.

    The images are the cameraman, with and without normal noise of standard deviation 20 from seed 5.
    """
    camera = data.camera()
    noise = 20.0 * np.random.RandomState(5).randn(*camera.shape)
    noisy = np.clip(camera + noise, 0, 255).astype(np.uint8)
    a, b = (np.repeat(value[None, :, :, None], 3, 3) for value in (camera, noisy))
    # scikit-image uses float64, and eyediff uses float32. The difference is at most 1e-7, because the mean of a tile is
    # subtracted before values are squared.
    assert METRICS["ssim@skimage"](a, b)[0] == pytest.approx(0.3674518327910367, abs=1e-7)


def test_the_published_examples_of_torchmetrics() -> None:
    """SSIM 0.9219 and MS-SSIM 0.9628 of torchmetrics' documentation are reproduced to four digits, with its settings.

    The images are torch.manual_seed(42), rand(3, 3, 256, 256), and the same x 0.75. torchmetrics takes the range from
    the data. Here, the range is 1 to six digits.
    """
    x = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(42))
    a, b = (np.ascontiguousarray(value.permute(0, 2, 3, 1).numpy()) for value in (x, x * 0.75))
    assert METRICS["torchmetrics ssim"](a, b).mean() == pytest.approx(0.9219, abs=5e-5)
    assert METRICS["torchmetrics ms-ssim"](a, b).mean() == pytest.approx(0.9628, abs=5e-5)


def test_the_published_example_of_kornia() -> None:
    """psnr(1, 1.2, max 2) = 20 dB, because the error is a tenth of the range.

    float32 represents 0.6 with an error of 6e-8, which is about 1e-6 of the difference.
    """
    a = np.full((1, 4, 4, 3), 0.5, np.float32)
    assert psnr(a, np.full_like(a, 0.6))[0] == pytest.approx(20, abs=2e-5)
