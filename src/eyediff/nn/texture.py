"""DISTS as a torch module, which computes the formula of `metrics/dists.py` on tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from .. import weights
from ..metrics import dists, lpips
from ..metrics.backbones import VGG
from .checks import Reduction, ValueRange, broadcast
from .classical import ClassicalLoss
from .tree import Tree
from .trunk import VERBS, NetworkTrunk


class DISTS(ClassicalLoss):
    """Deep image structure and texture similarity (Ding et al. 2022) with VGG16. The module is frozen.

    The loss is the score.

    Parameters
    ----------
    reduction, value_range, check
        See `SSIM`.
    weights_file, trust
        See `LPIPS`.

    Raises
    ------
    WeightsError
        If the weights of VGG16 are missing or do not fit.
    """

    higher_is_better = False

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
        weights_file: Path | str | None = None,
        trust: bool = False,
    ) -> None:
        file = None if weights_file is None else Path(weights_file)
        parameters = weights.load_trunk(VGG.name, file=file, trust=trust).parameters
        self._set(dists.network(parameters), reduction, value_range, check)

    @classmethod
    def from_network(
        cls,
        network: lpips.Network,
        reduction: Reduction = "mean",
        *,
        value_range: ValueRange = (-1.0, 1.0),
        check: bool = True,
    ) -> Self:
        """Build the module from a network in memory.

        Parameters
        ----------
        network : eyediff.metrics.lpips.Network
            Network that was returned by `eyediff.metrics.dists.network`.
        reduction, value_range, check
            See `SSIM`.

        Returns
        -------
        DISTS
        """
        self = cls.__new__(cls)
        self._set(network, reduction, value_range, check)
        return self

    def _set(self, network: lpips.Network, reduction: Reduction, value_range: ValueRange, check: bool) -> None:
        super().__init__(reduction, value_range=value_range, check=check)
        self.trunk = NetworkTrunk(network)
        # The weights are parameters and not buffers, because DistributedDataParallel sends every buffer at every step.
        alpha, beta = (dists.split(part) for part in weights.load_dists())
        self.alpha, self.beta = (Tree({str(i): torch.tensor(x) for i, x in enumerate(part)}) for part in (alpha, beta))
        self.train(False)

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 - torch's signature
        """Stay in eval mode, even if the surrounding network changes its mode.

        Parameters
        ----------
        mode : bool
            Ignored.

        Returns
        -------
        DISTS
        """
        return super().train(False)

    def _score(self, x: Tensor, y: Tensor) -> Tensor:
        scaling = self.trunk.multiplier, self.trunk.offset
        of: lpips.FeatureNetwork[Tensor] = lpips.FeatureNetwork(self.trunk.data, self.trunk, None, scaling)
        alpha, beta = ([part[str(index)] for index in range(len(dists.CHANNELS))] for part in (self.alpha, self.beta))
        score: Tensor = dists.score(VERBS, of, alpha, beta, *broadcast(x, y))
        return score[:, 0]

    def _loss(self, score: Tensor) -> Tensor:
        return score
