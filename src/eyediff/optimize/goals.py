"""The metrics that have a gradient, by name, ready to be followed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from .. import nn, weights
from ..errors import UsageError
from ..metrics import lpips
from ..metrics.backbones import ALEX, MINI, SQUEEZE, TRUNKS, VGG
from ..metrics.registry import ENTRIES, Choice, parse
from ..nn.trunk import tap_names

Progress = Callable[[int, int], None]
"""Told the bytes of a download that have come, and all that are expected."""

PERCEPTUAL: Mapping[str, str] = {
    "perceptual": VGG.name,
    **{f"perceptual-{trunk.name}": trunk.name for trunk in (ALEX, SQUEEZE, MINI)},
}
"""The content term of Johnson et al. 2016 at a trunk's second tap, which is relu2_2 of VGG, as there."""

JOHNSON = "2016"

RANGE = (0.0, 1.0)
"""Of the pixels here."""


@dataclass(frozen=True)
class Goal:
    """What an image is pulled by.

    `module` has `score`, the metric as published, one figure a pair, and is called for the loss, which is lower where
    images are more alike. `strided`: it looks at a grid of places only, as networks do.
    """

    name: str
    version: str
    weights_sha256: str | None
    higher_is_better: bool
    smallest: int
    strided: bool
    module: torch.nn.Module

    def score(self, x: Tensor, y: Tensor) -> float:
        """The metric of one pair, 1 x 3 x H x W each."""
        with torch.no_grad():
            return float(cast(Any, self.module).score(x, y))

    def loss(self, x: Tensor, prepared: Any) -> Tensor:
        """What is to become smaller; `prepared` is a target, or what `prepare` made of it."""
        return cast(Tensor, self.module(x, prepared))

    def prepare(self, target: Tensor) -> Any:
        """What is needed of a target that stays where it is, computed once."""
        with torch.no_grad():
            if isinstance(self.module, nn.LPIPS):
                return self.module.prepare(target)
            return self.module.contents(target) if isinstance(self.module, nn.PerceptualLoss) else target


def names() -> list[str]:
    """Every metric that an image can be pulled by."""
    return [*(name for name, entry in ENTRIES.items() if entry.trunk or name in CLASSICAL), *PERCEPTUAL]


def goal(asked: str, progress: Progress | None = None) -> Goal:
    """The metric of a name such as `lpips-alex`, `ssim@skimage` or `perceptual`; its weights are found or fetched now.

    Raises UnknownMetricError, UsageError where the metric has no gradient, WeightsError.
    """
    sha256: str | None = None
    if asked in PERCEPTUAL:
        name = PERCEPTUAL[asked]
        network = lpips.Network(TRUNKS[name], weights.load_trunk(name, progress=progress).parameters, None)
        second = tap_names(network.trunk)[1]
        loss = nn.PerceptualLoss.from_network(network, {second: 1.0}, value_range=RANGE, check=False)
        sha256 = weights.metric_sha256(network.parameters, None)
        return Goal(asked, JOHNSON, sha256, False, network.trunk.smallest, True, loss)
    choice = parse(asked)
    entry, version = choice.entry, choice.version
    module: torch.nn.Module
    if entry.trunk is not None:
        network = choice.network(progress=progress)
        sha256 = weights.metric_sha256(network.parameters, network.heads)
        module = nn.LPIPS.from_network(network, value_range=RANGE, check=False)
    elif entry.name in CLASSICAL:
        module = CLASSICAL[entry.name](choice)
    else:
        raise UsageError(f"{asked} has no gradient to follow; those that have are {', '.join(names())}")
    smallest = entry.smallest(version)
    return Goal(asked, version, sha256, entry.higher_is_better, smallest, entry.trunk is not None, module)


class L2(torch.nn.Module):
    """`l2.py` on tensors: the mean squared error, on a scale of 0 to 1."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.score(x, y).mean()

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        return (x - y).square().mean((1, 2, 3))


class DSSIM(torch.nn.Module):
    """(1 - SSIM) / 2 with scikit-image's default window."""

    def __init__(self) -> None:
        super().__init__()
        self.ssim = nn.SSIM("skimage", value_range=RANGE, check=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.score(x, y).mean()

    def score(self, x: Tensor, y: Tensor) -> Tensor:
        return (1 - self.ssim.score(x, y)) / 2


CLASSICAL: Mapping[str, Callable[[Choice], torch.nn.Module]] = {
    "l2": lambda _: L2(),
    "psnr": lambda _: nn.PSNR(value_range=RANGE, check=False),
    "ssim": lambda choice: nn.SSIM(choice.version, value_range=RANGE, check=False),
    "dssim": lambda _: DSSIM(),
    "ms-ssim": lambda _: nn.MSSSIM(value_range=RANGE, check=False),
}
