"""LPIPS as a module: the formula of `lpips.py`, on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from .. import weights
from ..errors import UsageError, WeightsError, shown
from ..metrics import lpips
from ..metrics.backbones import MINI, trunk
from ..metrics.ops import Array
from .checks import (
    Reduction,
    ValueRange,
    check_pair,
    check_range,
    check_reduction,
    check_shape,
    check_values,
    reduced,
    scaled,
)
from .masks import area_means, counted_pixels, hidden, masked_mean
from .pieces import terms
from .tree import Tree
from .trunk import VERBS, ModuleTrunk, NetworkTrunk

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of pixels in [0, 1]; what published classifiers were trained on. Our own trunks use LPIPS's rounded figures."""


class Prepared(NamedTuple):
    """What `LPIPS.prepare` keeps of images, to be compared with many others."""

    features: tuple[Tensor, ...]
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.features[0].shape[0], self.height, self.width


class LPIPS(nn.Module):
    """Learned perceptual distance between images, lower is more alike; Zhang et al. 2018, equation 1.

    Frozen and in eval mode whatever its parent is set to; gradients flow to both images and are finite everywhere: at
    equal images they are 0. Under `torch.autocast` the trunk's convolutions are halved and all that follows stays in
    float32: distances of pairs that differ visibly are within 0.5 % (float16) or 3 % (bfloat16) of the exact ones.

    net: "alex" (what papers report), "vgg" (the usual loss), "squeeze", "mini"; or the path of a metric's file.
    version: "0.1", or "0.0" for the first release. A file has one of its own, and this argument is not used.
    head: with the weights learned from human votes; without, the paper's uncalibrated network.
    spatial: a map of distances N x 1 x H x W in place of one figure a pair.
    reduction: "mean", "sum" or "none" (N figures, or the map).
    value_range: what black and white are in the images.
    check: look for values far outside the range; switch it off in inner loops on a GPU, where looking means waiting.
    weights_file: the trunk's weights, if they lie elsewhere than where `eyediff weights` puts them; `trust` takes them
    though they are not the published ones.

    Raises WeightsError where weights are missing or unfit, and UsageError for arguments that do not exist.
    """

    def __init__(
        self,
        net: str = "alex",
        version: str = "0.1",
        head: bool = True,
        spatial: bool = False,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
        weights_file: Path | str | None = None,
        trust: bool = False,
    ) -> None:
        if version not in lpips.VERSIONS:
            raise UsageError(f"version {version!r} was given; there are {', '.join(lpips.VERSIONS)}")
        file = None if weights_file is None else Path(weights_file)
        if weights.is_file_name(net):
            network = weights.read_metric(Path(net)).network(file, head=head)
        else:
            data = trunk(net)
            if data is MINI and version != lpips.VERSIONS[0]:
                raise UsageError(f"{data.title} was trained as version {lpips.VERSIONS[0]} alone, {version!r} given")
            parameters = weights.load_trunk(net, file=file, trust=trust).parameters
            heads = weights.load_heads(net, version) if head else None
            network = lpips.Network(data, parameters, heads, lpips.SCALINGS[version])
        self._set(NetworkTrunk(network), network.heads, spatial, reduction, value_range, check)

    @classmethod
    def from_network(
        cls,
        network: lpips.Network,
        spatial: bool = False,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> Self:
        """The distance by a network that was put together elsewhere; the other arguments as above."""
        self = cls.__new__(cls)
        self._set(NetworkTrunk(network), network.heads, spatial, reduction, value_range, check)
        return self

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        taps: Sequence[str],
        head: bool = False,
        spatial: bool = False,
        reduction: Reduction = "mean",
        *,
        heads: Path | str | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
        side: int = 224,
    ) -> Self:
        """The uncalibrated distance on any module that takes N x 3 x H x W images.

        A frozen copy of the module is taken. `taps` name submodules (as `module.named_modules()` does) that give
        N x C x H x W features, or N x T x C tokens, of which no map can be made. `mean` and `std` are what the module
        expects, for pixels in [0, 1]. `head` adds heads of ones to be trained, `heads` are those of a metric's file
        that was made for this module; either takes one run at `side` pixels.

        Raises UsageError for taps that do not exist or give something else, or that the next layer overwrites;
        WeightsError for a file that is no metric, or was made for another module, other taps, `mean` or `std`.
        """
        tapped = ModuleTrunk(module, taps, mean, std).eval()
        found: Sequence[Array] | None = None
        if head or heads is not None:
            place = next(module.parameters(), torch.zeros(()))
            with torch.no_grad():
                features = tapped(torch.zeros(1, 3, side, side, device=place.device))
            found = [torch.ones(feature.shape[1]).numpy() for feature in features]
        if heads is not None and found is not None:
            found = _heads_of(weights.read_metric(Path(heads)), tapped, [len(head) for head in found])
        self = cls.__new__(cls)
        self._set(tapped, found, spatial, reduction, value_range, check)
        return self

    def _set(
        self,
        trunk: NetworkTrunk | ModuleTrunk,
        heads: Sequence[Array] | None,
        spatial: bool,
        reduction: Reduction,
        value_range: ValueRange,
        check: bool,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        check_range(value_range)
        self.trunk = trunk
        self.heads = None if heads is None else Tree({str(i): torch.tensor(head) for i, head in enumerate(heads)})
        self.spatial, self.reduction = spatial, reduction
        self.value_range, self.check = value_range, check
        self.train(False)

    def forward(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """The loss between N images and N others, or one; `y` may come from `prepare`; `mask` as for `score`."""
        if self.spatial:
            if mask is not None:
                raise UsageError("a mask was given, and a map has a distance for every pixel; leave one of them out")
            return reduced(self.map(x, y), self.reduction)
        return reduced(self.score(x, y, mask), self.reduction)

    def score(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """The distance of each pair: N.

        `mask`, H x W, N x H x W or N x 1 x H x W, says which pixels count. Elsewhere the candidates `x` become the
        references `y` first, so that what they hold has no influence and no gradient. At each tap the mean is then over
        the positions, each by the share of its area that counts. `y` must be images. A pair without any pixel that
        counts scores NaN.
        """
        return self.layers(x, y, mask).sum(1)

    def layers(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """Each tap's share of each distance: N x L; `mask` as for `score`."""
        if mask is None:
            return lpips.shares(VERBS, self._terms(x, y))
        if isinstance(y, Prepared):
            raise UsageError("a mask was given with features from `prepare`, which have seen all of their image")
        check_pair(x.shape, y.shape)
        counted = counted_pixels(mask, x, y, "LPIPS")
        by_tap = self._terms(hidden(x, y, counted), y)
        if isinstance(self.trunk, ModuleTrunk) and self.trunk.tokens:
            raise UsageError("the module's taps give tokens without rows and columns; a mask has no meaning for them")
        return torch.cat([masked_mean(term, area_means(counted, *term.shape[2:])) for term in by_tap], 1)

    def map(self, x: Tensor, y: Tensor | Prepared) -> Tensor:
        """The distance by place: N x 1 x H x W."""
        by_tap = self._terms(x, y)
        if isinstance(self.trunk, ModuleTrunk) and self.trunk.tokens:
            raise UsageError("the module's taps give tokens without rows and columns; no map can be made of them")
        return lpips.enlarged(VERBS, by_tap, like=x)

    def prepare(self, x: Tensor) -> Prepared:
        """What is needed of images that are compared with many others: half the work, done once."""
        check_shape(x, self.trunk.smallest, "LPIPS")
        if self.check:
            check_values(x, self.value_range, "LPIPS")
        return Prepared(tuple(self.trunk(scaled(x, self.value_range))), x.shape[2], x.shape[3])

    def embed(self, x: Tensor) -> Tensor:
        """The points, N x D, whose squared Euclidean distances are the distances between images of one size."""
        heads = self._heads()
        roots = None if heads is None else [head.sqrt() for head in heads]
        return lpips.point(VERBS, roots, [VERBS.unit(feature) for feature in self.prepare(x).features])

    def project(self) -> None:
        """Set heads below 0 to 0, in place: what keeps this a distance while heads are trained."""
        with torch.no_grad():
            for head in self._heads() or ():
                head.clamp_(min=0)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - torch's signature
        """Nothing: this module stays as it is when the network around it is set to training."""
        return super().train(False)

    def extra_repr(self) -> str:
        return f"taps={len(self.trunk.names)}, reduction={self.reduction!r}, value_range={self.value_range}"

    def _heads(self) -> list[Tensor] | None:
        return None if self.heads is None else [self.heads[str(index)] for index in range(len(self.trunk.names))]

    def _terms(self, x: Tensor, y: Tensor | Prepared) -> list[Tensor]:
        of_y = y if isinstance(y, Prepared) else self.prepare(y)
        of_x = self.prepare(x)
        check_pair(of_x.shape, of_y.shape)
        return terms(self._heads(), of_x.features, of_y.features)


def _heads_of(file: weights.MetricFile, trunk: ModuleTrunk, channels: Sequence[int]) -> Sequence[Array]:
    """The heads in a metric's file that was made for this module. Raises WeightsError."""
    if file.description.taps != trunk.names:
        taps = ", ".join(file.description.taps) or "the taps of a trunk of ours"
        raise WeightsError(f"{shown(file.path)}: made for {shown(taps)}, not for {', '.join(trunk.names)}")
    file.check_trunk(trunk.sha256, "the module that was given, with its mean and std")
    if file.heads is None or [len(head) for head in file.heads] != list(channels):
        raise WeightsError(f"{shown(file.path)}: its heads do not fit features of {', '.join(map(str, channels))}")
    return file.heads
