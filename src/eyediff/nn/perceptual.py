"""The perceptual losses of Johnson, Alahi and Fei-Fei, of Gatys, Ecker and Bethge, and of ESRGAN.

Perceptual losses for real-time style transfer and super-resolution, ECCV 2016, arXiv:1603.08155, equations 2 to 4:

    content   sum over layers j of  |phi_j(x) - phi_j(content)|^2 / (C_j H_j W_j)
    style     sum over layers j of  |G_j(x) - G_j(style)|^2 (Frobenius),   G_j = phi_j phi_j^T / (C_j H_j W_j)

phi_j(x) are the features of image x at layer j, which has C_j channels, H_j rows and W_j columns. G_j is the Gram
matrix of the features. `presets.py` states the layers, weights and distances of each paper.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Literal, Self, TypeAlias

import torch
from torch import Tensor, nn

from .. import weights
from ..engines.torch_ops import is_tracing
from ..errors import ArgumentTypeError, SizeError, UsageError
from ..metrics import lpips
from ..metrics.backbones import ALL_TRUNKS, trunk
from .checks import (
    Reduction,
    ValueRange,
    as_batch,
    check_counts,
    check_pair,
    check_range,
    check_reduction,
    check_shape,
    check_values,
    full,
    reduced,
    scaled,
)
from .trunk import NetworkTrunk

Targets: TypeAlias = dict[str, Tensor]
"""Features, or Gram matrices, by the name of their layer."""

Target: TypeAlias = Tensor | Targets | None
"""Target of a loss: images, or their features or Gram matrices. `None` if there is no target."""

ContentDistance: TypeAlias = Literal["mse", "sse", "mae"]
"""Distance of features: mean of squared differences, sum of squared differences, or mean of absolute differences."""

Pooling: TypeAlias = Literal["max", "average"]
"""Whether pooling layers return the maximum or the mean of each window."""

CONTENT: Mapping[str, float] = {"relu2_2": 1.0}
"""The content layer that Johnson et al. use with VGG16 for super-resolution."""


class PerceptualLoss(nn.Module):
    """Content loss and style loss at chosen layers of a backbone (Johnson et al. 2016), and optional total variation.

    The module is frozen. The layers after the last chosen layer are not computed.

    Parameters
    ----------
    net : {"alex", "vgg", "vgg19", "squeeze", "mini"} or path
        Name of the backbone, or path of a metric file. The linear weights of the file are not used.
    content, style : mapping of str to float, optional
        Weight of each layer, at least 0, by the name of the layer. The layers of vgg and vgg19 are named by block and
        convolution: conv3_2 means the features before the ReLU, relu3_2 means those after it. The layers of other
        backbones are numbered: conv1 to conv5 and relu1 to relu5 in alex; conv1 to conv7 and relu1 to relu7 in squeeze;
        conv2 to conv6 and relu1 to relu6 in mini. By default, there is no style loss.
    variation : float
        Weight of the total variation, at least 0: the sum of (x_i - x_j)^2 / (C H W) over all pairs of neighbouring
        pixels, with values in [-1, 1]. This is the formula of Mahendran and Vedaldi 2015 with beta = 2. Johnson et al.
        give no formula.
    reduction, value_range, check, weights_file, trust
        See `LPIPS`.
    content_distance : {"mse", "sse", "mae"}
        Distance between the features of an image and of its target: the mean of squares (Johnson et al.), the sum of
        squares (Gatys et al.), or the mean of absolute differences (ESRGAN).
    pooling : {"max", "average"}
        Whether the pooling layers of the backbone return the maximum or the mean of each window.

    Raises
    ------
    UsageError
        If the backbone has no layer with a given name.
    WeightsError
        If the weights of the backbone are missing or do not fit.

    See Also
    --------
    load_perceptual_loss : Load the loss of a paper by its name.

    Notes
    -----
    Pixels are normalised by the mean and the standard deviation of ImageNet, as in the training of torchvision's
    weights. For pixels in [0, 1], these are about (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225).

    Examples
    --------
    >>> import torch
    >>> from eyediff import nn
    >>> loss = nn.PerceptualLoss("squeeze", content={"conv2": 1.0}, style={"relu1": 1.0, "relu3": 1.0})
    >>> black, gray = torch.full((1, 3, 64, 64), -1.0), torch.zeros(1, 3, 64, 64)
    >>> bool(loss(black, gray, gray) > loss(gray, gray, gray))
    True
    """

    def __init__(
        self,
        net: str = "vgg",
        content: Mapping[str, float] = CONTENT,
        style: Mapping[str, float] | None = None,
        variation: float = 0.0,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
        weights_file: Path | str | None = None,
        trust: bool = False,
        content_distance: ContentDistance = "mse",
        pooling: Pooling = "max",
    ) -> None:
        file = None if weights_file is None else Path(weights_file)
        if weights.is_file_name(net):
            network = weights.read_metric(Path(net)).network(file, head=False)
        else:
            backbone = trunk(net, ALL_TRUNKS)
            network = lpips.Network(backbone, weights.load_trunk(net, file=file, trust=trust).parameters, None)
        self._set(network, content, style, variation, reduction, value_range, check, content_distance, pooling)

    @classmethod
    def from_network(
        cls,
        network: lpips.Network,
        content: Mapping[str, float] = CONTENT,
        style: Mapping[str, float] | None = None,
        variation: float = 0.0,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
        content_distance: ContentDistance = "mse",
        pooling: Pooling = "max",
    ) -> Self:
        """Build the loss from a network in memory. The linear weights of the network are not used.

        Parameters
        ----------
        network : eyediff.metrics.lpips.Network
            A backbone with its parameters.
        content, style, variation, reduction, value_range, check, content_distance, pooling
            See `PerceptualLoss`.

        Returns
        -------
        PerceptualLoss
        """
        self = cls.__new__(cls)
        self._set(network, content, style, variation, reduction, value_range, check, content_distance, pooling)
        return self

    def _set(
        self,
        network: lpips.Network,
        content: Mapping[str, float],
        style: Mapping[str, float] | None,
        variation: float,
        reduction: Reduction,
        value_range: ValueRange,
        check: bool,
        content_distance: ContentDistance,
        pooling: Pooling,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        if content_distance not in _DISTANCES:
            raise UsageError(f"content_distance must be one of {', '.join(_DISTANCES)}; got {content_distance!r}")
        if pooling not in ("max", "average"):
            raise UsageError(f"pooling must be max or average; got {pooling!r}")
        self.content, self.style = _layer_weights("content", content), _layer_weights("style", style or {})
        self.variation = _weight("variation", variation)
        self.content_distance = content_distance
        layers, known = {*self.content, *self.style}, network.trunk.layer_names
        if content is CONTENT and not CONTENT.keys() <= set(known):
            raise UsageError(
                f"{network.trunk.title} has no layer {next(iter(CONTENT))!r}, which is the default of `content`; "
                f"state `content`, or content={{}} for no content loss; the layers are {', '.join(known)}"
            )
        if unknown := sorted(layers.difference(known)):
            raise UsageError(f"{network.trunk.title} has no layer {unknown[0]!r}; expected one of {', '.join(known)}")
        self.trunk = NetworkTrunk(network, layers, pooling == "average")
        self.reduction, self.value_range, self.check = reduction, check_range(value_range), check
        self.train(False)

    def forward(self, x: Tensor, content: Target = None, style: Target = None) -> Tensor:
        """Return the loss of N images.

        Parameters
        ----------
        x : Tensor
            Images, N x 3 x H x W.
        content, style : Tensor or mapping, optional
            Target images, or the results of `contents` and `styles` of this module. The content loss or style loss is
            not computed if it has no target. A style image may have any size. A single image, content image or style
            image serves for all losses of the batch.

        Returns
        -------
        Tensor
            The N losses, reduced as `reduction` says.

        Raises
        ------
        UsageError
            If there is no target, and the total variation has the weight 0. Also if a mapping has other layers or
            shapes than `contents` or `styles` returns.
        SizeError
            If the numbers of images differ, and are not 1, or if the content images have another size.

        Notes
        -----
        Images are N x 3 x H x W floats. Gray images, N x 1 x H x W, are treated as three equal channels. A single image
        without a batch axis is treated as a batch of one. The layers and shapes of a mapping are checked, but not the
        weights of the network that computed it.
        """
        return reduced(self.score(x, content, style), self.reduction)

    def score(self, x: Tensor, content: Target = None, style: Target = None) -> Tensor:
        """Return N losses, one for each image.

        Parameters
        ----------
        x, content, style
            See `forward`.

        Returns
        -------
        Tensor
        """
        x = as_batch(x)
        pixels = self._scaled(x)
        if isinstance(content, Tensor):
            content = as_batch(content)
            check_pair(x.shape, content.shape)
            content = self.contents(content)
        if isinstance(style, Tensor):
            style = self.styles(style)
        features = self._features(pixels)
        grams = {} if style is None else {layer: gram(features[layer]) for layer in self.style}
        terms = []
        distance = _DISTANCES[self.content_distance]
        for layer, target in _checked("content", content, {layer: features[layer] for layer in self.content}):
            terms.append(self.content[layer] * distance(features[layer], target))
        for layer, target in _checked("style", style, grams):
            terms.append(self.style[layer] * _sum_of_squares(grams[layer], target))
        if self.variation:
            terms.append(self.variation * total_variation(full(pixels)))
        if not terms:
            raise UsageError(
                "there is no loss to compute, because no target was given; "
                "give a content image or a style image, or set `variation`"
            )
        for one, other in itertools.combinations(terms, 2):
            check_counts(one.shape[0], other.shape[0])
        return torch.stack(torch.broadcast_tensors(*terms)).sum(0)  # type: ignore[no-untyped-call]

    def contents(self, images: Tensor) -> Targets:
        """Return the features of content images at the content layers, so that several calls can use them.

        Parameters
        ----------
        images : Tensor
            N x 3 x H x W.

        Returns
        -------
        dict of str to Tensor
        """
        features = self._features(self._scaled(images))
        return {layer: features[layer] for layer in self.content}

    def styles(self, images: Tensor) -> Targets:
        """Return the Gram matrices of style images at the style layers, so that several calls can use them.

        Parameters
        ----------
        images : Tensor
            N x 3 x H x W.

        Returns
        -------
        dict of str to Tensor
        """
        features = self._features(self._scaled(images))
        return {layer: gram(features[layer]) for layer in self.style}

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - torch's signature
        """Stay in eval mode, even if the surrounding network changes its mode.

        Parameters
        ----------
        mode : bool
            Ignored.

        Returns
        -------
        PerceptualLoss
        """
        return super().train(False)

    def _scaled(self, x: Tensor) -> Tensor:
        x = as_batch(x)
        check_shape(x, self.trunk.smallest, "PerceptualLoss")
        if self.check:
            check_values(x, self.value_range, "PerceptualLoss")
        return scaled(x, self.value_range)

    def _features(self, x: Tensor) -> Targets:
        return {name: full(feature) for name, feature in zip(self.trunk.names, self.trunk(x), strict=True)}


def _layer_weights(name: str, weights: object) -> dict[str, float]:
    """Return the argument `content` or `style` as a dict. Raise an error unless it maps layers to weights."""
    if not isinstance(weights, Mapping):
        raise ArgumentTypeError(
            f"{name} is {weights!r}; expected a mapping of layers to weights, such as {name}={{'relu2': 1.0}}"
        )
    return {layer: _weight(f"{name}: the weight of {layer!r}", weight) for layer, weight in weights.items()}


def _weight(name: str, weight: object) -> float:
    """Return a weight as a float. Raise an error unless it is a finite number of at least 0."""
    if not isinstance(weight, Real):
        raise ArgumentTypeError(f"{name} is {weight!r} ({type(weight).__name__}); expected a number")
    if not 0 <= float(weight) < math.inf:
        raise UsageError(f"{name} is {weight!r}; expected a finite number of at least 0")
    return float(weight)


def _checked(name: str, targets: Target, own: Targets) -> Iterator[tuple[str, Tensor]]:
    """Yield the layers and tensors of a target. Raise an error if one does not fit the features `own` of the images."""
    if targets is None:
        return
    if not isinstance(targets, Mapping):
        raise ArgumentTypeError(
            f"{name} is of the type {type(targets).__name__}; expected images as a torch.Tensor, "
            f"or the result of `{name}s`"
        )
    for layer, target in targets.items():
        if layer not in own:
            raise UsageError(
                f"the {name} target has the layer {layer!r}, but the module has {', '.join(own) or 'no layers'} there; "
                f"compute the target with `{name}s` of this module"
            )
        found, expected = tuple(target.shape), tuple(own[layer].shape)
        if not is_tracing() and found[1:] != expected[1:]:
            raise SizeError(
                f"the {name} target of {layer!r} has the shape {found}, but the images have {expected} there; "
                "expected equal sizes; compute the target from images of this size"
            )
        check_counts(expected[0], found[0])
        yield layer, target


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrices of features N x C x H x W, divided by C * H * W: N x C x C (equation 3 of the paper)."""
    flat = features.flatten(2)
    with torch.autocast(flat.device.type, enabled=False):
        return flat @ flat.transpose(1, 2) / math.prod(features.shape[1:])


def total_variation(x: Tensor) -> Tensor:
    """Return the total variation of N images: the sum of squared differences of neighbours, divided by C * H * W."""
    below, right = (x[:, :, 1:] - x[:, :, :-1]).square(), (x[:, :, :, 1:] - x[:, :, :, :-1]).square()
    return (below.sum((1, 2, 3)) + right.sum((1, 2, 3))) / math.prod(x.shape[1:])


def _sum_of_squares(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().flatten(1).sum(1)


_DISTANCES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": lambda x, y: (x - y).square().flatten(1).mean(1),
    "sse": _sum_of_squares,
    "mae": lambda x, y: (x - y).abs().flatten(1).mean(1),
}
