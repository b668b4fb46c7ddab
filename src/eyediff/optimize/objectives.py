"""Load metrics by name, for the optimisation of an image. Only metrics with a gradient can be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from .. import nn, weights
from ..errors import UsageError
from ..interfaces import DownloadProgress
from ..metrics import lpips
from ..metrics.backbones import TRUNKS
from ..metrics.programs import DeepFeatures, FeatureStatistics, WholeImage
from ..metrics.registry import all_metrics
from ..scoring.metric_spec import parse_metric
from .settings import PERCEPTUAL, objective_names

JOHNSON = "2016"

RANGE = (0.0, 1.0)
"""Values of black and white in the tensors of this package."""


@dataclass(frozen=True)
class Objective:
    """A metric for which an image is optimised.

    Attributes
    ----------
    name, version : str
        Name and version of the metric.
    weights_sha256 : str or None
        Hash of the weights of the metric; None if it has no weights.
    higher_is_better : bool
        Whether a higher `score` means more similar images.
    smallest : int
        Smallest width and height that the metric accepts, in pixels.
    strided : bool
        Whether the metric samples only a grid of positions, as networks do.
    module : torch.nn.Module
        Module that returns the loss of two images. The loss is lower for more similar images. The method `score` of the
        module returns the published metric.
    """

    name: str
    version: str
    weights_sha256: str | None
    higher_is_better: bool
    smallest: int
    strided: bool
    module: torch.nn.Module

    def score(self, image: Tensor, target: Tensor) -> float:
        """Return the score of an image, with the target as the reference. Both are 1 x 3 x H x W."""
        with torch.no_grad():
            return float(cast(Any, self.module).score(*self._ordered(image, target)))

    def loss(self, image: Tensor, prepared: Any) -> Tensor:
        """Return the loss of an image. `prepared` is the target, or the result of `prepare` for the target."""
        return cast(Tensor, self.module(*self._ordered(image, prepared)))

    def prepare(self, target: Tensor) -> Any:
        """Return the part of the loss that depends only on the target, so that this part is computed only once."""
        with torch.no_grad():
            if isinstance(self.module, nn.LPIPS):
                return self.module.prepare(target)
            return self.module.contents(target) if isinstance(self.module, nn.PerceptualLoss) else target

    def _ordered(self, image: Tensor, target: Any) -> tuple[Any, Any]:
        """Return an image and its target in the order of the arguments of the module.

        The first image of the other modules is the reference. LPIPS and PerceptualLoss take the prepared target second.
        """
        if isinstance(self.module, nn.LPIPS | nn.PerceptualLoss):
            return image, target
        return target, image


def load_objective(name: str, progress: DownloadProgress | None = None) -> Objective:
    """Load a metric that has a gradient, with its weights.

    Parameters
    ----------
    name : str
        Name of a metric, such as `lpips-alex`, `ssim@skimage` or `perceptual`.
    progress : function, optional
        Function that is called while weights are downloaded, with the number of bytes that have arrived and the
        expected number of bytes.

    Returns
    -------
    Objective

    Raises
    ------
    UnknownMetricError
        If there is no metric of this name.
    UsageError
        If the metric has no gradient.
    WeightsError
        If the weights of the metric cannot be found or downloaded.
    """
    sha256: str | None = None
    if name in PERCEPTUAL:
        backbone = PERCEPTUAL[name]
        network = lpips.Network(TRUNKS[backbone], weights.load_trunk(backbone, progress=progress).parameters, None)
        second = network.trunk.tap_names[1]
        loss = nn.PerceptualLoss.from_network(network, {second: 1.0}, value_range=RANGE, check=False)
        sha256 = weights.metric_sha256(network.parameters, None)
        return Objective(name, JOHNSON, sha256, False, network.trunk.smallest, True, loss)
    spec = parse_metric(name)
    info, program = spec.info, spec.program
    module: torch.nn.Module
    if isinstance(program, DeepFeatures):
        network, sha256 = spec.load_network(progress=progress)
        module = nn.LPIPS.from_network(network, value_range=RANGE, check=False)
    elif isinstance(program, FeatureStatistics):
        network, sha256 = spec.load_network(progress=progress)
        module = nn.DISTS.from_network(network, value_range=RANGE, check=False)
    elif info.torch_module is not None and (isinstance(program, WholeImage) or program.formula is not None):
        module = getattr(nn, info.torch_module).for_version(spec.version, value_range=RANGE, check=False)
    else:
        raise UsageError(f"{name} has no gradient; expected one of {', '.join(objective_names(all_metrics()))}")
    return Objective(name, spec.version, sha256, info.higher_is_better, program.smallest_side, info.is_deep, module)
