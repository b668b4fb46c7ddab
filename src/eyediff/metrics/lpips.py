"""LPIPS: the distance between the deep features of two images. The formula is stated only here.

Zhang, Isola, Efros, Shechtman, Wang: The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018,
arXiv:1801.03924, equation 1:

    d(a, b) = sum over layers l of  1 / (H_l W_l) * sum over h, w, c of  w_lc * (unit(f_l(a)) - unit(f_l(b)))_hwc ^ 2

f_l(x) are the features of image x at feature layer l of a network, and unit() divides the feature vector at each
position by its length. The linear weights w >= 0 were learned from human votes. The vector of the weights of one
feature layer is called a head. Without heads (the metrics `deep-*`, the paper's uncalibrated networks), every w is 1.
Since no w is negative, d is the squared Euclidean distance of two embeddings:

    e(x) = concat over l of  sqrt(w_l / (H_l W_l)) * unit(f_l(x))          d(a, b) = |e(a) - e(b)|^2

Images are N x 3 x H x W in [-1, 1]. Every function takes the operations of an engine (`ops`), and a network whose
weights have the array type of this engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeAlias

import numpy as np

from ..errors import WeightsError, some_of
from .backbones import ForwardPass, Parameters, Trunk, WindowLayer
from .ops import Array, C, C_co, Ops, T

# Mean and deviation of ImageNet, rounded as published. The exact values would change the third digit of every score.
SHIFT: Array = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE: Array = np.array([0.458, 0.448, 0.450], np.float32)

GAIN: Array = np.asarray(1 / SCALE, np.float32)
OFFSET: Array = np.asarray(-SHIFT / SCALE, np.float32)

RELEASES = ("0.1", "0.0")
"""The published versions of LPIPS.

Version 0.1, the default, scales its input as in the training of the backbones. Version 0.0, the first release, does not
scale its input. The two versions also have different linear weights.
"""

RANGE01 = "range01"
"""Name of the variant of version 0.1 that gets inputs in [0, 1] instead of the expected [-1, 1].

Papers about 3D Gaussian splatting report this number by mistake.
"""

VERSIONS = (*RELEASES, RANGE01)

Scaling: TypeAlias = tuple[Array, Array] | None
"""Multiplier and offset of the three input channels. `None` if the input is not scaled."""

PUBLISHED: Scaling = (GAIN, OFFSET)

SCALINGS: Mapping[str, Scaling] = {
    "0.1": PUBLISHED,
    "0.0": None,
    RANGE01: (
        np.asarray(GAIN / 2, np.float32),
        np.asarray((0.5 - SHIFT.astype(np.float64)) / SCALE, np.float32),
    ),  # the published scaling of (x + 1) / 2
}
"""Scaling of each version, for an input in [-1, 1]."""

INPUTS: Mapping[str, str] = {
    "0.1": "the network gets [-1, 1], scaled as in its training",
    "0.0": "the first release: the network gets [-1, 1] without scaling; other linear weights",
    RANGE01: "version 0.1 that gets [0, 1] instead of [-1, 1]",
}
"""Description of the input of each version, for people."""


def head_version(version: str) -> str:
    """Return "0.0" or "0.1": the published version whose linear weights `version` uses."""
    return RELEASES[0] if version == RANGE01 else version


@dataclass(frozen=True)
class FeatureNetwork(Generic[C_co]):
    """A network of LPIPS. Its numbers are arrays of one type: numpy arrays or torch tensors.

    Parameters
    ----------
    trunk
        Layers of the backbone.
    parameters
        Weights and biases of the backbone, by name.
    heads
        Linear weights, as one vector of C_l values for each feature layer. `None` if every weight is 1.
    scaling
        Multiplier and offset of the three input channels. `None` if the input is not scaled.
    """

    trunk: Trunk
    parameters: Parameters[C_co]
    heads: Sequence[C_co] | None
    scaling: tuple[C_co, C_co] | None


class Network(FeatureNetwork[Array]):
    """A network of LPIPS with numpy arrays. Its parameters and linear weights have been checked.

    Parameters
    ----------
    trunk, parameters, heads, scaling
        As for `FeatureNetwork`. By default, `scaling` is the scaling of version 0.1.

    Raises
    ------
    WeightsError
        If names or shapes do not fit the backbone, a linear weight is negative, or a number is not finite.
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
        """Square roots of the linear weights. They scale the axes of the embedding. `None` if every weight is 1."""
        return None if self.heads is None else tuple(np.sqrt(head).astype(np.float32) for head in self.heads)


def check_parameters(trunk: Trunk, parameters: Mapping[str, Array]) -> None:
    """Check the weights and biases of a backbone.

    Raises
    ------
    WeightsError
        If the names or shapes are not exactly those of the backbone, or a number is not finite.
    """
    wanted = trunk.shapes
    first, *_, last = wanted
    expected = (
        f"they belong to another network, or to another version of it; expected the {len(wanted)} parameters from "
        f"{first} to {last}"
    )
    if missing := [name for name in wanted if name not in parameters]:
        raise WeightsError(
            f"the weights do not fit {trunk.title}: {len(missing)} of {len(wanted)} parameters are missing: "
            f"{some_of(missing)}; {expected}"
        )
    if extra := [name for name in parameters if name not in wanted]:
        raise WeightsError(
            f"the weights do not fit {trunk.title}: they have unknown parameters: {some_of([*map(repr, extra)])}; "
            f"{expected}"
        )
    for name, shape in wanted.items():
        if parameters[name].shape != shape:
            raise WeightsError(
                f"the weights do not fit {trunk.title}: {name} has the shape {parameters[name].shape}; expected "
                f"{shape}; {expected}"
            )
        if not np.isfinite(parameters[name]).all():
            raise WeightsError(f"the weights are damaged: {name} has numbers that are not finite")


def check_heads(trunk: Trunk, heads: Sequence[Array]) -> None:
    """Check the linear weights for a backbone.

    Raises
    ------
    WeightsError
        If the linear weights are not one vector for each feature layer, with one finite value >= 0 for each channel.
    """
    if tuple(head.shape for head in heads) != tuple((channels,) for channels in trunk.taps):
        raise WeightsError(
            f"the linear weights have the shapes {[h.shape for h in heads]}; "
            f"expected one vector for each feature layer of {trunk.title}, with {trunk.taps} values"
        )
    for index, head in enumerate(heads):
        if not (np.isfinite(head).all() and (head >= 0).all()):
            raise WeightsError(
                f"the linear weights of feature layer {index} of {trunk.title} have numbers that are negative or not "
                "finite; expected finite numbers >= 0"
            )


def taps(
    ops: Ops[T, C], network: FeatureNetwork[C], x: T, add_rows: Callable[[WindowLayer, T], T] | None = None
) -> list[T]:
    """Return the features at every feature layer: one array N x C_l x H_l x W_l for each layer.

    `x` is a batch of whole images, or a strip of one image. For a strip, `add_rows` adds to the input of a layer the
    surrounding rows and the padding that the windows of this layer need.
    """
    if network.scaling is not None:
        x = ops.affine(x, *network.scaling)
    run = ForwardPass(ops, network.parameters, add_rows)
    for layer in network.trunk.layers:
        x = layer.apply(run, x)
    return run.features


def features(ops: Ops[T, C], network: FeatureNetwork[C], x: T) -> list[T]:
    """Return the features at every feature layer. The feature vector at each position is scaled to length 1."""
    return [ops.unit(tapped) for tapped in taps(ops, network, x)]


def terms(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> list[T]:
    """Return the distance at each position of each feature layer: one array N x 1 x H_l x W_l for each layer.

    It is the sum over channels of the weighted squared differences of the unit vectors.
    """
    return feature_differences(ops, network.heads, features(ops, network, a), features(ops, network, b))


def layers(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> T:
    """Return the contribution of each feature layer to the distance: N x L. The distance is the sum over L layers."""
    return shares(ops, terms(ops, network, a, b))


def spatial(ops: Ops[T, C], network: FeatureNetwork[C], a: T, b: T) -> T:
    """Return the distance as a map, N x 1 x H x W.

    The distances in each feature layer are enlarged to the size of the image. The map is the sum over all layers.
    """
    return enlarged(ops, terms(ops, network, a, b), like=a)


def embedding(ops: Ops[T, Array], network: Network, x: T) -> T:
    """Return the embedding, N x D. The squared Euclidean distance of two embeddings is the LPIPS distance."""
    return point(ops, network.roots, features(ops, network, x))


# The functions below compute the same from features that `features` returned.


def squared_differences(ops: Ops[T, C], of_a: Sequence[T], of_b: Sequence[T]) -> Iterator[T]:
    """Yield the squared differences of two sets of features: one array N x C_l x H_l x W_l for each feature layer."""
    for feature_a, feature_b in zip(of_a, of_b, strict=True):
        difference = ops.sub(feature_a, feature_b)
        yield ops.mul(difference, difference)


def weighted(ops: Ops[T, C], heads: Sequence[C] | None, squared: Iterable[T]) -> list[T]:
    """Return the sum over channels of the squared differences, weighted by the linear weights.

    The result has one array N x 1 x H_l x W_l for each feature layer.
    """
    if heads is None:
        return [ops.total(each) for each in squared]
    return [ops.weigh(each, head) for each, head in zip(squared, heads, strict=True)]


def feature_differences(ops: Ops[T, C], heads: Sequence[C] | None, of_a: Sequence[T], of_b: Sequence[T]) -> list[T]:
    """Return the distance at each position of each feature layer, computed from the features of two images.

    The result has one array N x 1 x H_l x W_l for each feature layer.
    """
    return weighted(ops, heads, squared_differences(ops, of_a, of_b))


def shares(ops: Ops[T, C], terms: Sequence[T]) -> T:
    """Return the contribution of each feature layer to the distance, N x L. It is the mean over the positions."""
    return ops.concat([ops.mean(term) for term in terms])


def enlarged(ops: Ops[T, C], terms: Sequence[T], like: T) -> T:
    """Return the sum of the distances in all feature layers, each enlarged to the size of `like`: N x 1 x H x W."""
    whole = ops.resize(terms[0], like)
    for more in terms[1:]:
        whole = ops.add(whole, ops.resize(more, like))
    return whole


def point(ops: Ops[T, C], roots: Sequence[C] | None, features: Sequence[T]) -> T:
    """Return the embedding of each image, N x D, computed from its features.

    Each feature is multiplied by the root of its linear weight and divided by sqrt(H_l * W_l).
    """
    weighed = features if roots is None else [ops.affine(f, root) for f, root in zip(features, roots, strict=True)]
    return ops.concat([ops.flat(feature) for feature in weighed])
