"""The metrics that have a gradient, by name, ready to be followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from .. import nn, weights
from ..errors import UsageError
from ..interfaces import DownloadProgress
from ..metrics import lpips
from ..metrics.backbones import ALEX, MINI, SQUEEZE, TRUNKS, VGG
from ..metrics.programs import DeepFeatures
from ..metrics.registry import all_metrics
from ..scoring.metric_spec import parse_metric

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
    return [*(name for name, info in all_metrics().items() if info.is_deep or info.torch_module), *PERCEPTUAL]


def goal(asked: str, progress: DownloadProgress | None = None) -> Goal:
    """The metric of a name such as `lpips-alex`, `ssim@skimage` or `perceptual`; its weights are found or fetched now.

    Raises UnknownMetricError, UsageError where the metric has no gradient, WeightsError.
    """
    sha256: str | None = None
    if asked in PERCEPTUAL:
        name = PERCEPTUAL[asked]
        network = lpips.Network(TRUNKS[name], weights.load_trunk(name, progress=progress).parameters, None)
        second = network.trunk.tap_names[1]
        loss = nn.PerceptualLoss.from_network(network, {second: 1.0}, value_range=RANGE, check=False)
        sha256 = weights.metric_sha256(network.parameters, None)
        return Goal(asked, JOHNSON, sha256, False, network.trunk.smallest, True, loss)
    spec = parse_metric(asked)
    info, program = spec.info, spec.program
    module: torch.nn.Module
    if isinstance(program, DeepFeatures):
        network, sha256 = spec.load_network(progress=progress)
        module = nn.LPIPS.from_network(network, value_range=RANGE, check=False)
    elif info.torch_module is not None and program.formula is not None:
        module = getattr(nn, info.torch_module).for_version(spec.version, value_range=RANGE, check=False)
    else:
        raise UsageError(f"{asked} has no gradient to follow; those that have are {', '.join(names())}")
    return Goal(asked, spec.version, sha256, info.higher_is_better, program.smallest_side, info.is_deep, module)
