"""Metrics that are computed from whole images, as torch modules. They use the same formulas as `eyediff compare`.

The metric `gmsd` rounds images to whole grey levels. Its module does not round, because rounding has no gradient.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ..metrics import flip, gmsd, haarpsi, mdsi, ms_gmsd, ssimulacra2, vif
from ..metrics.programs import WholeImage
from .checks import broadcast
from .classical import ClassicalLoss
from .trunk import VERBS


class _WholeImageLoss(ClassicalLoss):
    """Base class of a loss that computes a metric of whole images. `program` describes the metric."""

    program: ClassVar[WholeImage]

    def __init_subclass__(cls) -> None:
        cls.smallest = cls.program.smallest_side

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        x, y = broadcast(x, y)
        found: Tensor = self.program.for_size(self.program.score, *x.shape[2:])(VERBS, x, y)
        return found[:, 0]

    def _loss(self, score: Tensor) -> Tensor:
        return 1 - score if self.higher_is_better else score


class GMSD(_WholeImageLoss):
    """Gradient magnitude similarity deviation, Xue et al. 2014. The loss is the score.

    The sides of an image must be at least 3 pixels.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False
    program = gmsd.PROGRAM


class MSGMSD(_WholeImageLoss):
    """GMSD on multiple scales, Zhang et al. 2017. The loss is the score.

    The sides of an image must be at least 17 pixels.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False
    program = ms_gmsd.PROGRAM


class MDSI(_WholeImageLoss):
    """Mean deviation similarity index, Nafchi et al. 2016. The loss is the score.

    `x` is the reference, and `y` is the candidate. The score is the fourth root of a deviation, so its gradient grows
    without limit as the images become equal.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False
    program = mdsi.PROGRAM


class HaarPSI(_WholeImageLoss):
    """Haar wavelet-based perceptual similarity, Reisenhofer et al. 2018. The loss is 1 - HaarPSI.

    The sides of an image must be at least 16 pixels.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    program = haarpsi.PROGRAM


class VIF(_WholeImageLoss):
    """Visual information fidelity in the pixel domain, Sheikh and Bovik 2006. The loss is 1 - VIF.

    `x` is the reference, and `y` is the candidate, as in `eyediff compare`. The score may be above 1 if the candidate
    has more contrast than the reference. So the gradient for equal images is not 0. The sides of an image must be at
    least 41 pixels. For images with large flat parts, float32 is not precise enough; use float64.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    program = vif.PROGRAM


class FLIP(_WholeImageLoss):
    """LDR-FLIP, Andersson et al. 2020. The loss is the mean of the error map, which `map` returns.

    FLIP contains the square root of a difference of edges. Where neither image has edges, such as in flat areas, its
    slope is infinite, and the gradient is defined as 0. A step that gives such an area an edge increases the loss.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    higher_is_better = False
    program = flip.PROGRAM

    def map(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the error at each pixel, N x 1 x H x W.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W.

        Returns
        -------
        Tensor
        """
        x, y = self.images(x, y)
        return flip.error_map(VERBS, *broadcast(x, y))


class SSIMULACRA2(_WholeImageLoss):
    """SSIMULACRA 2. The loss is (100 - score) / 100.

    `x` is the reference, and `y` is the candidate. The sides of an image must be at least 8 pixels.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    """

    program = ssimulacra2.PROGRAM

    def _loss(self, score: Tensor) -> Tensor:
        return (100 - score) / 100
