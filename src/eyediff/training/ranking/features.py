"""Compute the distances between the reference of a judgement and its two images, with and without dropout.

If the backbone is frozen, it is evaluated only once for each image. A distance d is linear in the linear weights: d is
the sum of w_lc m_lc over feature layers l and channels c. Here m_lc is the mean over positions of (unit f_l(reference)
- unit f_l(image))_c ^ 2. So training the linear weights needs only m, which has one value for each channel and image.
An epoch then takes only products of matrices.

The published code drops each of these squares, at every position, with probability p, and divides all others by 1 - p.
The mean over positions then still has the expected value m_lc, and it has the variance p / (1 - p) * r_lc^2. Here r_lc
is the square root of the sum of s^2 over positions, divided by the number of positions, where s is one of these
squares. So m, r and one random mask for each channel give a sample with the same mean and the same variance:

    m_lc + r_lc (mask / (1 - p) - 1)

This sample is never below 0, because r <= m. For a layer with one position, it has exactly the published distribution.
Wang & Manning 2013, Fast dropout training, ICML, sample from a normal distribution with the same mean and variance.

If the backbone is trained, it is evaluated at every step, and the squares are dropped one by one.
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
    """Interface of an object that computes the distances of judgements with the current weights.

    The distances are N x 2: from the reference of each judgement to its image a, and to its image b.
    """

    def with_dropout(self, heads: Tensor, indices: Sequence[int], dropout: float, generator: torch.Generator) -> Tensor:
        """Return the distances with dropout. Gradients flow to all weights that are trained."""

    def distances(self, heads: Tensor, indices: Sequence[int]) -> Tensor:
        """Return the distances without dropout and without gradients."""


def squared_differences(trunk: Backbone, pixels: Tensor) -> Iterator[Tensor]:
    """Yield the squared differences between the features of each reference and of its two images, layer by layer.

    Parameters
    ----------
    trunk
        Backbone that computes the features.
    pixels
        N x 3 x H x W x 3 bytes: the reference, image a and image b of N judgements.

    Yields
    ------
    Tensor
        2N x C_l x H_l x W_l: image a and image b of the first judgement, then of the next judgement, and so on.
    """
    for feature in trunk(images(pixels.flatten(0, 1))):
        unit = VERBS.unit(feature.float())
        unit = unit.view(-1, 3, *unit.shape[1:])
        for squared in lpips.squared_differences(VERBS, [unit[:, 1:]], [unit[:, :1]]):
            yield squared.flatten(0, 1)


def moments(trunk: Backbone, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return m and r of N judgements; the docstring of this module defines them.

    Both are N x 2 x C, where C is the total number of channels of all feature layers.
    """
    means, roots = [], []
    with torch.no_grad():
        for squared in squared_differences(trunk, pixels):
            means.append(VERBS.mean(squared))
            roots.append(squared.square().sum((2, 3)).sqrt() / squared[0, 0].numel())
    shape = len(pixels), 2, -1
    return torch.cat(means, 1).view(shape), torch.cat(roots, 1).view(shape)


class CachedFeatures:
    """Source of distances for a frozen backbone. The distances are computed from `means` and `roots` by `moments`."""

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
    """Source of distances for a backbone in training. It computes distances from pixels, N x 3 x H x W x 3 bytes."""

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
