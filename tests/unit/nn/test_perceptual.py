"""Tests of `nn.PerceptualLoss` against the sums of Johnson et al. 2016, which are repeated here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from eyediff import nn
from eyediff.engines.numpy_ops import NumpyOps
from eyediff.errors import UsageError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import SQUEEZE
from tests.golden.lpips_cases import seeded_parameters

NETWORK = lpips.Network(SQUEEZE, seeded_parameters(SQUEEZE), None)


def images(count: int = 1) -> Tensor:
    """Return noise, N x 3 x 24 x 28 in [-1, 1]."""
    return torch.from_numpy(np.random.RandomState(count).rand(count, 3, 24, 28).astype(np.float32)) * 2 - 1


def features(x: Tensor) -> list[np.ndarray]:
    """Return the features by the oracle, in double precision."""
    return lpips.taps(NumpyOps(), NETWORK, x.double().numpy())


def test_content_and_style_are_the_papers_sums() -> None:
    """The content loss is equation 2 of the paper, and the style loss is equations 3 and 4.

    Content is the squared difference, divided by C*H*W. Style is the squared Frobenius norm of the difference of Gram
    matrices, each divided by C*H*W. The tolerance is 1e-4, because float32 features are squared and subtracted.
    """
    names = SQUEEZE.tap_names
    loss = nn.PerceptualLoss.from_network(NETWORK, {names[1]: 2.0}, {names[0]: 3.0})
    x, content, style = images(1), images(2)[1:], images(3)[2:]
    found = float(loss(x, content, style))
    of_x, of_content, of_style = features(x), features(content), features(style)
    by_hand = 2 * ((of_x[1] - of_content[1]) ** 2).mean()

    def gram(tap: np.ndarray) -> np.ndarray:
        flat = tap[0].reshape(tap.shape[1], -1)
        return flat @ flat.T / tap[0].size

    by_hand += 3 * ((gram(of_x[0]) - gram(of_style[0])) ** 2).sum()
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_a_term_without_target_is_left_out_and_none_is_an_error() -> None:
    """The loss needs a target for content, for style, or for both. A term without a target is left out."""
    names = SQUEEZE.tap_names
    loss = nn.PerceptualLoss.from_network(NETWORK, {names[1]: 1.0}, {names[0]: 1.0})
    x, other = images(1), images(2)[1:]
    assert float(loss(x, other) + loss(x, style=other)) == pytest.approx(float(loss(x, other, other)), rel=1e-5)
    assert float(loss(x, x, x)) == 0
    with pytest.raises(UsageError, match="no loss to compute"):
        loss(x)
