"""Metrics of whole images as torch modules. They run the programs of `eyediff compare` on tensors.

A metric may round images to whole grey levels (`gmsd`). Its module does not, because rounding has no gradient.
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
    """A loss whose score is that of a program."""

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
    """Gradient magnitude similarity deviation, Xue et al. 2014. The loss is the score. Sides must be at least 3 pixels.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    higher_is_better = False
    program = gmsd.PROGRAM


class MSGMSD(_WholeImageLoss):
    """GMSD on multiple scales, Zhang et al. 2017. The loss is the score. Sides must be at least 17 pixels.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    higher_is_better = False
    program = ms_gmsd.PROGRAM


class MDSI(_WholeImageLoss):
    """Mean deviation similarity index, Nafchi et al. 2016. The loss is the score. `y` is the candidate.

    The score is the fourth root of a deviation, so its gradient grows without limit as the images become equal.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    higher_is_better = False
    program = mdsi.PROGRAM


class HaarPSI(_WholeImageLoss):
    """Haar wavelet-based perceptual similarity, Reisenhofer et al. 2018. The loss is 1 - HaarPSI.

    Sides must be at least 16 pixels.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    program = haarpsi.PROGRAM


class VIF(_WholeImageLoss):
    """Visual information fidelity in the pixel domain, Sheikh and Bovik 2006. The loss is 1 - VIF.

    `x` is the reference, `y` the candidate, as in `eyediff compare`. A candidate with more contrast than the reference
    may score above 1. Sides must be at least 41 pixels. Images with large flat parts lose digits in float32, so use
    float64 for them.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    program = vif.PROGRAM


class FLIP(_WholeImageLoss):
    """LDR-FLIP, Andersson et al. 2020. The loss is the mean of the error map, which `map` returns.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
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
    """SSIMULACRA 2. The loss is (100 - score) / 100. `x` is the reference. Sides must be at least 8 pixels.

    Parameters
    ----------
    reduction, value_range, check
        As for `SSIM`.
    """

    program = ssimulacra2.PROGRAM

    def _loss(self, score: Tensor) -> Tensor:
        return (100 - score) / 100
