"""Where the distances of a judgement's two images from its reference come from, with and without dropout.

A frozen trunk is asked once. A distance is linear in the heads: d = sum over taps l and channels c of w_lc m_lc, with
m_lc the mean over positions of (unit f_l(reference) - unit f_l(image))_c ^ 2; so the m, one figure a channel and image,
are all that training heads needs, and an epoch is a product of matrices.

The published code drops each of these squares, at every position, with probability p, and divides what is left by
1 - p. Summed over positions that leaves m_lc the mean, and gives it the variance p / (1 - p) * r_lc^2, where r_lc is
the root of the sum of their squares over positions, divided by the number of positions. So from m and r a draw is had
by one mask a channel:

    m_lc + r_lc (mask / (1 - p) - 1)

of the same mean and variance, never below 0 since r <= m, and the very same where a tap has one position. (Wang &
Manning 2013, Fast dropout training, ICML, draw a Gaussian of these moments.) A trunk that is trained too is asked at
every step, and squares are dropped one by one.
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

Trunk = NetworkTrunk | ModuleTrunk


class Source(Protocol):
    """Distances of judgements, by their numbers, as the heads and the trunk are now: N x 2, of a and of b."""

    def drawn(self, heads: Tensor, chosen: Sequence[int], dropout: float, chance: torch.Generator) -> Tensor:
        """With dropout, by chance; gradients flow to all that is trained."""

    def measured(self, heads: Tensor, chosen: Sequence[int]) -> Tensor:
        """As the metric says them."""


def squared_differences(trunk: Trunk, pixels: Tensor) -> Iterator[Tensor]:
    """Yield the squared differences of a judgement's images from its reference, tap by tap.

    Parameters
    ----------
    trunk
        Where the features come from.
    pixels
        N x 3 x H x W x 3 bytes: the reference, a and b.

    Yields
    ------
    Tensor
        2N x C_l x H_l x W_l: a and b of the first judgement, then of the next.
    """
    for feature in trunk(images(pixels.flatten(0, 1))):
        unit = VERBS.unit(feature.float())
        unit = unit.view(-1, 3, *unit.shape[1:])
        for squared in lpips.squared_differences(VERBS, [unit[:, 1:]], [unit[:, :1]]):
            yield squared.flatten(0, 1)


def moments(trunk: Trunk, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The m and the r of N judgements: N x 2 x C each, C the channels of all taps together."""
    means, roots = [], []
    with torch.no_grad():
        for squared in squared_differences(trunk, pixels):
            means.append(VERBS.mean(squared))
            roots.append(squared.square().sum((2, 3)).sqrt() / squared[0, 0].numel())
    shape = len(pixels), 2, -1
    return torch.cat(means, 1).view(shape), torch.cat(roots, 1).view(shape)


class Kept:
    """Of a frozen trunk: from the moments, N x 2 x C each, wherever they lie."""

    def __init__(self, means: Array, roots: Array, device: torch.device) -> None:
        self._means, self._roots, self._device = means, roots, device

    def drawn(self, heads: Tensor, chosen: Sequence[int], dropout: float, chance: torch.Generator) -> Tensor:
        means = self._tensor(self._means, chosen)
        if dropout:
            mask = torch.empty_like(means).bernoulli_(1 - dropout, generator=chance)
            means = means + self._tensor(self._roots, chosen) * (mask / (1 - dropout) - 1)
        return means @ heads

    def measured(self, heads: Tensor, chosen: Sequence[int]) -> Tensor:
        with torch.no_grad():
            return self._tensor(self._means, chosen) @ heads

    def _tensor(self, figures: Array, chosen: Sequence[int]) -> Tensor:
        return torch.from_numpy(figures[np.asarray(chosen, np.int64)]).to(self._device)


class Seen:
    """Of a trunk that learns: from pixels, N x 3 x H x W x 3 bytes, at every step."""

    def __init__(self, trunk: Trunk, pixels: Array, channels: Sequence[int], device: torch.device) -> None:
        self._trunk, self._pixels, self._channels, self._device = trunk, pixels, list(channels), device

    def drawn(self, heads: Tensor, chosen: Sequence[int], dropout: float, chance: torch.Generator) -> Tensor:
        return self._distances(heads, self._dropped(chosen, dropout, chance))

    def measured(self, heads: Tensor, chosen: Sequence[int]) -> Tensor:
        with torch.no_grad():
            return self._distances(heads, self._squared(chosen))

    def _squared(self, chosen: Sequence[int]) -> Iterator[Tensor]:
        pixels = torch.from_numpy(self._pixels[np.asarray(chosen, np.int64)])
        return squared_differences(self._trunk, pixels.to(self._device))

    def _dropped(self, chosen: Sequence[int], dropout: float, chance: torch.Generator) -> Iterator[Tensor]:
        for squared in self._squared(chosen):
            mask = torch.empty_like(squared).bernoulli_(1 - dropout, generator=chance)
            yield squared * mask / (1 - dropout)

    def _distances(self, heads: Tensor, squared: Iterable[Tensor]) -> Tensor:
        of_taps: Sequence[Tensor] = heads.split(self._channels)  # type: ignore[no-untyped-call]
        return lpips.shares(VERBS, lpips.weighted(VERBS, of_taps, squared)).sum(1).view(-1, 2)
