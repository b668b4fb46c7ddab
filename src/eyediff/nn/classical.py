"""SSIM, DSSIM, MS-SSIM, L2 and PSNR as modules: the same formulas that `eyediff compare` uses, on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, Self, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ..errors import RangeError, SizeError, UsageError
from ..metrics import l2, ssim
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
from .masks import central, counted_pixels, hidden, masked_mean
from .trunk import VERBS

Colour: TypeAlias = Literal["rgb", "y"]
"""What SSIM looks at: the mean over RGB, or the luma alone."""

LUMA, BLACK = (65.481, 128.553, 24.966), 16.0
"""Luma of pixels from 0 to 1, on a scale of 0 to 255: Recommendation ITU-R BT.601, as MATLAB's rgb2ycbcr has it."""


class ClassicalLoss(nn.Module):
    """What these modules share: inputs, range, reduction. As a loss, `forward` is lower where images are more alike.

    Images are N x 3 x H x W floats. Gray ones, N x 1 x H x W, count as three equal channels, and one image without a
    batch as a batch of one.
    """

    higher_is_better: ClassVar[bool] = True
    smallest = 1

    def __init__(
        self, reduction: Reduction = "mean", *, value_range: ValueRange = (-1.0, 1.0), check: bool = True
    ) -> None:
        super().__init__()
        check_reduction(reduction)
        check_range(value_range)
        self.reduction, self.value_range, self.check = reduction, value_range, check

    @classmethod
    def for_version(cls, version: str, **options: Any) -> Self:  # noqa: ARG003  # SSIM alone has several
        """Return the module of a version of the metric in the registry."""
        return cls(**options)

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """The loss between N images and N others, or one; `mask` as for `score`."""
        return reduced(self._loss(self.score(x, y, mask)), self.reduction)

    def score(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Tensor:
        """The metric of each pair, as published: N, in float32 at least.

        `mask`, H x W, N x H x W or N x 1 x H x W, says which pixels count. What the candidates `x` hold elsewhere has
        no influence, and no gradient. A pair without any pixel that counts scores NaN.
        """
        name = type(self).__name__
        x, y = self.images(x, y)
        with torch.autocast(x.device.type, enabled=False):  # half precision would lose the variances
            if mask is None:
                return self._score(x, y)
            counted = counted_pixels(mask, x, y, name)
            return self._masked_score(hidden(x, y, counted), y, counted)

    def images(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return both batches, checked, in [-1, 1] and in float32 at least."""
        x, y = self._checked(x), self._checked(y)
        check_pair(x.shape, y.shape)
        return x, y

    def _checked(self, x: Tensor) -> Tensor:
        """A batch in [-1, 1] and float32 at least."""
        name, x = type(self).__name__, as_batch(x)
        check_shape(x, self.smallest, name)
        if self.check:
            check_values(x, self.value_range, name)
        return scaled(full(x), self.value_range)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:  # noqa: ARG002  # some define none
        raise UsageError(f"{type(self).__name__} is not defined where some pixels do not count; leave the mask out")

    def _loss(self, score: Tensor) -> Tensor:
        return 1 - score

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}, value_range={self.value_range}"


class SSIM(ClassicalLoss):
    """Structural similarity, Wang et al. 2004; the loss is 1 - SSIM.

    variant: "wang" (11 x 11 Gaussian) or "skimage" (7 x 7 uniform). The MATLAB variants round to whole grey levels,
    which leaves no gradient, and are refused. `value_range` says what black and white are; sides are 11 (7) or more.
    colour: "rgb", the mean over the channels, or "y", the luma of BT.601 that papers on super-resolution report, not
    rounded. For gray images "rgb" is the SSIM of the gray levels.
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
            raise UsageError(f"colour {colour!r} was given, expected rgb or y")
        smooth = [name for name, known in ssim.VARIANTS.items() if known.is_plain]
        if variant not in smooth:
            raise UsageError(f"SSIM variant {variant!r} was given; as a module there are {', '.join(smooth)}")
        self.variant, self.colour = variant, colour
        self.smallest = ssim.VARIANTS[variant].smallest

    @classmethod
    def for_version(cls, version: str, **options: Any) -> Self:
        """Return the module of a variant."""
        return cls(version, **options)

    def map(self, x: Tensor, y: Tensor) -> Tensor:
        """SSIM of each window that lies inside: N x 1 x (H - 10) x (W - 10), for "skimage" (H - 6) x (W - 6).

        Its mean is the score. The value at [0, 0] is that of the window in the image's corner.
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
        return _masked_similarity(self.variant, x, y, counted)


def _masked_similarity(variant: str, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """SSIM of each pair: the mean over the windows whose middle counts."""
    found = ssim.similarity(VERBS, ssim.VARIANTS[variant], x, y)
    return masked_mean(found, central(counted, *found.shape[2:])).mean(1)


def luma(x: Tensor) -> Tensor:
    """The luma of images in [-1, 1], as three equal channels on the same scale."""
    weights = torch.tensor(LUMA, dtype=x.dtype, device=x.device).reshape(1, 3, 1, 1) / 255
    # From pixels p = (x + 1) / 2, y = BLACK / 255 + sum of weights * p, and back to [-1, 1] as 2 y - 1.
    offset = 2 * BLACK / 255 + sum(LUMA) / 255 - 1
    return ((weights * x).sum(1, keepdim=True) + offset).expand(-1, 3, -1, -1)


class DSSIM(ClassicalLoss):
    """Structural dissimilarity, (1 - SSIM) / 2, with scikit-image's default window; the loss is the score."""

    higher_is_better = False
    smallest = ssim.VARIANTS["skimage"].smallest

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim.dssim(VERBS, ssim.VARIANTS["skimage"], x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return (1 - _masked_similarity("skimage", x, y, counted)) / 2

    def _loss(self, score: Tensor) -> Tensor:
        return score


class SSIM3D(nn.Module):
    """Structural similarity of volumes, N x C x D x H x W: Wang's SSIM with a Gaussian of 11 x 11 x 11.

    edge: "inside" is the mean over the windows that lie inside, as scikit-image and piq have it. "repeat" repeats the
    outermost voxels and is the mean over all places: MATLAB's `ssim` of volumes. MATLAB takes an RGB image for a volume
    of three slices, too; give it as 1 x 1 x 3 x H x W for that number. With "inside", sides are 11 or more.
    The other arguments are those of `SSIM`. The score is the mean over the channels.
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
        check_range(value_range)
        if edge not in ("inside", "repeat"):
            raise UsageError(f"edge {edge!r} was given, expected inside or repeat")
        self.edge, self.reduction, self.value_range, self.check = edge, reduction, value_range, check

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """1 - SSIM of N volumes and N others."""
        return reduced(1 - self.score(x, y), self.reduction)

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        """The SSIM of each pair of volumes: N."""
        for volume in (x, y):
            check_tensor(volume, "SSIM3D")
        if x.shape != y.shape or x.ndim != 5 or not x.is_floating_point():
            given = f"tensors of {tuple(x.shape)} and {tuple(y.shape)}, {x.dtype}, were given"
            raise RangeError(f"{given}; expected two of N x C x D x H x W floats of one shape")
        if self.edge == "inside" and min(x.shape[2:]) < ssim.VARIANTS["wang"].smallest:
            raise SizeError(f"a volume of {tuple(x.shape[2:])} voxels was given, expected sides of 11 or more")
        if self.check:
            for volume in (x, y):
                check_values(volume, self.value_range, "SSIM3D")
        with torch.autocast(x.device.type, enabled=False):
            a, b = (scaled(full(volume), self.value_range) for volume in (x, y))
            both = torch.cat([a + b, a - b], 1)
            level = both.mean((2, 3, 4), keepdim=True)  # as in `ssim.moments`
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
    """Multi-scale structural similarity, Wang et al. 2003; the loss is 1 - MS-SSIM. Sides are 161 pixels or more.

    A scale whose mean is below 0 counts as 0, without a gradient. `weights` are the exponents of the scales, finest
    first; there are as many scales as weights, and fewer of them take smaller images: four 81 pixels, three 41.
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
            raise UsageError(f"weights {tuple(weights)} were given, expected one or more numbers above 0")
        self.weights = tuple(weights)
        self.smallest = msssim.smallest_side(len(self.weights))

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        product = torch.ones((), device=x.device)
        means = msssim.means(VERBS, x, y, len(self.weights))
        for weight, mean in zip(self.weights, means, strict=True):
            below = mean <= 0  # false for NaN, which must reach the loss
            product = product * torch.where(below, 0, torch.where(below, 1, mean) ** weight)
        return product.mean(1)


class L2(ClassicalLoss):
    """Mean squared error of RGB on a scale of 0 to 1; the loss is the score."""

    higher_is_better = False

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return l2.squares(VERBS, x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return _masked_squares(x, y, counted)

    def _loss(self, score: Tensor) -> Tensor:
        return score


class PSNR(ClassicalLoss):
    """Peak signal-to-noise ratio in dB over all of RGB; the loss is -PSNR.

    Equal images score infinity, as everywhere in eyediff; their gradient is 0. A mean is that of the images' ratios, as
    papers report it. torchmetrics takes the ratio of the mean error of all pixels: `Metric(PSNR(), pooled=True)`.
    """

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return decibels(l2.squares(VERBS, x, y).mean(1))

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return decibels(_masked_squares(x, y, counted))

    def _loss(self, score: Tensor) -> Tensor:
        return -score


def decibels(error: Tensor) -> Tensor:
    """The PSNR of mean squared errors on a scale of 0 to 1; infinity, with a gradient of 0, where there is none."""
    equal = error == 0
    return torch.where(equal, torch.inf, -10 * torch.where(equal, 1, error).log10())


def _masked_squares(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """Mean squared error of the pixels that count, on a scale of 0 to 1: N."""
    return masked_mean((x - y).square() / 4, counted).mean(1)
