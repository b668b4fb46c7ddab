"""LPIPS as a torch module, which computes the formula of `metrics/lpips.py` on tensors."""

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
    as_batch,
    check_pair,
    check_range,
    check_reduction,
    check_shape,
    check_values,
    reduced,
    scaled,
)
from .layer_terms import terms
from .masks import area_means, counted_pixels, hidden, masked_mean
from .tree import Tree
from .trunk import VERBS, FeatureLayout, ModuleTrunk, NetworkTrunk, weights_sha256

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation by which most published classifiers, and LPIPS 0.1, normalise pixels in [0, 1]."""


class Prepared(NamedTuple):
    """The result of `LPIPS.prepare`: the features of a batch of images of one size.

    Only a module that computes the same features accepts them. It must have the same backbone, scaling of the input,
    submodules in `taps`, and values of the weights. Linear weights, `value_range`, device and the other options of the
    module have no influence on the features, so they may differ.

    Attributes
    ----------
    features : tuple of Tensor
        Features of the images at every feature layer.
    height, width : int
        Size of the images in pixels.
    network : str
        Backbone and scaling, or the submodules in `taps`.
    weights_sha256 : str or None
        Hash of the weights of the backbone. `None` if they could not be read: in graphs, and under transforms.
    """

    features: tuple[Tensor, ...]
    height: int
    width: int
    network: str
    weights_sha256: str | None

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.features[0].shape[0], self.height, self.width


class LPIPS(nn.Module):
    """Learned perceptual distance of images (Zhang et al. 2018, equation 1). Lower means more similar.

    Parameters
    ----------
    net : {"alex", "vgg", "squeeze", "mini"} or path
        Name of the backbone, or path of a metric file. Papers report the distance with "alex". Most losses use "vgg".
    version : {"0.1", "0.0"}
        Version of the linear weights, if `net` is not a metric file. A metric file has its own version.
    head : bool
        Whether the linear weights that were learned from human votes are used. If not, every weight is 1, and the
        distance is uncalibrated.
    spatial : bool
        Whether the module returns a map N x 1 x H x W instead of one distance for each pair.
    reduction : {"mean", "sum", "none"}
        How the N distances, or the values of the map, are reduced: to their mean, to their sum, or not at all.
    value_range : (float, float)
        Values of black and white in the images.
    check : bool
        Whether values far outside `value_range` raise RangeError, and masks that select no pixel raise SizeError.
        Images with infinities or NaN are not refused; their loss is infinite or NaN. The check needs a pass over the
        images and, on a GPU, a wait for the result.
    weights_file : str or Path, optional
        File with the weights of the backbone. Default: the weights are found or downloaded.
    trust : bool
        Whether `weights_file` may contain weights that are not the published ones.

    Raises
    ------
    WeightsError
        If the weights are missing or do not fit.
    UsageError
        If an argument has an unknown value.

    Notes
    -----
    Images are N x 3 x H x W floats. Gray images, N x 1 x H x W, are treated as three equal channels. A single image
    without a batch axis is treated as a batch of one.

    The module is frozen and stays in eval mode. Gradients flow to both images. The gradients are finite if the features
    are finite, and 0 if the images are equal. Under `torch.autocast`, convolutions use half precision and everything
    else uses float32. For visibly different pairs, the relative error is then at most 0.5 % with float16, and at most
    3 % with bfloat16. The page docs/transforms.md lists the transforms of torch that the module supports.

    Examples
    --------
    >>> import torch
    >>> from eyediff import nn
    >>> loss = nn.LPIPS("squeeze", value_range=(0, 1))
    >>> black, gray = torch.zeros(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.5)
    >>> bool(loss(black, gray) > loss(gray, gray))
    True
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
            raise UsageError(f"version must be one of {', '.join(lpips.VERSIONS)}; got {version!r}")
        file = None if weights_file is None else Path(weights_file)
        if weights.is_file_name(net):
            network = weights.read_metric(Path(net)).network(file, head=head)
        else:
            data = trunk(net)
            if data is MINI and version != lpips.VERSIONS[0]:
                raise UsageError(f"version must be {lpips.VERSIONS[0]} for the backbone {data.name}; got {version!r}")
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
        """Build the module from a network in memory.

        Parameters
        ----------
        network : eyediff.metrics.lpips.Network
            A backbone with its parameters and linear weights.
        spatial, reduction, value_range, check
            See `LPIPS`.

        Returns
        -------
        LPIPS
        """
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
        layout: FeatureLayout = "NCHW",
    ) -> Self:
        """Build the distance with a frozen copy of any module as the backbone.

        Parameters
        ----------
        module : torch.nn.Module
            Module that takes N x 3 x H x W images.
        taps : sequence of str
            Names of submodules, as `module.named_modules()` lists them. The distance compares their outputs, which must
            be N x C x H x W features or N x T x C tokens. No map can be computed from tokens.
        head : bool
            Whether to add trainable linear weights. Their initial value is 1.
        spatial, reduction, value_range, check
            See `LPIPS`.
        heads : str or Path, optional
            Path of a metric file that was made for this module. The linear weights of the file are used and are frozen.
        mean, std : sequence of float
            Mean and standard deviation by which the module expects pixels in [0, 1] to be normalised.
        side : int
            Side of a test image, in pixels. The test image is used to find the number of channels if `head` or `heads`
            is given.
        layout : {"NCHW", "NHWC"}
            Order of the axes of the features. A Swin transformer needs "NHWC".

        Returns
        -------
        LPIPS

        Raises
        ------
        UsageError
            If no submodule has a name in `taps`, if a name is repeated, if `mean` or `std` is not valid, if the output
            of a submodule does not have the stated layout, or if the next layer overwrites this output.
        WeightsError
            If the file `heads` is not a metric file, or was made for another module, or for other values of `taps`,
            `mean` or `std`.
        """
        tapped = ModuleTrunk(module, taps, mean, std, layout).eval()
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
        if self.heads is not None and heads is None:
            self.heads.requires_grad_(True)
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
        self.trunk = trunk
        self.heads = None if heads is None else Tree({str(i): torch.tensor(head) for i, head in enumerate(heads)})
        self.spatial, self.reduction = spatial, reduction
        self.value_range, self.check = check_range(value_range), check
        self.train(False)

    def forward(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """Return the loss of N pairs of images. If one batch has a single image, all pairs contain this image.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W. `y` may also be the result of `prepare`.
        mask : Tensor, optional
            Mask of the pixels that are compared; see `score`.

        Returns
        -------
        Tensor
            The N distances, or the map if `spatial` is true, reduced as `reduction` says.
        """
        if self.spatial:
            if mask is not None:
                raise UsageError(
                    "a mask was given, but the module returns a map, which has a distance for every pixel; "
                    "leave the mask out, or build the module with spatial=False"
                )
            return reduced(self.map(x, y), self.reduction)
        return reduced(self.score(x, y, mask), self.reduction)

    def score(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """Return the distance of each pair.

        Parameters
        ----------
        x, y : Tensor
            Candidates and references, N x 3 x H x W. Without a mask, `y` may also be the result of `prepare`.
        mask : Tensor, optional
            Mask of the pixels that are compared: H x W, N x H x W or N x 1 x H x W. At other pixels, the reference
            replaces the candidate, so these pixels have no influence and no gradient. In each feature layer, a position
            is weighted by the share of its area that the mask selects.

        Returns
        -------
        Tensor
            N distances.

        Raises
        ------
        SizeError
            If the images or masks differ in size, or if a mask selects no pixel. In a training loop, leave out the
            pairs for which the mask is empty after a random crop. With `check=False`, and in graphs and transforms, the
            distance of such a pair is NaN instead.
        """
        return self.layers(x, y, mask).sum(1)

    def layers(self, x: Tensor, y: Tensor | Prepared, mask: Tensor | None = None) -> Tensor:
        """Return the contribution of each feature layer to each distance, N x L.

        Parameters
        ----------
        x, y, mask
            See `score`.

        Returns
        -------
        Tensor
            Contributions, N x L. The distance is the sum over the layers.
        """
        if mask is None:
            return lpips.shares(VERBS, self._terms(x, y))
        if isinstance(y, Prepared):
            raise UsageError(
                "a mask was given, but the features from `prepare` are those of whole images; "
                "pass the images instead of the features"
            )
        x, y = as_batch(x), as_batch(y)
        check_pair(x.shape, y.shape)
        counted = counted_pixels(mask, x, y, "LPIPS", self.check)
        by_tap = self._terms(hidden(x, y, counted), y)
        if isinstance(self.trunk, ModuleTrunk) and self.trunk.tokens:
            raise UsageError(
                "a mask cannot be used, because the submodules in `taps` return tokens without rows and columns"
            )
        return torch.cat([masked_mean(term, area_means(counted, *term.shape[2:])) for term in by_tap], 1)

    def map(self, x: Tensor, y: Tensor | Prepared) -> Tensor:
        """Return the distance at each pixel, N x 1 x H x W.

        Parameters
        ----------
        x, y
            See `score`.

        Returns
        -------
        Tensor
        """
        by_tap = self._terms(x, y)
        x = as_batch(x)
        if isinstance(self.trunk, ModuleTrunk) and self.trunk.tokens:
            raise UsageError(
                "a map cannot be computed, because the submodules in `taps` return tokens without rows and columns"
            )
        return lpips.enlarged(VERBS, by_tap, like=x)

    def prepare(self, x: Tensor) -> Prepared:
        """Return the features of images, so that several calls can use them.

        Parameters
        ----------
        x : Tensor
            Images, N x 3 x H x W.

        Returns
        -------
        Prepared
            Features that `forward`, `score`, `layers` and `map` accept as their second argument.

        Notes
        -----
        A module raises UsageError for features of another network, or of other weights. This includes weights that were
        loaded after `prepare`. Graphs, transforms of `torch.func` and replicas of DataParallel compare only the names
        of the networks. The hash of the weights is computed once and after each change that torch counts, so a change
        through `parameter.data` is not detected. Nor are new tensors that torch puts at the address of the old ones.
        """
        features, (_, height, width) = self._features(x)
        return Prepared(features, height, width, self.trunk.description, weights_sha256(self.trunk, features[0]))

    def embed(self, x: Tensor) -> Tensor:
        """Return one vector for each image. The distance of two images is the squared distance of their vectors.

        Parameters
        ----------
        x : Tensor
            Images of one size, N x 3 x H x W.

        Returns
        -------
        Tensor
            Vectors, N x D. Their squared Euclidean distance is the distance of the images.
        """
        heads = self._heads()
        roots = None if heads is None else [head.sqrt() for head in heads]
        return lpips.point(VERBS, roots, [VERBS.unit(feature) for feature in self._features(x)[0]])

    def project(self) -> None:
        """Set negative linear weights to 0. Call this after each step of training: a distance needs weights >= 0."""
        with torch.no_grad():
            for head in self._heads() or ():
                head.clamp_(min=0)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - torch's signature
        """Stay in eval mode, even if the surrounding network changes its mode.

        Parameters
        ----------
        mode : bool
            Ignored.

        Returns
        -------
        LPIPS
        """
        return super().train(False)

    def extra_repr(self) -> str:
        return f"taps={len(self.trunk.names)}, reduction={self.reduction!r}, value_range={self.value_range}"

    def _heads(self) -> list[Tensor] | None:
        return None if self.heads is None else [self.heads[str(index)] for index in range(len(self.trunk.names))]

    def _features(self, x: Tensor) -> tuple[tuple[Tensor, ...], tuple[int, int, int]]:
        """Return the features of images, and the number, height and width of the images."""
        x = as_batch(x)
        check_shape(x, self.trunk.smallest, "LPIPS")
        if self.check:
            check_values(x, self.value_range, "LPIPS")
        return tuple(self.trunk(scaled(x, self.value_range))), (x.shape[0], x.shape[2], x.shape[3])

    def _terms(self, x: Tensor, y: Tensor | Prepared) -> list[Tensor]:
        if isinstance(y, Prepared):
            self._check_prepared(y)
            of_y, y_shape = y.features, y.shape
        else:
            of_y, y_shape = self._features(y)
        of_x, x_shape = self._features(x)
        check_pair(x_shape, y_shape)
        return terms(self._heads(), of_x, of_y)

    def _check_prepared(self, y: Prepared) -> None:
        """Raise UsageError if features were prepared by another network, or with other weights."""
        own = self.trunk.description
        if y.network != own:
            raise UsageError(
                f"the features were prepared by {y.network}, but the module is {own}; "
                "prepare the images with the same module"
            )
        sha256 = None if y.weights_sha256 is None else weights_sha256(self.trunk, y.features[0])
        if sha256 not in (None, y.weights_sha256):
            raise UsageError(
                f"the features were prepared by {own} with the weights {str(y.weights_sha256)[:16]}, but the module "
                f"has the weights {str(sha256)[:16]}; prepare the images again with this module"
            )


def _heads_of(file: weights.MetricFile, trunk: ModuleTrunk, channels: Sequence[int]) -> Sequence[Array]:
    """Return the linear weights of a metric file, after a check that the file was made for this backbone."""
    if file.description.taps != trunk.names:
        taps = ", ".join(file.description.taps) or "the feature layers of a built-in backbone"
        raise WeightsError(
            f"{shown(file.path)}: the metric file was made for {shown(taps)}, but taps is {', '.join(trunk.names)}"
        )
    file.check_trunk(trunk.sha256, "the given module with its mean and std")
    if file.heads is None or [len(head) for head in file.heads] != list(channels):
        raise WeightsError(
            f"{shown(file.path)}: the linear weights in the metric file do not fit the features, "
            f"which have {', '.join(map(str, channels))} channels"
        )
    return file.heads
