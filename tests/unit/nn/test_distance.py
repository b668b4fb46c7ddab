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

from .cases import ALEX, module, tensors

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
