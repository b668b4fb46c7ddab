"""The gradient by Winograd's algorithm in comparison with torch's, in double precision."""

from __future__ import annotations

import pytest
import torch

from eyediff.engines import winograd
from eyediff.engines.torch_ops import TorchOps


@pytest.mark.parametrize(("height", "width"), [(15, 15), (8, 5), (1, 2)])
def test_the_gradient_is_torchs(height: int, width: int) -> None:
    """The gradient equals torch's to 2e-5 of its maximum, for complete tiles, partial tiles and less than one tile.

    F(4x4, 3x3) has about three times the rounding error of direct sums of 9 * 160 float32 products. The largest error
    of such a sum is 2e-6, and seldom more.
    """
    seeded = torch.Generator().manual_seed(height)
    kernel = torch.randn(160, 128, 3, 3, generator=seeded) / 36
    gradient = torch.randn(3, 160, height, width, generator=seeded)
    shape = (3, 128, height, width)
    expected = torch.nn.grad.conv2d_input(shape, kernel.double(), gradient.double(), padding=1)
    found = winograd.input_gradient(gradient, kernel)
    assert found.shape == shape
    assert float((found - expected).abs().max() / expected.abs().max()) < 2e-5
    assert not winograd.input_gradient(torch.zeros_like(gradient), kernel).any()


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are computed in chunks. Only the last digits may depend on the size of a matrix product."""
    torch.manual_seed(0)
    kernel, gradient = torch.randn(128, 128, 3, 3) / 36, torch.randn(3, 128, 6, 6)
    whole = winograd.input_gradient(gradient, kernel)
    monkeypatch.setattr(winograd, "CHUNK", 1)
    torch.testing.assert_close(winograd.input_gradient(gradient, kernel), whole, rtol=1e-4, atol=1e-5)


def test_it_is_used_where_it_pays_and_keeps_values() -> None:
    """The algorithm is used for frozen 3x3 kernels with many channels, if a gradient is needed.

    The forward value is torch's to the last bit. If the gradient is differentiated again, torch computes it.
    """
    torch.manual_seed(0)
    verbs, kernel = TorchOps(), torch.randn(128, 128, 3, 3) / 36
    x = torch.randn(1, 128, 6, 6).contiguous(memory_format=torch.channels_last)
    plain = torch.nn.functional.conv2d(x, kernel, padding=1)
    assert not winograd.is_faster(x, kernel, None, 1, 1, 1)
    x.requires_grad_()
    assert winograd.is_faster(x, kernel, None, 1, 1, 1)
    for other in ((x, kernel, None, 2, 1, 1), (x, kernel, None, 1, 0, 1), (x.double(), kernel.double(), None, 1, 1, 1)):
        assert not winograd.is_faster(*other)
    assert not winograd.is_faster(x, kernel.clone().requires_grad_(), None, 1, 1, 1)
    found = verbs.conv(x, kernel, pad=1)
    assert torch.equal(found, plain)
    (once,) = torch.autograd.grad(found.square().sum(), x, create_graph=True)
    (twice,) = torch.autograd.grad(once.square().sum(), x)
    expected = torch.nn.functional.conv2d(x, kernel, padding=1)
    (once,) = torch.autograd.grad(expected.square().sum(), x, create_graph=True)
    torch.testing.assert_close(twice, torch.autograd.grad(once.square().sum(), x)[0], rtol=1e-4, atol=1e-3)
