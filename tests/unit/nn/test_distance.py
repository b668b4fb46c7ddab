"""Tests of `nn.LPIPS`, `nn.SSIM` and `nn.PSNR`: they agree with other engines, and refuse values out of range."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from eyediff import errors, nn
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.metrics import ssim
from eyediff.scoring import factory as wiring
from eyediff.scoring.metric_spec import parse_metric
from tests.golden import lpips_cases
from tests.golden.lpips_cases import Case

from .cases import ALEX, dead, module, tensors

GOLDENS = json.loads((Path(lpips_cases.__file__).parent / "lpips.json").read_text())["cases"]
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # derived in tests/golden/test_lpips.py


@pytest.mark.parametrize("case", list(lpips_cases.cases()), ids=lambda case: case.name)
def test_it_equals_the_recorded_peer(case: Case) -> None:
    """Total, shares of layers and map agree with lpips 0.1.4 for every network, version and kind.

    The tensors have the range of lpips, [-1, 1].
    """
    found = module(case, reduction="none")
    x, y = tensors(case)
    golden = GOLDENS[case.name]
    np.testing.assert_allclose(found.layers(x, y).detach(), golden["layers"], **CLOSE)
    np.testing.assert_allclose(found(x, y).detach(), np.sum(golden["layers"], 1), **CLOSE)
    np.testing.assert_allclose(lpips_cases.sample(found.map(x, y)[:, 0].detach().numpy()), golden["map"], **CLOSE)


def test_a_reference_is_prepared_once() -> None:
    """A prepared reference gives the same distances to many images as separate comparisons."""
    found = module(ALEX, reduction="none")
    x, y = tensors(ALEX)
    prepared = found.prepare(y[:1])
    alone = torch.cat([found(image[None], y[:1]) for image in x])
    torch.testing.assert_close(found(x, prepared), alone, rtol=1e-5, atol=1e-7)  # float32 sums in another order


def test_features_of_another_network_or_other_weights_are_refused() -> None:
    """Every call refuses features of another backbone, another scaling, or other weights of the backbone.

    Before, such features gave a wrong distance without a message.
    """
    found, (x, y) = module(ALEX), tensors(ALEX)
    prepared = found.prepare(y)
    others = {
        "prepared by alex, but the module is squeeze": module(Case("squeeze", "0.1", True, "smallest")),
        "but the module is alex without scaling": module(Case("alex", "0.0", True, "smallest")),
        "by alex with the weights [0-9a-f]{16}, but the module has the weights": dead(ALEX),
    }
    for message, other in others.items():
        for call in (other, other.score, other.layers, other.map):
            with pytest.raises(errors.UsageError, match=message):
                call(x, prepared)
    assert torch.equal(module(Case("alex", "0.1", False, "smallest")).prepare(y).features[0], prepared.features[0])
    module(Case("alex", "0.1", False, "smallest"), value_range=(0, 1))(x / 2 + 0.5, prepared)  # the features are equal
    found.load_state_dict(others.popitem()[1].state_dict())
    with pytest.raises(errors.UsageError, match="prepare the images again"):
        found(x, prepared)
    found(x, found.prepare(y))


def test_features_of_another_users_module_are_refused() -> None:
    """The weights and the code of a user's module determine its features."""
    x, y = tensors(ALEX)

    def build(seed: int, last: torch.nn.Module) -> nn.LPIPS:
        torch.manual_seed(seed)
        return nn.LPIPS.from_module(torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), last), ["1"])

    prepared = build(0, torch.nn.ReLU()).prepare(y)
    assert build(0, torch.nn.ReLU())(x, prepared) == build(0, torch.nn.ReLU())(x, y)
    for other in (build(1, torch.nn.ReLU()), build(0, torch.nn.GELU())):
        with pytest.raises(errors.UsageError, match="with the taps 1 with the weights"):
            other(x, prepared)


def test_values_outside_the_range_are_refused() -> None:
    """Values from 0 to 255 are refused if the stated range is -1 to 1.

    This is the most frequent mistake. The argument `value_range` states another range, such as [0, 1].
    """
    x, y = tensors(ALEX)
    with pytest.raises(errors.RangeError, match="255"):
        module(ALEX)((x + 1) * 127.5, y)
    unit = module(ALEX, value_range=(0, 1))((x + 1) / 2, (y + 1) / 2)
    torch.testing.assert_close(unit, module(ALEX)(x, y), rtol=1e-5, atol=1e-7)


def test_ssim_and_psnr_equal_the_engines() -> None:
    """SSIM and PSNR agree with the engines to 1e-5.

    The formulas are the same. The tolerance is the rounding of float32 in flat regions, as derived in
    tests/unit/metrics.
    """
    a, b = lpips_cases.pair("alex", "photo")
    x, y = tensors(Case("alex", "0.1", True, "photo"))
    by_engine = wiring.build_metric(parse_metric("ssim"), OnnxRunner("cpu")).engine.distances(a, b)
    np.testing.assert_allclose(nn.SSIM().score(x, y), by_engine, rtol=1e-5)
    np.testing.assert_allclose(1 - nn.SSIM()(x, y), by_engine.mean(), rtol=1e-5)
    by_engine = wiring.build_metric(parse_metric("psnr"), OnnxRunner("cpu")).engine.distances(a, b)
    np.testing.assert_allclose(nn.PSNR().score(x, y), by_engine, rtol=1e-5)
    assert next(iter(ssim.VARIANTS)) == "wang"


def test_without_torch_one_line_says_what_to_install() -> None:
    """Without torch, the error of `import eyediff.nn` names the extra to install."""
    code = "import sys; sys.modules['torch'] = None; import eyediff.nn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "eyediff.errors.MissingModuleError: eyediff.nn needs torch, which is not installed; run "
        "`pip install 'eyediff[torch]'`"
    )
