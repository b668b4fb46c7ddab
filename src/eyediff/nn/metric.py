"""Any of these modules as a metric of torchmetrics, for its collections and for Lightning's log."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from ..optional import import_optional

import_optional("torchmetrics", "eyediff.nn.Metric")  # here, so that one line is what a user without it reads
import torchmetrics

_KEYS = itertools.count()
DISTINCT = 10_000
"""Keys are counted up to here and then again, so that any two of a collection differ by more than a rounding."""


class Metric(torchmetrics.Metric):
    """The mean score over all pairs that were seen, on all processes.

        metrics = torchmetrics.MetricCollection({"lpips": Metric(nn.LPIPS()), "ssim": Metric(nn.SSIM())})
        metrics.update(output, target)
        metrics.compute()

    Batches may differ in size: every pair counts alike. `compute` raises RuntimeError where nothing was seen.
    """

    is_differentiable = True
    full_state_update = False
    total: Tensor
    count: Tensor
    key: Tensor

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:  # torchmetrics' own options
        super().__init__(**kwargs)
        self.module = module
        # torchmetrics has it as a constant of the class, and refuses to set it in the usual way.
        vars(self)["higher_is_better"] = bool(getattr(module, "higher_is_better", False))
        self.add_state("total", torch.zeros(()), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        # A collection takes metrics for one and the same whose first sums are equal, as those of identical images are.
        self.add_state("key", torch.tensor(next(_KEYS) % DISTINCT), dist_reduce_fx="max")

    def update(self, x: Tensor, y: Tensor, mask: Tensor | None = None) -> None:
        """Add the pairs of a batch: N x 3 x H x W each, as the module takes them, and a mask as it takes one."""
        scores: Tensor = self.module.score(x, y) if mask is None else self.module.score(x, y, mask)  # type: ignore[operator] # any of our modules
        self.total = self.total + scores.sum()
        self.count = self.count + scores.numel()

    def compute(self) -> Tensor:
        """The mean over all pairs."""
        if self.count == 0:
            raise RuntimeError("no pairs were seen; call update first")
        return self.total / self.count
