"""MS-GMSD, MDSI, HaarPSI, VSI, VIF, FLIP, DISTS and SSIMULACRA 2 in comparison with scores of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from eyediff import images, nn
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.whole_images import WholeImageEngine
from eyediff.metrics import dists
from eyediff.metrics.backbones import VGG
from eyediff.metrics.programs import FeatureStatistics
from eyediff.records import Numbers, Pixels
from eyediff.scoring import factory
from eyediff.scoring.metric_spec import parse_metric

from . import classical_cases
from .lpips_cases import seeded_parameters

CASES = json.loads((Path(__file__).parent / "full_reference.json").read_text())
RUNNER = OnnxRunner("cpu", 1)

# eyediff computes MS-GMSD, HaarPSI, FLIP and SSIMULACRA 2 in float32. This gives six digits for means of up to 10^5
# values near 1. In SSIMULACRA 2, variances are differences of numbers near 0.3, which are rounded to 3e-8. In relation
# to C2 = 9e-4, the error is 3e-5 of the score of a window. Weights of up to 225 increase the error. The tolerance is
# 2e-3 on a scale of 100. eyediff computes MDSI and VIF in float64, with constants in float32.
# piq's HaarPSI has four digits of the coefficients of I and Q instead of three. Its VSI has four more digits of the
# white point, and the constant 1e-16 in quotients.
TOLERANCES = {
    "piq ms-gmsd": 1e-7,
    "piq mdsi": 2e-8,
    "piq haarpsi": 1e-4,
    "piq vsi": 1e-6,
    "piq vif": 2e-8,
    "flip-evaluator flip": 5e-6,
    "ssimulacra2 ssimulacra2": 2e-3,
}


def score(name: str, a: Pixels, b: Pixels) -> Numbers:
    """Return the scores of a metric for two batches."""
    return factory.build_metric(parse_metric(name), RUNNER).engine.distances(a, b)


@pytest.mark.parametrize(("case", "name"), [(case, name) for case in CASES for name in CASES[case]])
def test_recorded_figures(case: str, name: str) -> None:
    """The scores equal those of the peers for noise, waves of odd size, and a photo (peer_full_reference.py)."""
    found = score(name.split()[1], *classical_cases.pair(case))
    np.testing.assert_allclose(found, CASES[case][name], atol=TOLERANCES[name], rtol=0)


def test_every_case_is_recorded() -> None:
    """Every case has recorded scores, so a new case without scores is not skipped silently."""
    assert set(CASES) == set(classical_cases.CASES)


@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [
        ("haarpsi", 0.71706527, 1e-6),
        ("mdsi", 0.338972600511665, 1e-8),
        # The value is that of piq, which reduces images to 256 pixels and to a quarter in another way than VSI.m.
        ("vsi", 0.96405, 2e-4),
    ],
)
def test_published_figures_of_the_pair_of_piq(name: str, published: float, tolerance: float, shared: Path) -> None:
    """The scores equal those of the authors' MATLAB code on I01 of TID2013. They are from the tests of piq."""
    files = ("piq_I01.png", "piq_i01_01_5.png")
    a, b = (images.read(shared / "images/tid" / file).pixels[None] for file in files)
    assert score(name, a, b)[0] == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    ("pair", "expected"), [("I03", 0.331978828), ("I04", 0.251192063), ("I06", 0.244604096), ("I19", 0.305136979)]
)
def test_flip_of_photos(pair: str, expected: float, shared: Path) -> None:
    """FLIP equals the mean of flip-evaluator 1.7 on pairs of TID2013, to 5e-6."""
    a, b = (images.read(next((shared / "images/tid").glob(f"{side}_{pair}*"))).pixels[None] for side in ("ref", "dist"))
    assert score("flip", a, b)[0] == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("case", "expected"), [("noise", [0.0217572499688804, 0.022366103000155735]), ("odd", [0.024500152583708523])]
)
def test_dists_on_seeded_weights(case: str, expected: list[float]) -> None:
    """DISTS equals DISTS_pytorch 0.1 in double precision to 1e-7, although eyediff uses float32.

    Both use the alpha and beta of DISTS_pytorch and the same VGG16. The torch module returns the same scores.
    """
    network = dists.network(seeded_parameters(VGG))
    a, b = classical_cases.pair(case)
    engine = WholeImageEngine(RUNNER, factory.bind_dists(network, FeatureStatistics(VGG.name)))
    np.testing.assert_allclose(engine.distances(a, b), expected, atol=1e-7, rtol=0)
    np.testing.assert_array_equal(engine.distances(a, a.copy()), 0)
    x, y = (torch.from_numpy(side).permute(0, 3, 1, 2).float() / 255 for side in (a, b))
    module = nn.DISTS.from_network(network, value_range=(0, 1))
    np.testing.assert_allclose(module.score(x, y), expected, atol=1e-7, rtol=0)
    x.requires_grad_()
    module(x, x.detach().clone()).backward()
    assert not x.grad.any()
