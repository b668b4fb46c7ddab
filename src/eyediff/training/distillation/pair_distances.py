"""Compute the distances and the maps of all pairs in groups of pictures, with the large or the small network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ...engines.torch_ops import Constant, TorchOps
from ...metrics import lpips
from .groups import MEMBERS, PAIRS


class PairDistances(NamedTuple):
    """The distances of the pairs in G groups, G x P, and the maps of these pairs, G x P x grid x grid.

    Each group has P = len(PAIRS) + 1 pairs. The last pair consists of the reference of the group and the reference of
    the next group. These two pictures are unrelated.
    """

    distances: Tensor
    maps: Tensor


def map_side(side: int) -> int:
    """Return the side of the distance maps for crops with sides of `side` pixels.

    It is the side of AlexNet's last feature layer: 3 for crops of 64 pixels, and 15 for crops of 256 pixels.
    """
    return max(1, (((side - 7) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1)


def images(pixels: Tensor) -> Tensor:
    """Convert images from N x H x W x 3 bytes to N x 3 x H x W floats in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() * (2 / 255) - 1


def group_features(ops: TorchOps, network: lpips.FeatureNetwork[Constant], pixels: Tensor) -> list[Tensor]:
    """Compute the unit vectors of all pictures of G groups, given as G x MEMBERS x H x W x 3 bytes.

    The result has one tensor N x C_l x H_l x W_l for each feature layer, and N is G * MEMBERS.
    """
    return lpips.features(ops, network, images(pixels.flatten(0, 1)))


def group_distances(
    ops: TorchOps, heads: Sequence[Constant] | None, features: Sequence[Tensor], grid: int
) -> PairDistances:
    """Compute the distances and the maps of all pairs in each group of pictures.

    Parameters
    ----------
    heads
        The linear weights of each feature layer, or `None` if all are 1.
    features
        The result of `group_features`.
    grid
        Side of the maps. The weighted squared differences of each layer are averaged over grid x grid cells, and a map
        is the sum of these averages over the layers. The mean of a map equals the distance if the cells divide the
        positions of each layer evenly.
    """
    count = len(features[0]) // MEMBERS
    starts = torch.arange(count)[:, None] * MEMBERS
    first = starts + torch.tensor([a for a, _ in PAIRS] + [0])
    second = torch.cat([starts + torch.tensor([b for _, b in PAIRS]), starts.roll(-1, 0)], 1)
    at_first, at_second = (index.flatten().to(features[0].device) for index in (first, second))
    terms = lpips.feature_differences(
        ops,
        heads,
        [feature.index_select(0, at_first) for feature in features],
        [feature.index_select(0, at_second) for feature in features],
    )
    distances = lpips.shares(ops, terms).sum(1)
    maps = torch.stack([F.adaptive_avg_pool2d(term, grid) for term in terms]).sum(0)
    return PairDistances(distances.view(count, -1), maps.view(count, -1, grid, grid))


def distances(ops: TorchOps, network: lpips.FeatureNetwork[Constant], pixels: Tensor) -> list[float]:
    """Return the distances between the first of N images and each of the others. `pixels` is N x H x W x 3 bytes."""
    features = lpips.features(ops, network, images(pixels))
    firsts = [feature[:1] for feature in features]
    terms = lpips.feature_differences(ops, network.heads, firsts, [feature[1:] for feature in features])
    return lpips.shares(ops, terms).sum(1).tolist()
