"""SSIM, DSSIM, MS-SSIM, L2 and PSNR as modules: the same formulas that `eyediff compare` uses, on tensors."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from ..errors import UsageError
from ..metrics import l2, ssim
from ..metrics import ms_ssim as msssim
from .checks import (
    Reduction,
    ValueRange,
    check_pair,
    check_range,
    check_reduction,
    check_shape,
    check_values,
    full,
    reduced,
    scaled,
)
from .masks import central, counted_pixels, hidden, masked_mean
from .trunk import VERBS


class ClassicalLoss(nn.Module):
    """What these modules share: inputs, range, reduction. As a loss, `forward` is lower where images are more alike."""

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
        name = type(self).__name__
        for image in (x, y):
            check_shape(image, self.smallest, name)
            if self.check:
                check_values(image, self.value_range, name)
        check_pair(x.shape, y.shape)
        return scaled(full(x), self.value_range), scaled(full(y), self.value_range)

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
    """

    def __init__(
        self,
        variant: str = "wang",
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> None:
        super().__init__(reduction, value_range=value_range, check=check)
        smooth = [name for name, known in ssim.VARIANTS.items() if known.is_plain]
        if variant not in smooth:
            raise UsageError(f"SSIM variant {variant!r} was given; as a module there are {', '.join(smooth)}")
        self.variant = variant
        self.smallest = ssim.VARIANTS[variant].smallest

    @classmethod
    def for_version(cls, version: str, **options: Any) -> Self:
        """Return the module of a variant."""
        return cls(version, **options)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return ssim.ssim(VERBS, ssim.VARIANTS[self.variant], x, y).mean(1)

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return _masked_similarity(self.variant, x, y, counted)


def _masked_similarity(variant: str, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """SSIM of each pair: the mean over the windows whose middle counts."""
    found = ssim.similarity(VERBS, ssim.VARIANTS[variant], x, y)
    return masked_mean(found, central(counted, *found.shape[2:])).mean(1)


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


class MSSSIM(ClassicalLoss):
    """Multi-scale structural similarity, Wang et al. 2003; the loss is 1 - MS-SSIM. Sides are 161 pixels or more.

    A scale whose mean is below 0 counts as 0, without a gradient.
    """

    smallest = msssim.SMALLEST

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        product = torch.ones((), device=x.device)
        for weight, mean in zip(msssim.WEIGHTS, msssim.means(VERBS, x, y), strict=True):
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

    Equal images score infinity, as everywhere in eyediff; their gradient is 0.
    """

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        return _decibels(l2.squares(VERBS, x, y).mean(1))

    def _masked_score(self, x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
        return _decibels(_masked_squares(x, y, counted))

    def _loss(self, score: Tensor) -> Tensor:
        return -score


def _decibels(error: Tensor) -> Tensor:
    """PSNR from mean squared errors on a scale of 0 to 1; infinite, without a gradient, where there is no error."""
    equal = error == 0
    return torch.where(equal, torch.inf, -10 * torch.where(equal, 1, error).log10())


def _masked_squares(x: Tensor, y: Tensor, counted: Tensor) -> Tensor:
    """Mean squared error of the pixels that count, on a scale of 0 to 1: N."""
    return masked_mean((x - y).square() / 4, counted).mean(1)
