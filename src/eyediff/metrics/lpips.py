"""LPIPS: the distance between two images as deep features see it, stated once.

Zhang, Isola, Efros, Shechtman, Wang: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
arXiv:1801.03924, equation 1:

    d(a, b) = sum over taps l of  1 / (H_l W_l) * sum over h, w, c of  w_lc * (unit(f_l(a)) - unit(f_l(b)))_hwc ^ 2

with w >= 0 learned from human votes. Without heads (`deep-*`, the paper's uncalibrated network) every w is 1. Since no
w is negative, d is a squared Euclidean distance between embeddings:

    e(x) = concat over l of  sqrt(w_l / (H_l W_l)) * unit(f_l(x))

Images are N x 3 x H x W in [-1, 1]. Every function takes the verbs of an engine and returns what that engine passes
around.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import WeightsError
from .backbones import Conv, Fire, Pool, Trunk
from .ops import Array, T, Verbs

# Rounded as published: torchvision's exact ImageNet figures would move every score in the third digit of its error.
SHIFT: Array = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE: Array = np.array([0.458, 0.448, 0.450], np.float32)

GAIN: Array = np.asarray(1 / SCALE, np.float32)
OFFSET: Array = np.asarray(-SHIFT / SCALE, np.float32)

VERSIONS = ("0.1", "0.0")
"""0.1, the default, scales its input as the trunks were trained; 0.0, the first release, does not. Heads differ too."""


@dataclass(frozen=True)
class Network:
    """A trunk with its parameters, its heads (None: every weight 1) and whether its input is scaled.

    Raises WeightsError where names, shapes or signs do not fit.
    """

    trunk: Trunk
    parameters: Mapping[str, Array]
    heads: tuple[Array, ...] | None
    scaled: bool = True

    def __post_init__(self) -> None:
        check_parameters(self.trunk, self.parameters)
        if self.heads is not None:
            check_heads(self.trunk, self.heads)

    @property
    def scaling(self) -> tuple[Array, Array] | None:
        """Multiplier and offset of the input's channels."""
        return (GAIN, OFFSET) if self.scaled else None

    @cached_property
    def roots(self) -> tuple[Array, ...] | None:
        """Square roots of the heads: the lengths of the embedding's axes."""
        return None if self.heads is None else tuple(np.sqrt(head).astype(np.float32) for head in self.heads)


def check_parameters(trunk: Trunk, parameters: Mapping[str, Array]) -> None:
    """Raise WeightsError unless names and shapes are exactly those of the trunk and every figure is finite."""
    wanted = trunk.shapes
    if missing := [name for name in wanted if name not in parameters]:
        raise WeightsError(f"not {trunk.title}: lacks {', '.join(missing[:3])} ({len(missing)} of {len(wanted)} names)")
    if extra := [name for name in parameters if name not in wanted]:
        raise WeightsError(f"not {trunk.title}: holds {', '.join(map(repr, extra[:3]))}, which it does not have")
    for name, shape in wanted.items():
        if parameters[name].shape != shape:
            raise WeightsError(f"not {trunk.title}: {name} is {parameters[name].shape}, expected {shape}")
        if not np.isfinite(parameters[name]).all():
            raise WeightsError(f"damaged: {name} holds figures that are not finite")


def check_heads(trunk: Trunk, heads: Sequence[Array]) -> None:
    """Raise WeightsError unless there is one head a tap, of the tap's channels, finite and nowhere negative."""
    if tuple(head.shape for head in heads) != tuple((channels,) for channels in trunk.taps):
        raise WeightsError(f"heads of {[h.shape for h in heads]} do not fit {trunk.title}, whose taps are {trunk.taps}")
    for index, head in enumerate(heads):
        if not (np.isfinite(head).all() and (head >= 0).all()):
            raise WeightsError(f"head {index} of {trunk.title} holds figures below 0 or not finite: not a distance")


def taps(verbs: Verbs[T], network: Network, x: T, seen: Callable[[Conv | Pool, T], T] | None = None) -> list[T]:
    """The trunk's features at every tap: N x C_l x H_l x W_l each.

    Of a whole image, or of a strip of it: then `seen` adds the rows around, padding too, that a layer's windows reach.
    """
    if network.scaling is not None:
        x = verbs.affine(x, *network.scaling)

    def around(layer: Conv | Pool, x: T) -> T:
        return x if seen is None else seen(layer, x)

    def conv(layer: Conv, x: T) -> T:
        weight, bias = network.parameters[f"{layer.key}.weight"], network.parameters[f"{layer.key}.bias"]
        pad = layer.pad if seen is None else (0, layer.pad)
        return verbs.relu(verbs.conv(x, weight, bias, stride=layer.stride, pad=pad))

    found = []
    for layer in network.trunk.layers:
        if isinstance(layer, Conv):
            x = conv(layer, around(layer, x))
        elif isinstance(layer, Pool):
            x = verbs.maxpool(around(layer, x), size=layer.size, stride=layer.stride, ceil=layer.ceil)
        elif isinstance(layer, Fire):
            squeeze, expand1x1, expand3x3 = layer.convs
            x = around(expand3x3, conv(squeeze, x))
            middle = x if seen is None else verbs.rows(x, expand3x3.pad, -expand3x3.pad)
            x = verbs.concat([conv(expand1x1, middle), conv(expand3x3, x)])
        else:
            found.append(x)
    return found


def features(verbs: Verbs[T], network: Network, x: T) -> list[T]:
    """The same, of unit length at every position."""
    return [verbs.unit(tapped) for tapped in taps(verbs, network, x)]


def terms(verbs: Verbs[T], network: Network, a: T, b: T) -> list[T]:
    """What each tap says at each of its positions: N x 1 x H_l x W_l each."""
    return apart(verbs, network.heads, features(verbs, network, a), features(verbs, network, b))


def layers(verbs: Verbs[T], network: Network, a: T, b: T) -> T:
    """Each tap's share of the distance: N x L. The distance is their sum."""
    return shares(verbs, terms(verbs, network, a, b))


def spatial(verbs: Verbs[T], network: Network, a: T, b: T) -> T:
    """The distance as a map: every tap's term enlarged to the image's size, and summed: N x 1 x H x W."""
    return enlarged(verbs, terms(verbs, network, a, b), like=a)


def embedding(verbs: Verbs[T], network: Network, x: T) -> T:
    """The point whose squared Euclidean distance to another image's point is the LPIPS distance: N x D."""
    return point(verbs, network.roots, features(verbs, network, x))


# The same four from features of unit length, wherever they came from.


def apart(verbs: Verbs[T], heads: Sequence[Array] | None, of_a: Sequence[T], of_b: Sequence[T]) -> list[T]:
    """Weighted squared differences at every tap: N x 1 x H_l x W_l each."""
    found = []
    for index, (feature_a, feature_b) in enumerate(zip(of_a, of_b, strict=True)):
        difference = verbs.sub(feature_a, feature_b)
        squared = verbs.mul(difference, difference)
        found.append(verbs.total(squared) if heads is None else verbs.weigh(squared, heads[index]))
    return found


def shares(verbs: Verbs[T], terms: Sequence[T]) -> T:
    """The mean of each tap's term: N x L."""
    return verbs.concat([verbs.mean(term) for term in terms])


def enlarged(verbs: Verbs[T], terms: Sequence[T], like: T) -> T:
    """The sum of the terms, each enlarged to the rows and columns of `like`: N x 1 x H x W."""
    whole = verbs.resize(terms[0], like)
    for more in terms[1:]:
        whole = verbs.add(whole, verbs.resize(more, like))
    return whole


def point(verbs: Verbs[T], roots: Sequence[Array] | None, features: Sequence[T]) -> T:
    """Every feature times the root of its weight, in one row an image, divided by sqrt(H_l * W_l): N x D."""
    weighed = features if roots is None else [verbs.affine(f, root) for f, root in zip(features, roots, strict=True)]
    return verbs.concat([verbs.flat(feature) for feature in weighed])
