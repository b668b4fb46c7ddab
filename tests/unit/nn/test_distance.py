"""`nn.LPIPS` and its kin: the numbers of the other engines, with gradients that are finite everywhere."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from eyediff import errors, lpips, nn, ssim, weights, wiring
from eyediff.catalogue import parse
from eyediff.engines.onnxrt import OnnxRunner
from eyediff.trunks import TRUNKS
from tests.golden import lpips_cases
from tests.golden.lpips_cases import Case

GOLDENS = json.loads((Path(lpips_cases.__file__).parent / "lpips.json").read_text())["cases"]
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # as tests/golden/test_lpips.py derives them


def module(case: Case, **options: object) -> nn.LPIPS:
    """The module of a case, on seeded weights."""
    heads = weights.load_heads(case.net, case.version) if case.heads else None
    trunk = TRUNKS[case.net]
    network = lpips.Network(trunk, lpips_cases.seeded_parameters(trunk), heads, scaled=case.version == "0.1")
    return nn.LPIPS.from_network(network, **options)


def tensors(case: Case, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Both batches as N x 3 x H x W in [-1, 1]."""
    return [
        torch.from_numpy(x.copy()).permute(0, 3, 1, 2).to(dtype) / 127.5 - 1
        for x in lpips_cases.pair(case.net, case.images)
    ]


@pytest.mark.parametrize("case", list(lpips_cases.cases()), ids=lambda case: case.name)
def test_it_equals_the_recorded_peer(case: Case) -> None:
    """Total, shares and map agree with lpips 0.1.4, for every network, version and kind, in its own tensors' range."""
    found = module(case, reduction="none")
    x, y = tensors(case)
    golden = GOLDENS[case.name]
    np.testing.assert_allclose(found.layers(x, y).detach(), golden["layers"], **CLOSE)
    np.testing.assert_allclose(found(x, y).detach(), np.sum(golden["layers"], 1), **CLOSE)
    np.testing.assert_allclose(lpips_cases.sample(found.map(x, y)[:, 0].detach().numpy()), golden["map"], **CLOSE)


ALEX, SQUEEZE = Case("alex", "0.1", True, "smallest"), Case("squeeze", "0.0", False, "smallest")


@pytest.mark.parametrize("case", [ALEX, SQUEEZE], ids=lambda case: case.name)
@pytest.mark.parametrize("what", ["equal images", "black", "flat", "different"])
def test_gradients_are_finite_everywhere(case: Case, what: str) -> None:
    """Where other code gives NaN too: at equal images, where the gradient is 0, and where features are all zero."""
    x, y = tensors(case)
    if what == "black":
        x = torch.full_like(x, -1)
    elif what == "flat":
        x = torch.zeros_like(x)
    if what != "different":
        y = x.clone()
    x.requires_grad_()
    y.requires_grad_()
    module(case)(x, y).backward()
    for gradient in (x.grad, y.grad):
        assert gradient is not None and torch.isfinite(gradient).all()
        assert bool(gradient.any()) is (what == "different")


def test_gradients_are_right() -> None:
    """torch's gradcheck in double precision: the derivative of every pixel against differences. On the smallest images,
    and squeeze, since every pixel of both costs two passes."""
    case = Case("squeeze", "0.1", True, "smallest")
    whole = module(case).double()
    x, y = (image[:1].clone().requires_grad_() for image in tensors(case, torch.float64))
    assert torch.autograd.gradcheck(whole, (x, y), fast_mode=True)


def test_a_reference_is_prepared_once() -> None:
    """Against many others it gives what comparing each gives."""
    found = module(ALEX, reduction="none")
    x, y = tensors(ALEX)
    prepared = found.prepare(y[:1])
    alone = torch.cat([found(image[None], y[:1]) for image in x])
    torch.testing.assert_close(found(x, prepared), alone, rtol=1e-5, atol=1e-7)  # float32 sums in other order


def test_it_survives_copies_and_state() -> None:
    """deepcopy and state_dict keep the number to the last bit; no parameter takes gradients; training has no effect."""
    found = module(ALEX)
    x, y = tensors(ALEX)
    before = found(x, y)
    assert torch.equal(copy.deepcopy(found)(x, y), before)
    other = module(ALEX)
    other.load_state_dict(found.state_dict())
    assert torch.equal(other(x, y), before)
    assert not found.train().training and not any(parameter.requires_grad for parameter in found.parameters())
    assert torch.equal(found(x, y), before)


def test_values_outside_the_range_are_refused() -> None:
    """0 to 255 where -1 to 1 was stated: the most repeated mistake; and [0, 1] is one argument away."""
    x, y = tensors(ALEX)
    with pytest.raises(errors.RangeError, match="255"):
        module(ALEX)((x + 1) * 127.5, y)
    unit = module(ALEX, value_range=(0, 1))((x + 1) / 2, (y + 1) / 2)
    torch.testing.assert_close(unit, module(ALEX)(x, y), rtol=1e-5, atol=1e-7)


def test_ssim_and_psnr_equal_the_engines() -> None:
    """The same formulas: 1e-5, the rounding of float32 in flat regions, as tests/unit/metrics derives it."""
    a, b = lpips_cases.pair("alex", "photo")
    x, y = tensors(Case("alex", "0.1", True, "photo"))
    by_engine = wiring.wire(parse("ssim"), OnnxRunner("cpu")).engine.distances(a, b)
    np.testing.assert_allclose(nn.SSIM().score(x, y), by_engine, rtol=1e-5)
    np.testing.assert_allclose(1 - nn.SSIM()(x, y), by_engine.mean(), rtol=1e-5)
    by_engine = wiring.wire(parse("psnr"), OnnxRunner("cpu")).engine.distances(a, b)
    np.testing.assert_allclose(nn.PSNR().score(x, y), by_engine, rtol=1e-5)
    assert next(iter(ssim.VARIANTS)) == "wang"


def test_without_torch_one_line_says_what_to_install() -> None:
    """`import eyediff.nn` names the extra."""
    code = "import sys; sys.modules['torch'] = None; import eyediff.nn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: eyediff.nn needs torch: pip install 'eyediff[torch]'"
