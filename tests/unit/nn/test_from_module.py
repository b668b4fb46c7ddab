"""Tests of `LPIPS.from_module`: the distance on a user's module agrees with the formula, which is repeated here."""

from __future__ import annotations

from typing import cast

import pytest
import torch
from torch import Tensor

from eyediff import nn
from eyediff.errors import UsageError
from eyediff.nn.distance import IMAGENET_MEAN, IMAGENET_STD

from .cases import ALEX, tensors


class Tokens(torch.nn.Module):
    """A module like a vision transformer: patches, tokens N x T x C, and attention.

    Some of its submodules cannot be feature layers.
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = torch.nn.Conv2d(3, 12, 8, 8)
        self.tokens = torch.nn.LayerNorm(12)
        self.attention = torch.nn.MultiheadAttention(12, 3, batch_first=True)
        self.spare = torch.nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.tokens(self.patches(x).flatten(2).transpose(1, 2))
        return cast(Tensor, self.attention(tokens, tokens, tokens)[0])


class Residual(torch.nn.Module):
    """A module that adds to the output of a layer in place, as residual networks do."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found = self.conv(x)
        found += x
        return cast(Tensor, found)


def layers(inplace: bool) -> torch.nn.Sequential:
    """Return two convolutions with a ReLU between them."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU(inplace), torch.nn.Conv2d(8, 6, 3))


def expected(x: Tensor) -> Tensor:
    """Return pixels that are normalized as the classifiers of ImageNet expect them."""
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((x + 1) / 2 - mean) / std


def by_hand(features: list[tuple[Tensor, Tensor]], axis: int = 1) -> Tensor:
    """Return equation 1 with all weights equal to 1."""
    return sum((torch.nn.functional.normalize(a, dim=axis) - torch.nn.functional.normalize(b, dim=axis)).square()
               .sum(axis).flatten(1).mean(1) for a, b in features)  # fmt: skip


@pytest.mark.parametrize("inplace", [False, True])
def test_features_are_what_the_taps_gave(inplace: bool) -> None:
    """The features are the outputs of the chosen layers, even if the next layer works in place.

    The user's own module does not change. The tolerance is 1e-5, because the features are float32.
    """
    mine, (x, y) = layers(inplace), tensors(ALEX)
    found = nn.LPIPS.from_module(mine, ["0", "2"], reduction="none")
    plain = layers(False)
    given = [(plain[:stop](expected(x)), plain[:stop](expected(y))) for stop in (1, 3)]
    torch.testing.assert_close(found(x, y), by_hand(given).detach(), rtol=1e-5, atol=1e-6)
    assert found.map(x, y).shape == (len(x), 1, *x.shape[2:])
    assert mine[1].inplace is inplace and not mine[0]._forward_hooks
    assert mine.training and all(parameter.requires_grad for parameter in mine.parameters())


def test_tokens_have_a_distance_and_no_map() -> None:
    """Tokens N x T x C have a distance in which every token is a position. They have no map.

    The squared distance between two embeddings is the distance of the images.
    """
    whole, (x, y) = Tokens(), (torch.nn.functional.pad(image, (0, 1, 0, 1)) for image in tensors(ALEX))
    found = nn.LPIPS.from_module(whole, ["tokens"], reduction="none")
    given = [tuple(whole.tokens(whole.patches(expected(image)).flatten(2).mT) for image in (x, y))]
    torch.testing.assert_close(found(x, y), by_hand(given, axis=2).detach(), rtol=1e-5, atol=1e-6)
    distances = (found.embed(x) - found.embed(y)).square().sum(1)
    torch.testing.assert_close(distances, found(x, y), rtol=1e-4, atol=1e-6)
    with pytest.raises(UsageError, match="tokens without rows and columns"):
        found.map(x, y)


@pytest.mark.parametrize(
    ("tap", "said"),
    [
        ("nowhere", r"no submodule 'nowhere'; expected one of patches, tokens, attention"),
        ("attention", "'attention' returns an object of the type tuple; expected N x C x H x W features"),
        ("spare", "'spare' returns nothing, because it did not run"),
    ],
)
def test_what_cannot_be_tapped_is_told(tap: str, said: str) -> None:
    """A submodule that cannot be a feature layer is refused. The error names the submodule and what it returned."""
    x = torch.zeros(1, 3, 32, 32)
    with pytest.raises(UsageError, match=said):
        nn.LPIPS.from_module(Tokens(), [tap])(x, x)


@pytest.mark.parametrize(
    ("taps", "options", "said"),
    [
        ("tokens", {}, r"taps is the text 'tokens'; expected a list of names, such as \['tokens'\]"),
        (["tokens", "patches", "tokens"], {}, "taps has 'tokens' more than once; give each name once"),
        ([], {}, "taps is empty"),
        (["tokens"], {"std": (1, 0, 1)}, r"std is \(1, 0, 1\); expected three finite numbers above 0"),
        (["tokens"], {"mean": (0, 0, 0, 0)}, r"mean is \(0, 0, 0, 0\); expected three finite numbers, or one"),
        (["tokens"], {"mean": 0.5}, "mean is 0.5; expected three finite numbers"),
    ],
)
def test_arguments_that_are_not_valid_are_refused(taps: list[str], options: dict, said: str) -> None:
    """A text as `taps`, a repeated name, and a wrong normalisation are refused when the module is built."""
    with pytest.raises(UsageError, match=said):
        nn.LPIPS.from_module(Tokens(), taps, **options)


def test_what_is_overwritten_is_refused_or_copied() -> None:
    """A feature that a later operation overwrites in place is refused.

    The module cannot switch off such an operation. In inference mode, torch does not count changes, so the module keeps
    a copy of the feature.
    """
    whole, (x, y) = Residual(), tensors(ALEX)
    found = nn.LPIPS.from_module(whole, ["conv"], reduction="none")
    with pytest.raises(UsageError, match="overwrites the output of 'conv' in place"):
        found(x, y)
    with torch.inference_mode():
        given = [(whole.conv(expected(x)), whole.conv(expected(y)))]
        torch.testing.assert_close(found(x, y), by_hand(given), rtol=1e-5, atol=1e-6)


def test_heads_can_be_trained() -> None:
    """Linear weights start at 1, can be trained without the backbone, and stay at or above 0.

    Weights of 1 do not change the distance.
    """
    x, y = tensors(ALEX)
    plain = nn.LPIPS.from_module(layers(True), ["0", "2"])
    found = nn.LPIPS.from_module(layers(True), ["0", "2"], head=True, side=16)
    torch.testing.assert_close(found(x, y), plain(x, y), rtol=1e-5, atol=1e-6)
    heads = [parameter for parameter in found.parameters() if parameter.requires_grad]
    assert len(heads) == 2
    optimizer = torch.optim.SGD(heads, lr=100.0)
    before = found(x, y)
    before.backward()
    assert not any(parameter.grad is not None for parameter in found.trunk.parameters())
    optimizer.step()
    found.project()
    assert found(x, y) < before
    assert all((head >= 0).all() for head in heads) and any((head == 0).any() for head in heads)


def test_its_precision_is_the_modules() -> None:
    """A module in bfloat16 or double precision accepts float32 images."""
    x, y = tensors(ALEX)
    expected = nn.LPIPS.from_module(layers(True), ["2"])(x, y)
    for dtype, close in ((torch.float64, 1e-5), (torch.bfloat16, 0.1)):
        found = nn.LPIPS.from_module(layers(True).to(dtype), ["2"], head=True, side=16)(x, y)
        torch.testing.assert_close(found.float(), expected, rtol=close, atol=1e-6)


class ChannelsLast(torch.nn.Module):
    """A module like a Swin transformer: its last layer works on N x H x W x C."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.norm = torch.nn.Conv2d(3, 12, 4, 4), torch.nn.LayerNorm(12)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.patches(x).permute(0, 2, 3, 1)))


def test_channels_that_come_last_are_stated() -> None:
    """Features with the channels in the last axis need `layout='NHWC'`.

    If the stated layout is not that of the features, the error names the other layout.
    """
    whole, (x, y) = ChannelsLast(), tensors(ALEX)
    found = nn.LPIPS.from_module(whole, ["norm"], reduction="none", layout="NHWC")
    given = [tuple(whole(expected(image)).permute(0, 3, 1, 2) for image in (x, y))]
    torch.testing.assert_close(found(x, y), by_hand(given).detach(), rtol=1e-5, atol=1e-6)
    assert found.map(x, y).shape == (len(x), 1, *x.shape[2:])
    with pytest.raises(UsageError, match="is not NCHW; use layout='NHWC'"):
        nn.LPIPS.from_module(whole, ["norm"])(x, y)
    with pytest.raises(UsageError, match="is not NHWC; use layout='NCHW'"):
        nn.LPIPS.from_module(whole, ["patches"], layout="NHWC")(x, y)
    with pytest.raises(ValueError, match="layout must be NCHW or NHWC; got 'CHW'"):
        nn.LPIPS.from_module(whole, ["norm"], layout="CHW")
