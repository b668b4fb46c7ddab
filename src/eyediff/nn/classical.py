"""SSIM, DSSIM, MS-SSIM, L2 and PSNR as torch modules. They compute the same formulas as `eyediff compare`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..errors import RangeError, SizeError, UsageError
from ..metrics import colour, l2, ssim
from ..metrics import ms_ssim as msssim
from .checks import (
    Reduction,
    ValueRange,
    as_batch,
    check_pair,
    check_range,
    check_reduction,
    check_shape,
    check_tensor,
    check_values,
    full,
    reduced,
    scaled,
)
from .masks import central, check_selected, counted_pixels, hidden, masked_mean
from .trunk import VERBS

Colour: TypeAlias = Literal["rgb", "y"]
"""Channels that SSIM compares: red, green and blue ("rgb"), or the luma only ("y")."""


class ClassicalLoss(nn.Module):
    """Base class of the losses that compare pixels. A loss is lower if images are more similar.

    `score` returns the metric itself. Images are N x 3 x H x W floats. Gray images, N x 1 x H x W, are treated as three
    equal channels. A single image without a batch axis is treated as a batch of one.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}
        How the N losses are reduced: to their mean, to their sum, or not at all.
    value_range : (float, float)
        Values of black and white in the images.
    check : bool
        Whether values far outside `value_range` raise RangeError, and masks that select no pixel raise SizeError.
        Images with infinities or NaN are not refused; their loss is infinite or NaN. The check needs a pass over the
        images and, on a GPU, a wait for the result.
    """

    higher_is_better: ClassVar[bool] = True
    smallest = 1

    def __init__(
        self, reduction: Reduction = "mean", *, value_range: ValueRange = (-1.0, 1.0), check: bool = True
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        self.reduction, self.value_range, self.check = reduction, check_range(value_range), check

    @classmethod
    def for_version(cls, version: str, **options: Any) -> Self:  # noqa: ARG003  # only SSIM has several versions
        """Build the module that computes one version of the metric.

        Parameters
        ----------
        version : str
            Name of a version in the registry of metrics.
        **options
            Arguments of the class.

        Returns
        -------
        ClassicalLoss
        """
        return cls(**options)

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the loss of N pairs of images. If one batch has a single image, all pairs contain this image.

        Parameters
        ----------
        x, y, mask
            See `score`.

        Returns
        -------
        Tensor
            The N losses, reduced as `reduction` says.
        """
        return reduced(self._loss(self.score(x, y, mask)), self.reduction)

    def score(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the score of each pair, as the metric was published.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W.
        mask : Tensor, optional
            Mask of the pixels that are compared: H x W, N x H x W or N x 1 x H x W. At other pixels, the values of `x`
            have no influence on the score and no gradient.

        Returns
        -------
        Tensor
            N scores, in float32 or a higher precision.

        Raises
        ------
        SizeError
            If the images or masks differ in size, or if a mask selects no pixel that is compared. In a training loop,
            leave out the pairs for which the mask is empty after a random crop. With `check=False`, and in graphs and
            transforms, the score of such a pair is NaN instead.
        """
        name = type(self).__name__
        x, y = self.images(x, y)
        with torch.autocast(x.device.type, enabled=False):  # half precision is too imprecise for variances
            if mask is None:
                return self._score(x, y)
            counted = counted_pixels(mask, x, y, name, self.check)
            return self._masked_score(hidden(x, y, counted), y, counted)

    def images(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Check two batches of images and convert their values to [-1, 1], in float32 or a higher precision.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W.

        Returns
        -------
        tuple of Tensor
        """
        x, y = self._checked(x), self._checked(y)
        check_pair(x.shape, y.shape)
        return x, y

    def _checked(self, x: Tensor) -> Tensor:
        """Check a batch of images and convert its values to [-1, 1], in float32 or a higher precision."""
        name, x = type(self).__name__, as_batch(x)
        check_shape(x, self.smallest, name)
        if self.check:
            check_values(x, self.value_range, name)
        return scaled(full(x), self.value_range)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:  # noqa: ARG002  # not every metric supports masks
        raise UsageError(f"{type(self).__name__} does not support masks; call it without a mask")

    def _loss(self, score: Tensor) -> Tensor:
        return 1 - score

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, value_range={self.value_range}"


class SSIM(ClassicalLoss):
    """Structural similarity (Wang et al. 2004). The loss is 1 - SSIM.

    Parameters
    ----------
    variant : {"wang", "skimage"}
        The window: a Gaussian of 11 x 11 pixels ("wang"), or 7 x 7 equal weights ("skimage"). The sides of an image
        must be at least as long as the window. The variants of MATLAB round to whole grey levels; they are refused,
        because they have no gradient.
    reduction : {"mean", "sum", "none"}
        How the N losses are reduced: to their mean, to their sum, or not at all.
    colour : {"rgb", "y"}
        Channels that are compared: red, green and blue, with the mean as the score; or the luma of BT.601 without
        rounding. Papers on super-resolution report the SSIM of the luma.
    value_range : (float, float)
        Values of black and white in the images.
    check : bool
        Whether values far outside `value_range` raise RangeError, and masks that select no pixel raise SizeError.
        Images with infinities or NaN are not refused; their loss is infinite or NaN. The check needs a pass over the
        images and, on a GPU, a wait for the result.

    Examples
    --------
    >>> import torch
    >>> from eyediff import nn
    >>> image = torch.rand(1, 3, 32, 32)
    >>> float(nn.SSIM(value_range=(0, 1)).score(image, image))
    1.0
    """

    def __init__(
        self,
        variant: str = "wang",
        reduction: Reduction = "mean",
        *,
        colour: Colour = "rgb",
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> None:
        super().__init__(reduction, value_range=value_range, check=check)
        if colour not in ("rgb", "y"):
            raise UsageError(f"colour must be rgb or y; got {colour!r}")
        smooth = [name for name, known in ssim.VARIANTS.items() if known.is_plain]
        if variant not in smooth:
            raise UsageError(f"variant must be one of {', '.join(smooth)}, which have a gradient; got {variant!r}")
        self.variant, self.colour = variant, colour
        self.smallest = ssim.VARIANTS[variant].smallest

    @classmethod
    def for_version(cls, version: str, **options: Any) -> Self:
        """Build the module that computes one variant of SSIM.

        Parameters
        ----------
        version : str
            Name of the variant.
        **options
            Other arguments of `SSIM`.

        Returns
        -------
        SSIM
        """
        return cls(version, **options)

    def map(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the SSIM of each window that is completely inside the image.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W.

        Returns
        -------
        Tensor
            N x 1 x (H - 10) x (W - 10), or N x 1 x (H - 6) x (W - 6) for the variant "skimage". The mean of these
            values is the score. The value at row 0 and column 0 is that of the window in the top left corner.
        """
        x, y = self._checked(x), self._checked(y)
        check_pair(x.shape, y.shape)
        with torch.autocast(x.device.type, enabled=False):
            return ssim.spatial(VERBS, ssim.VARIANTS[self.variant], x, y)

    def _checked(self, x: Tensor) -> Tensor:
        x = super()._checked(x)
        return x if self.colour == "rgb" else luma(x)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim.ssim(VERBS, ssim.VARIANTS[self.variant], x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return _masked_similarity(self.variant, x, y, counted, self.check)


def _masked_similarity(variant: str, x: Tensor, y: Tensor, counted: Tensor, check: bool) -> Tensor:
    """Return the SSIM of each pair: the mean over the windows with a centre that the mask `counted` selects."""
    found = ssim.similarity(VERBS, ssim.VARIANTS[variant], x, y)
    centres = central(counted, *found.shape[2:])
    if check:
        check_selected(centres, "the mask", "selects no centre of a window, because all its pixels are near the edge")
    return masked_mean(found, centres).mean(1)


def luma(x: Tensor) -> Tensor:
    """Return the BT.601 luma of images in [-1, 1], as three equal channels in the same range."""
    levels = [thousandths / 1000 for thousandths in colour.BT601_LUMA]
    weights = torch.tensor(levels, dtype=x.dtype, device=x.device).reshape(1, 3, 1, 1) / 255
    # Pixels p = (x + 1) / 2 have the luma y = black / 255 + sum of weights * p. The returned value is 2 y - 1.
    offset = 2 * colour.BT601_BLACK / 255 + sum(levels) / 255 - 1
    return ((weights * x).sum(1, keepdim=True) + offset).expand(-1, 3, -1, -1)


class DSSIM(ClassicalLoss):
    """Structural dissimilarity, (1 - SSIM) / 2, with scikit-image's default window. The loss is the score.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False
    smallest = ssim.VARIANTS["skimage"].smallest

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim.dssim(VERBS, ssim.VARIANTS["skimage"], x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return (1 - _masked_similarity("skimage", x, y, counted, self.check)) / 2

    def _loss(self, score: Tensor) -> Tensor:
        return score


class SSIM3D(nn.Module):
    """Structural similarity of volumes, with a Gaussian window of 11 x 11 x 11 voxels. The loss is 1 - SSIM.

    Parameters
    ----------
    edge : {"inside", "repeat"}
        Treatment of the edges. "inside" averages over the windows that are completely inside the volume, as
        scikit-image and piq do; sides must then be at least 11 voxels. "repeat" repeats the outermost voxels and
        averages over all voxels, as MATLAB's `ssim` does for volumes. MATLAB treats an RGB image as a volume of three
        slices. For the same result, pass the image as 1 x 1 x 3 x H x W.
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = True

    def __init__(
        self,
        edge: Literal["inside", "repeat"] = "inside",
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        if edge not in ("inside", "repeat"):
            raise UsageError(f"edge must be inside or repeat; got {edge!r}")
        self.edge, self.reduction, self.check = edge, reduction, check
        self.value_range = check_range(value_range)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the loss of N pairs of volumes.

        Parameters
        ----------
        x, y : Tensor
            Volumes, N x C x D x H x W.

        Returns
        -------
        Tensor
            The N losses, reduced as `reduction` says.
        """
        return reduced(1 - self.score(x, y), self.reduction)

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the SSIM of each pair of volumes: N values. Each value is a mean over the channels.

        Parameters
        ----------
        x, y : Tensor
            Volumes, N x C x D x H x W.

        Returns
        -------
        Tensor
        """
        for volume in (x, y):
            check_tensor(volume, "SSIM3D")
        if x.shape != y.shape or x.ndim != 5 or not x.is_floating_point():
            given = f"the volumes have the shapes {tuple(x.shape)} and {tuple(y.shape)} and the type {x.dtype}"
            raise RangeError(f"{given}; expected two tensors of floats with the same shape N x C x D x H x W")
        if self.edge == "inside" and min(x.shape[2:]) < ssim.VARIANTS["wang"].smallest:
            raise SizeError(f"the volumes have {tuple(x.shape[2:])} voxels along their sides; expected at least 11")
        if self.check:
            for volume in (x, y):
                check_values(volume, self.value_range, "SSIM3D")
        with torch.autocast(x.device.type, enabled=False):
            a, b = (scaled(full(volume), self.value_range) for volume in (x, y))
            both = torch.cat([a + b, a - b], 1)
            level = both.mean((2, 3, 4), keepdim=True)  # subtracted to reduce rounding errors, as in `ssim.moments`
            both = both - level
            mean, square = self._blurred(torch.cat([both, both.square()], 1)).chunk(2, 1)
            found = ssim.Moments(*(mean + level).chunk(2, 1), *(square - mean.square()).chunk(2, 1))
            wang = ssim.VARIANTS["wang"]
            similar = ssim.luminance(VERBS, found) * ssim.structure(VERBS, wang, found)
            return similar.mean((1, 2, 3, 4))

    def _blurred(self, x: Tensor) -> Tensor:
        window = torch.tensor(ssim.WANG, dtype=x.dtype, device=x.device)
        window = window / window.sum()
        if self.edge == "repeat":
            x = F.pad(x, (len(window) // 2,) * 6, "replicate")
        for axis in range(2, 5):
            shape = [1] * 5
            shape[axis] = -1
            blurred = F.conv3d(x.flatten(0, 1)[:, None], window.reshape(shape))
            x = blurred.reshape(*x.shape[:2], *blurred.shape[2:])
        return x

    def extra_repr(self) -> str:
        return f"edge={self.edge!r}, reduction={self.reduction!r}, value_range={self.value_range}"


class MSSSIM(ClassicalLoss):
    """Multi-scale structural similarity (Wang et al. 2003). The loss is 1 - MS-SSIM.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    weights : sequence of float
        Exponents of the scales. The finest scale comes first. The sides of an image must be at least 161 pixels for the
        five published weights, 81 pixels for four weights, and 41 pixels for three weights.

    Notes
    -----
    If the mean of a scale is negative, it is replaced by 0 and has no gradient.
    """

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        weights: Sequence[float] = msssim.WEIGHTS,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> None:
        super().__init__(reduction, value_range=value_range, check=check)
        if not weights or not all(weight > 0 for weight in weights):
            raise UsageError(f"weights must be one or more numbers above 0; got {tuple(weights)}")
        self.weights = tuple(weights)
        self.smallest = msssim.smallest_side(len(self.weights))

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        product = torch.ones((), device=x.device)
        means = msssim.means(VERBS, x, y, len(self.weights))
        for weight, mean in zip(self.weights, means, strict=True):
            below = mean <= 0  # NaN is not below 0, so NaN reaches the loss
            product = product * torch.where(below, 0, torch.where(below, 1, mean) ** weight)
        return product.mean(1)


class L2(ClassicalLoss):
    """Mean squared error over all pixels and RGB channels, for values from 0 to 1. The loss is the score.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return l2.squares(VERBS, x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return _masked_squares(x, y, counted)

    def _loss(self, score: Tensor) -> Tensor:
        return score


class PSNR(ClassicalLoss):
    """Peak signal-to-noise ratio in dB, with one mean squared error over all pixels and channels. The loss is -PSNR.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.

    Notes
    -----
    The score of equal images is infinite, and their gradient is 0. With the reduction "mean", the result is the mean
    over the PSNRs of the images, as in papers. torchmetrics computes one PSNR from the mean squared error of all images
    instead; `ModuleMetric(PSNR(), pooled=True)` computes this number.
    """

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return decibels(l2.squares(VERBS, x, y).mean(1))

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return decibels(_masked_squares(x, y, counted))

    def _loss(self, score: Tensor) -> Tensor:
        return -score


def decibels(error: Tensor) -> Tensor:
    """Return the PSNR in dB for mean squared errors of pixels from 0 to 1.

    If an error is 0, the PSNR is infinite and its gradient is 0.
    """
    equal = error == 0
    return torch.where(equal, torch.inf, -10 * torch.where(equal, 1, error).log10())


def _masked_squares(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """Return N mean squared errors of the pixels that the mask `counted` selects, for pixels from 0 to 1."""
    return masked_mean((x - y).square() / 4, counted).mean(1)
