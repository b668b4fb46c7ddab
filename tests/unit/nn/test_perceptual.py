"""Tests of `nn.PerceptualLoss` against the sums of Johnson et al. 2016, which are repeated here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from eyediff import nn
from eyediff.engines.numpy_ops import NumpyOps
from eyediff.errors import ArgumentTypeError, SizeError, UsageError
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


def test_one_image_serves_many() -> None:
    """One output, one content image or one style image serves for a batch, as in the other modules."""
    names = SQUEEZE.tap_names
    loss = nn.PerceptualLoss.from_network(NETWORK, {names[1]: 2.0}, {names[0]: 3.0}, variation=1.0, reduction="none")
    for counts in ((1, 3, 1), (1, 1, 3), (3, 1, 1), (3, 3, 1), (1, 3, 3)):
        given = [images(number + 4)[:count] for number, count in enumerate(counts)]
        pairs = zip(*(image.expand(3, -1, -1, -1).split(1) for image in given), strict=True)
        torch.testing.assert_close(loss(*given), torch.cat([loss(*pair) for pair in pairs]), rtol=1e-4, atol=1e-6)


def test_gray_and_single_images() -> None:
    """Gray images have three equal channels, and an image without a batch axis is a batch of one."""
    loss = nn.PerceptualLoss.from_network(NETWORK, {"relu2": 2.0}, {"relu1": 3.0}, variation=1.0)
    x, y, style = images(2)[:1], images(3)[1:2], images(4)[2:3]
    gray = [image[:, :1] for image in (x, y, style)]
    assert torch.equal(loss(*gray), loss(*(image.expand(-1, 3, -1, -1) for image in gray)))
    assert torch.equal(loss(x[0], y[0], style[0]), loss(x, y, style))
    assert torch.equal(loss(x[0], loss.contents(y[0]), loss.styles(style[0])), loss(x, y, style))


def test_targets_that_do_not_fit_are_refused() -> None:
    """Numbers of images, layers and shapes that do not fit are refused. Before, some of them were errors of torch."""
    loss = nn.PerceptualLoss.from_network(NETWORK, {"relu2": 2.0}, {"relu1": 3.0})
    other = nn.PerceptualLoss.from_network(NETWORK, {"relu3": 2.0}, {"relu1": 3.0})
    x = images(3)
    calls: list[tuple[type[Exception], str, tuple[object, ...]]] = [
        (SizeError, "batches have 3 and 2 images", (x, None, images(2))),
        (SizeError, "batches have 2 and 3 images", (x[:1], images(2), x)),
        (SizeError, "batches have 3 and 2 images", (x, images(2))),
        (UsageError, "content target has the layer 'relu3', but the module has relu2", (x, other.contents(x))),
        (UsageError, "style target has the layer 'relu2', but the module has relu1", (x, None, loss.contents(x))),
        (SizeError, "content target of 'relu2' has the shape", (x, loss.contents(x[..., :20]))),
        (ArgumentTypeError, "content is of the type ndarray; expected images as a torch.Tensor", (x, x.numpy())),
    ]
    for error, message, given in calls:
        with pytest.raises(error, match=message):
            loss(*given)


@pytest.mark.parametrize("options", [{"style": {"relu1": 1.0}}, {"variation": 1.0}])
def test_an_empty_batch_has_no_losses(options: dict[str, Any]) -> None:
    """The scores of an empty batch are empty, and their mean is NaN, as in the other modules."""
    found = nn.PerceptualLoss("mini", {"relu2": 1.0}, **options)
    none, one = torch.zeros(0, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    for target in (none, one):
        assert found.score(none, target, target).shape == (0,)
        assert found(none, target, target).isnan()
