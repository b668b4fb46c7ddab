"""The backward pass of a strided convolution in comparison with torch's, in double precision."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from eyediff.engines import strided
from eyediff.engines.torch_ops import TorchOps


@pytest.mark.parametrize(("height", "width"), [(31, 40), (33, 34)])
@pytest.mark.parametrize(("size", "stride", "pad"), [(11, 4, 2), (9, 4, 1), (3, 3, 0), (3, 5, 1)])
def test_value_and_gradient_are_torchs(size: int, stride: int, pad: int, height: int, width: int) -> None:
    """Value, gradient and second derivative equal torch's. The second derivative is checked by finite differences.

    The sizes include sides that windows do not cover completely, kernels that are not complete squares, and windows
    with gaps. The tolerance is 1e-12 in double precision, because the sums have another order.
    """
    seeded = torch.Generator().manual_seed(size)
    kernel = torch.randn(5, 3, size, size, generator=seeded, dtype=torch.float64)
    x = torch.randn(2, 3, height, width, generator=seeded, dtype=torch.float64, requires_grad=True)
    assert strided.is_faster(x, stride)
    expected = F.conv2d(x, kernel, None, stride, pad)
    found = TorchOps().conv(x, kernel, stride=stride, pad=pad)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    gradient = torch.randn(expected.shape, generator=seeded, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad(value, x, gradient)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)

    def squared(x: torch.Tensor) -> torch.Tensor:
        return TorchOps().conv(x, kernel, stride=stride, pad=pad).square()

    assert torch.autograd.gradgradcheck(squared, x, fast_mode=True)


def test_kernels_that_are_trained_get_a_gradient() -> None:
    """A kernel that needs a gradient gets it from the folded convolution, which has the same value."""
    torch.manual_seed(0)
    x, kernel = torch.randn(1, 3, 31, 31).double(), torch.randn(5, 3, 11, 11).double().requires_grad_()
    found, expected = strided.conv(x, kernel, None, 4, 2), F.conv2d(x, kernel, None, 4, 2)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    ours, theirs = (torch.autograd.grad(value.square().sum(), kernel)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-9)
