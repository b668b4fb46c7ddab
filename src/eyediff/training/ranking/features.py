"""Distances between the reference of a judgement and its two images, with and without dropout.

A frozen backbone is evaluated once. A distance is linear in the linear weights: d is the sum of w_lc m_lc over feature
layers l and channels c. Here m_lc is the mean over positions of (unit f_l(reference) - unit f_l(image))_c ^ 2. So
training the linear weights needs only m, one value for each channel and image, and an epoch is a product of matrices.

The published code drops each of these squares, at every position, with probability p, and divides the others by 1 - p.
The mean over positions then keeps the expected value m_lc and has the variance p / (1 - p) * r_lc^2. Here r_lc is the
root of the sum of the fourth powers over positions, divided by the number of positions. So m, r and one mask for each
channel give a sample

    m_lc + r_lc (mask / (1 - p) - 1)

with the same mean and variance. It is never below 0, since r <= m, and it is exact for a layer with one position. (Wang
& Manning 2013, Fast dropout training, ICML, sample a Gaussian with these moments.) A backbone in training is evaluated
at every step, and squares are dropped one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ...metrics import lpips
from ...metrics.ops import Array
from ...nn.trunk import VERBS, ModuleTrunk, NetworkTrunk
from ..distillation.pair_distances import images

Backbone = NetworkTrunk | ModuleTrunk


class DistanceSource(Protocol):
    """Distances of judgements with the current weights: N x 2, for a and for b."""

    def with_dropout(self, heads: Tensor, indices: Sequence[int], dropout: float, generator: torch.Generator) -> Tensor:
        """Return distances with dropout. Gradients flow to all weights in training."""

    def distances(self, heads: Tensor, indices: Sequence[int]) -> Tensor:
        """Return distances without dropout or gradients."""


def squared_differences(trunk: Backbone, pixels: Tensor) -> Iterator[Tensor]:
    """Yield the squared differences between a judgement's reference and its images, layer by layer.

    Parameters
    ----------
    trunk
        Backbone that computes the features.
    pixels
        N x 3 x H x W x 3 bytes: the reference, a and b.

    Yields
    ------
    Tensor
        2N x C_l x H_l x W_l: a and b of the first judgement, then those of the next.
    """
    for feature in trunk(images(pixels.flatten(0, 1))):
        unit = VERBS.unit(feature.float())
        unit = unit.view(-1, 3, *unit.shape[1:])
        for squared in lpips.squared_differences(VERBS, [unit[:, 1:]], [unit[:, :1]]):
            yield squared.flatten(0, 1)


def moments(trunk: Backbone, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return m and r of N judgements: N x 2 x C each, where C is the number of channels of all feature layers."""
    means, roots = [], []
    with torch.no_grad():
        for squared in squared_differences(trunk, pixels):
            means.append(VERBS.mean(squared))
            roots.append(squared.square().sum((2, 3)).sqrt() / squared[0, 0].numel())
    shape = len(pixels), 2, -1
    return torch.cat(means, 1).view(shape), torch.cat(roots, 1).view(shape)


class CachedFeatures:
    """Distances computed from the moments of a frozen backbone, N x 2 x C each."""

    def __init__(self, means: Array, roots: Array, device: torch.device) -> None:
        self._means, self._roots, self._device = means, roots, device

    def with_dropout(self, heads: Tensor, indices: Sequence[int], dropout: float, generator: torch.Generator) -> Tensor:
        means = self._tensor(self._means, indices)
        if dropout:
            mask = torch.empty_like(means).bernoulli_(1 - dropout, generator=generator)
            means = means + self._tensor(self._roots, indices) * (mask / (1 - dropout) - 1)
        return means @ heads

    def distances(self, heads: Tensor, indices: Sequence[int]) -> Tensor:
        with torch.no_grad():
            return self._tensor(self._means, indices) @ heads

    def _tensor(self, values: Array, indices: Sequence[int]) -> Tensor:
        return torch.from_numpy(values[np.asarray(indices, np.int64)]).to(self._device)


class OnlineFeatures:
    """Distances computed from pixels, N x 3 x H x W x 3 bytes, by a backbone in training."""

    def __init__(self, trunk: Backbone, pixels: Array, channels: Sequence[int], device: torch.device) -> None:
        self._trunk, self._pixels, self._channels, self._device = trunk, pixels, list(channels), device

    def with_dropout(self, heads: Tensor, indices: Sequence[int], dropout: float, generator: torch.Generator) -> Tensor:
        return self._distances(heads, self._drop(indices, dropout, generator))

    def distances(self, heads: Tensor, indices: Sequence[int]) -> Tensor:
        with torch.no_grad():
            return self._distances(heads, self._squared(indices))

    def _squared(self, indices: Sequence[int]) -> Iterator[Tensor]:
        pixels = torch.from_numpy(self._pixels[np.asarray(indices, np.int64)])
        return squared_differences(self._trunk, pixels.to(self._device))

    def _drop(self, indices: Sequence[int], dropout: float, generator: torch.Generator) -> Iterator[Tensor]:
        for squared in self._squared(indices):
            mask = torch.empty_like(squared).bernoulli_(1 - dropout, generator=generator)
            yield squared * mask / (1 - dropout)

    def _distances(self, heads: Tensor, squared: Iterable[Tensor]) -> Tensor:
        by_layer: Sequence[Tensor] = heads.split(self._channels)  # type: ignore[no-untyped-call]
        return lpips.shares(VERBS, lpips.weighted(VERBS, by_layer, squared)).sum(1).view(-1, 2)
