"""A module of eyediff.nn as a metric of torchmetrics. It works in collections and in Lightning's log."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..optional import import_optional
from .checks import Reduction, check_reduction
from .classical import L2, PSNR, decibels

import_optional("torchmetrics", "eyediff.nn.ModuleMetric")  # first, so that the user reads one line about the extra
import torchmetrics
from torchmetrics.utilities import dim_zero_cat

_KEYS = itertools.count()
DISTINCT = 10_000
"""Keys are counted up to this number and then start again. Any two keys differ by more than a rounding error."""


class ModuleMetric(torchmetrics.Metric):
    """The score over all pairs of all updates on all processes. Batches may differ in size.

    Parameters
    ----------
    module : torch.nn.Module
        A module of `eyediff.nn`.
    reduction : {"mean", "sum", "none"}
        The mean or the sum over the pairs, or the score of each pair in the order of the updates.
    pooled : bool
        Only for `PSNR` with "mean". Return the PSNR of the mean squared error of all pixels together, as torchmetrics
        does. Default: the mean over the PSNR of images.
    **kwargs
        The options of `torchmetrics.Metric`.

    Notes
    -----
    The metric cannot be scripted, and neither can the modules. `torch.jit.trace` works.

    Examples
    --------
    >>> import torch
    >>> from eyediff import nn
    >>> metric = nn.ModuleMetric(nn.PSNR(value_range=(0, 1)))
    >>> metric.update(torch.zeros(2, 3, 8, 8), torch.full((2, 3, 8, 8), 0.5))
    >>> round(float(metric.compute()), 2)
    6.02
    """

    is_differentiable = True
    full_state_update = False
    total: Tensor
    count: Tensor
    key: Tensor
    scores: list[Tensor]

    def __init__(
        self,
        module: torch.nn.Module,
        reduction: Reduction = "mean",
        *,
        pooled: bool = False,
        **kwargs: Any,  # torchmetrics' own options
    ) -> None:
        super().__init__(**kwargs)
        check_reduction(reduction)
        if pooled and not (isinstance(module, PSNR) and reduction == "mean"):
            raise UsageError("pooled=True was given, but only PSNR supports it, with reduction='mean'")
        self.module, self.reduction, self.pooled = module, reduction, pooled
        # torchmetrics has it as a constant of the class and refuses an assignment to the instance.
        vars(self)["higher_is_better"] = bool(getattr(module, "higher_is_better", False))
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("scores", [], dist_reduce_fx="cat")
        # A collection merges metrics if their first sums are equal, as for identical images. Keys make them differ.
        self.add_state("key", torch.tensor(next(_KEYS) % DISTINCT), dist_reduce_fx="max")

    def update(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> None:
        """Add the pairs of a batch.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W.
        mask : Tensor, optional
            The pixels that count, as for the module.
        """
        if self.pooled and mask is not None:
            raise UsageError("a mask was given, but pooled=True counts every pixel; use only one of them")
        scores, weight = self._scores(x, y, mask), x.shape[-2] * x.shape[-1] if self.pooled else 1
        self.total = self.total + weight * scores.sum()
        self.count = self.count + weight * scores.numel()
        if self.reduction == "none":
            self.scores.append(scores)

    def compute(self) -> Tensor:
        """Return the mean or the sum over all pairs, or the score of each.

        Raises
        ------
        RuntimeError
            If no pair was added.
        """
        if self.count == 0:
            raise RuntimeError("there are no pairs; call update first")
        if self.reduction == "none":
            return dim_zero_cat(self.scores)
        if self.reduction == "sum":
            return self.total
        mean = self.total / self.count
        return decibels(mean) if self.pooled else mean

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw one or more values, as the metrics of torchmetrics do. Needs matplotlib.

        Parameters
        ----------
        val : Tensor or sequence of Tensor, optional
            Values to draw. Default: the result of `compute`.
        ax : matplotlib.axes.Axes, optional
            Axes to draw into.
        """
        return self._plot(val, ax)

    def _scores(self, x: Tensor, y: Tensor, mask: Tensor | None) -> Tensor:
        if not isinstance(self.module, PSNR) or not self.pooled:
            images = (x, y) if mask is None else (x, y, mask)
            found: Tensor = self.module.score(*images)  # type: ignore[operator] # any of our modules
            return found
        return L2(value_range=self.module.value_range, check=self.module.check).score(x, y)
