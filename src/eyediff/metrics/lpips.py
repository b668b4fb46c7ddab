"""LPIPS: the distance between the deep features of two images. The formula is stated only here.

Zhang, Isola, Efros, Shechtman, Wang: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
arXiv:1801.03924, equation 1:

    d(a, b) = sum over layers l of  1 / (H_l W_l) * sum over h, w, c of  w_lc * (unit(f_l(a)) - unit(f_l(b)))_hwc ^ 2

The linear weights w >= 0, one head for each feature layer, were learned from human votes. Without heads (`deep-*`, the
paper's uncalibrated network), every w is 1. Since no w is negative, d is a squared Euclidean distance of embeddings:

    e(x) = concat over l of  sqrt(w_l / (H_l W_l)) * unit(f_l(x))

Images are N x 3 x H x W in [-1, 1]. Every function takes the operations of an engine, and a network with constants of
the type that the engine needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeAlias

import numpy as np

from ..errors import WeightsError
from .backbones import ForwardPass, Parameters, Trunk, WindowLayer
from .ops import Array, C, C_co, Ops, T

# Rounded as published. The exact ImageNet values of torchvision would change the third digit of every score.
SHIFT: Array = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE: Array = np.array([0.458, 0.448, 0.450], np.float32)

GAIN: Array = np.asarray(1 / SCALE, np.float32)
OFFSET: Array = np.asarray(-SHIFT / SCALE, np.float32)

RELEASES = ("0.1", "0.0")
"""Version 0.1, the default, scales its input as in the training of the backbones. 0.0, the first release, does not.
Their heads differ, too."""

RANGE01 = "range01"
"""Version 0.1 with inputs in [0, 1] where it expects [-1, 1]. This is a mistake of 3D Gaussian splatting papers."""

VERSIONS = (*RELEASES, RANGE01)

Scaling: TypeAlias = tuple[Array, Array] | None
"""Multiplier and offset of the input's channels. None means that the input is not scaled."""

PUBLISHED: Scaling = (GAIN, OFFSET)

SCALINGS: Mapping[str, Scaling] = {
    "0.1": PUBLISHED,
    "0.0": None,
    RANGE01: (
        np.asarray(GAIN / 2, np.float32),
        np.asarray((0.5 - SHIFT.astype(np.float64)) / SCALE, np.float32),
    ),  # of (x + 1) / 2
}
"""The scaling of each version, for an input in [-1, 1]."""

INPUTS: Mapping[str, str] = {
    "0.1": "the network gets [-1, 1], scaled as in its training",
    "0.0": "the first release: the network gets [-1, 1] without scaling; other linear weights",
    RANGE01: "version 0.1 that gets [0, 1] instead of [-1, 1]",
}
"""A description of each version's input, for people."""


def head_version(version: str) -> str:
    """Return the release whose linear weights a version uses."""
    return RELEASES[0] if version == RANGE01 else version


@dataclass(frozen=True)
class FeatureNetwork(Generic[C_co]):
    """The parts of a network that the formula needs, in arrays of one type: numpy arrays or torch tensors.

    Parameters
    ----------
    trunk
        Layers of the backbone.
    parameters
        Weights and biases by name.
    heads
        Linear weights, one vector of C_l values for each feature layer. None means that every weight is 1.
    scaling
        Multiplier and offset of the input's channels. None means that the input is not scaled.
    """

    trunk: Trunk
    parameters: Parameters[C_co]
    heads: Sequence[C_co] | None
    scaling: tuple[C_co, C_co] | None


class Network(FeatureNetwork[Array]):
    """A network of numpy arrays. Its names, shapes and signs have been checked.

    Parameters
    ----------
    trunk, parameters, heads
        As in `FeatureNetwork`.
    scaling
        As in `FeatureNetwork`. Default: the scaling of version 0.1.

    Raises
    ------
    WeightsError
        If names, shapes or signs do not fit, or a number is not finite.
    """

    parameters: Mapping[str, Array]

    def __init__(
        self,
        trunk: Trunk,
        parameters: Mapping[str, Array],
        heads: Sequence[Array] | None,
        scaling: Scaling = PUBLISHED,
    ) -> None:
        check_parameters(trunk, parameters)
        if heads is not None:
            check_heads(trunk, heads)
        super().__init__(trunk, parameters, heads, scaling)

    @property
    def scaled(self) -> bool:
        """True if the channels of the input are scaled."""
        return self.scaling is not None

    @cached_property
    def roots(self) -> tuple[Array, ...] | None:
        """Square roots of the heads. They scale the axes of the embedding."""
        return None if self.heads is None else tuple(np.sqrt(head).astype(np.float32) for head in self.heads)


def check_parameters(trunk: Trunk, parameters: Mapping[str, Array]) -> None:
    """Raise WeightsError unless names and shapes are exactly those of the trunk, and all numbers are finite."""
    wanted = trunk.shapes
    if missing := [name for name in wanted if name not in parameters]:
        raise WeightsError(
            f"not {trunk.title}: it lacks {len(missing)} of {len(wanted)} names: {', '.join(missing[:3])}"
        )
    if extra := [name for name in parameters if name not in wanted]:
        raise WeightsError(
            f"not the weights of {trunk.title}: there are unknown names: {', '.join(map(repr, extra[:3]))}"
        )
    for name, shape in wanted.items():
        if parameters[name].shape != shape:
            raise WeightsError(f"not {trunk.title}: {name} has the shape {parameters[name].shape}, expected {shape}")
        if not np.isfinite(parameters[name]).all():
            raise WeightsError(f"damaged: {name} has numbers that are not finite")


def check_heads(trunk: Trunk, heads: Sequence[Array]) -> None:
    """Raise WeightsError unless each feature layer has one head of its length, with finite values >= 0."""
    if tuple(head.shape for head in heads) != tuple((channels,) for channels in trunk.taps):
        raise WeightsError(
            f"heads of {[h.shape for h in heads]} do not fit {trunk.title}: its layers have {trunk.taps} channels"
        )
    for index, head in enumerate(heads):
        if not (np.isfinite(head).all() and (head >= 0).all()):
            raise WeightsError(f"head {index} of {trunk.title} has numbers that are negative or not finite")


def taps(
    ops: Ops[T, C], network: FeatureNetwork[C], x: T, add_rows: Callable[[WindowLayer, T], T] | None = None
) -> list[T]:
    """Return the features of the trunk at every feature layer: N x C_l x H_l x W_l each.

    `x` is a whole image or a strip of it. For a strip, `add_rows` adds the surrounding rows and the padding that the
    windows of a layer need.
    """
    if network.scaling is not None:
        x = ops.affine(x, *network.scaling)
    run = ForwardPass(ops, network.parameters, add_rows)
    for layer in network.trunk.layers:
        x = layer.apply(run, x)
    return run.features


def features(ops: Ops[T, C], network: FeatureNetwork[C], x: T) -> list[T]:
    """Return the features of every feature layer, normalized to unit length at every position."""
    return [ops.unit(tapped) for tapped in taps(ops, network, x)]


def terms(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> list[T]:
    """Return the weighted squared difference of each feature layer at each position: N x 1 x H_l x W_l each."""
    return feature_differences(ops, network.heads, features(ops, network, a), features(ops, network, b))


def layers(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> T:
    """Return the contribution of each feature layer to the distance: N x L. The distance is their sum."""
    return shares(ops, terms(ops, network, a, b))


def spatial(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> T:
    """Return the distance as a map, N x 1 x H x W. It is the sum of the terms, enlarged to the size of the image."""
    return enlarged(ops, terms(ops, network, a, b), like=a)


def embedding(ops: Ops[T, Array], network: Network, x: T) -> T:
    """Return the embedding, N x D. The squared Euclidean distance of two embeddings is the LPIPS distance."""
    return point(ops, network.roots, features(ops, network, x))


# The same four functions, computed from features of unit length.


def squared_differences(ops: Ops[T, C], of_a: Sequence[T], of_b: Sequence[T]) -> Iterator[T]:
    """Yield the squared differences of every feature layer: N x C_l x H_l x W_l each."""
    for feature_a, feature_b in zip(of_a, of_b, strict=True):
        difference = ops.sub(feature_a, feature_b)
        yield ops.mul(difference, difference)


def weighted(ops: Ops[T, C], heads: Sequence[C] | None, squared: Iterable[T]) -> list[T]:
    """Return the sums over channels of the squared differences, weighted by the heads: N x 1 x H_l x W_l each."""
    if heads is None:
        return [ops.total(each) for each in squared]
    return [ops.weigh(each, head) for each, head in zip(squared, heads, strict=True)]


def feature_differences(ops: Ops[T, C], heads: Sequence[C] | None, of_a: Sequence[T], of_b: Sequence[T]) -> list[T]:
    """Return the weighted squared differences of every feature layer: N x 1 x H_l x W_l each."""
    return weighted(ops, heads, squared_differences(ops, of_a, of_b))


def shares(ops: Ops[T, C], terms: Sequence[T]) -> T:
    """Return the mean of each term: N x L."""
    return ops.concat([ops.mean(term) for term in terms])


def enlarged(ops: Ops[T, C], terms: Sequence[T], like: T) -> T:
    """Return the sum of the terms, each enlarged to the size of `like`: N x 1 x H x W."""
    whole = ops.resize(terms[0], like)
    for more in terms[1:]:
        whole = ops.add(whole, ops.resize(more, like))
    return whole


def point(ops: Ops[T, C], roots: Sequence[C] | None, features: Sequence[T]) -> T:
    """Return each feature times the root of its weight, divided by sqrt(H_l * W_l), one row for each image: N x D."""
    weighed = features if roots is None else [ops.affine(f, root) for f, root in zip(features, roots, strict=True)]
    return ops.concat([ops.flat(feature) for feature in weighed])
