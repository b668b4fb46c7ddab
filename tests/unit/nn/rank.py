"""Run one of two processes that train a module and compute metrics together.

The arguments of the program are RANK and FILE. The process of rank 0 calls `work` instead. `work` returns the gradient
of a layer under DistributedDataParallel, with LPIPS inside the module, and the metrics of all pairs of both processes.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torchmetrics
from torch import Tensor, distributed

from eyediff import nn

from .cases import ALEX, SQUEEZE, module, tensors

"""Number of pairs of each process. There are three pairs in total."""


class Parent(torch.nn.Module):
    """A module with a layer that is trained, and the loss of the output of this layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(3).reshape(3, 3, 1, 1) * 0.9)
            self.layer.bias.zero_()
        self.loss = module(ALEX, reduction="sum")

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        found: Tensor = self.loss(self.layer(x), y)
        return found


def collection() -> torchmetrics.MetricCollection:
    """Return two distances and two similarities. For equal images, the sums of the two distances are equal."""
    return torchmetrics.MetricCollection(
        {
            "alex": nn.ModuleMetric(module(ALEX)),
            "squeeze": nn.ModuleMetric(module(SQUEEZE)),
            "ssim": nn.ModuleMetric(nn.SSIM()),
            "psnr": nn.ModuleMetric(nn.PSNR()),
        }
    )


def work(rank: int, store: Path) -> tuple[Tensor, dict[str, Tensor]]:
    """Process the pairs of one process, and return the gradient of the layer and the metrics of all three pairs."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=300)
    )
    try:
        x, y = (image[:2] if rank == 0 else image[2:] for image in tensors(ALEX))
        whole = torch.nn.parallel.DistributedDataParallel(Parent())
        for _ in range(2):
            whole.zero_grad()
            whole(x, y).backward()
        metrics = collection()
        metrics.update(x, y)
        found = metrics.compute()
        if not torch.allclose(metrics["alex"].total / metrics["alex"].count, module(ALEX)(x, y), rtol=1e-5):
            raise RuntimeError("after compute, a process does not have its own sums back")
        return whole.module.layer.weight.grad, found
    finally:
        distributed.destroy_process_group()


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]))
