"""MS-GMSD, MDSI, HaarPSI, VSI, VIF, FLIP, DISTS and SSIMULACRA 2 against figures of other programs."""

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

# MS-GMSD, HaarPSI, FLIP and SSIMULACRA 2 are float32 here: six digits of means of up to 10^5 figures near 1. In
# SSIMULACRA 2 variances are differences of figures near 0.3, rounded to 3e-8, beside C2 = 9e-4: 3e-5 of a window, which
# weights of up to 225 enlarge; 2e-3 of 100 leaves room. MDSI and VIF are float64 with constants of float32.
# piq's HaarPSI has four digits of I and Q for three; its VSI four digits more of the white, and 1e-16 in quotients.
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
    """What a metric says of two batches."""
    return factory.build_metric(parse_metric(name), RUNNER).engine.distances(a, b)


@pytest.mark.parametrize(("case", "name"), [(case, name) for case in CASES for name in CASES[case]])
def test_recorded_figures(case: str, name: str) -> None:
    """What the peers said of seeded noise, odd sizes, and a photo (peer_full_reference.py)."""
    found = score(name.split()[1], *classical_cases.pair(case))
    np.testing.assert_allclose(found, CASES[case][name], atol=TOLERANCES[name], rtol=0)


def test_every_case_is_recorded() -> None:
    """A case that is added without its numbers fails here, not in silence."""
    assert set(CASES) == set(classical_cases.CASES)


@pytest.mark.parametrize(
    ("name", "published", "tolerance"),
    [
        ("haarpsi", 0.71706527, 1e-6),
        ("mdsi", 0.338972600511665, 1e-8),
        # The figure is piq's, whose ways to 256 pixels and to a quarter differ from VSI.m's.
        ("vsi", 0.96405, 2e-4),
    ],
)
def test_published_figures_of_the_pair_of_piq(name: str, published: float, tolerance: float, shared: Path) -> None:
    """Figures of the authors' MATLAB code on I01 of TID2013, from piq's tests."""
    files = ("piq_I01.png", "piq_i01_01_5.png")
    a, b = (images.read(shared / "images/tid" / file).pixels[None] for file in files)
    assert score(name, a, b)[0] == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    ("pair", "expected"), [("I03", 0.331978828), ("I04", 0.251192063), ("I06", 0.244604096), ("I19", 0.305136979)]
)
def test_flip_of_photos(pair: str, expected: float, shared: Path) -> None:
    """Means of flip-evaluator 1.7 on pairs of TID2013, to 5e-6."""
    a, b = (images.read(next((shared / "images/tid").glob(f"{side}_{pair}*"))).pixels[None] for side in ("ref", "dist"))
    assert score("flip", a, b)[0] == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("case", "expected"), [("noise", [0.0217572499688804, 0.022366103000155735]), ("odd", [0.024500152583708523])]
)
def test_dists_on_seeded_weights(case: str, expected: list[float]) -> None:
    """Of DISTS_pytorch 0.1 in double precision, with its alpha and beta, on the same VGG16: to 1e-7 in float32. The
    module says the same."""
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
