"""A wrapper that makes a module of eyediff.nn a metric of torchmetrics, for metric collections and Lightning's log."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from ..optional import import_optional
from .checks import Reduction, check_reduction
from .classical import L2, PSNR, decibels

import_optional("torchmetrics", "eyediff.nn.ModuleMetric")  # first, so that a user without it reads a short message
import torchmetrics
from torchmetrics.utilities import dim_zero_cat

_KEYS = itertools.count()
DISTINCT = 10_000
"""Number of different keys of metrics. Keys are integers, which differ by more than rounding errors."""


class ModuleMetric(torchmetrics.Metric):
    """A torchmetrics metric that collects the scores of a module over all updates and all processes.

    Batches may differ in size.

    Parameters
    ----------
    module : torch.nn.Module
        Module of `eyediff.nn` that computes the scores.
    reduction : {"mean", "sum", "none"}
        What `compute` returns: the mean over all pairs, the sum over all pairs, or the score of each pair in the order
        of the updates.
    pooled : bool
        Whether `compute` returns one PSNR, computed from the mean squared error over all pixels of all pairs, as in
        torchmetrics. This is possible only for `PSNR` with the reduction "mean". Default: the mean over the PSNRs of
        the pairs.
    **kwargs
        Options of `torchmetrics.Metric`.

    Notes
    -----
    `torch.jit.script` supports neither this metric nor the modules of `eyediff.nn`. `torch.jit.trace` supports them.

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
            raise UsageError("pooled=True is supported only for PSNR with reduction='mean'; leave `pooled` out")
        self.module, self.reduction, self.pooled = module, reduction, pooled
        # In torchmetrics, this attribute belongs to the class, and an assignment to the instance is refused.
        vars(self)["higher_is_better"] = bool(getattr(module, "higher_is_better", False))
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("scores", [], dist_reduce_fx="cat")
        # A collection of torchmetrics merges metrics whose states are equal after the first update. This happens for
        # identical images. Different keys prevent it.
        self.add_state("key", torch.tensor(next(_KEYS) % DISTINCT), dist_reduce_fx="max")

    def update(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> None:
        """Add the scores of a batch of pairs.

        Parameters
        ----------
        x, y : Tensor
            Images, N x 3 x H x W, in the order of the module. `x` is the reference of `VIF`, `MDSI` and `SSIMULACRA2`.
        mask : Tensor, optional
            Mask of the pixels that are compared, as the module accepts it.
        """
        if self.pooled and mask is not None:
            raise UsageError(
                "a mask was given, but pooled=True includes every pixel; leave the mask out, or set pooled=False"
            )
        scores, weight = self._scores(x, y, mask), x.shape[-2] * x.shape[-1] if self.pooled else 1
        self.total = self.total + weight * scores.sum()
        self.count = self.count + weight * scores.numel()
        if self.reduction == "none":
            self.scores.append(scores)

    def compute(self) -> Tensor:
        """Return the mean over all pairs, the sum over all pairs, or the score of each pair, as `reduction` says.

        Raises
        ------
        RuntimeError
            If no pair was added.
        """
        if self.count == 0:
            raise RuntimeError("there are no pairs to compute a score from; call update first")
        if self.reduction == "none":
            return dim_zero_cat(self.scores)
        if self.reduction == "sum":
            return self.total
        mean = self.total / self.count
        return decibels(mean) if self.pooled else mean

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Draw one or more values in the style of torchmetrics. Needs matplotlib.

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
            found: Tensor = self.module.score(*images)  # type: ignore[operator] # a module of eyediff.nn
            return found
        return L2(value_range=self.module.value_range, check=self.module.check).score(x, y)
