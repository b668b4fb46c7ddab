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
    members = [feature.view(-1, MEMBERS, *feature.shape[1:]).unbind(1) for feature in features]
    of_pairs = [([layer[a] for layer in members], [layer[b] for layer in members]) for a, b in PAIRS]
    references = [layer[0] for layer in members]
    of_pairs.append((references, [reference.roll(-1, 0) for reference in references]))
    # Pair by pair, because a copy of the features of all pairs would take a fifth of the time of a step.
    by_pair = [lpips.feature_differences(ops, heads, of_a, of_b) for of_a, of_b in of_pairs]
    terms = [torch.stack(of_layer, 1).flatten(0, 1) for of_layer in zip(*by_pair, strict=True)]
    count = len(references[0])
    distances = lpips.shares(ops, terms).sum(1)
    maps = torch.stack([F.adaptive_avg_pool2d(term, grid) for term in terms]).sum(0)
    return PairDistances(distances.view(count, -1), maps.view(count, -1, grid, grid))


def distances(ops: TorchOps, network: lpips.FeatureNetwork[Constant], pixels: Tensor) -> list[float]:
    """Return the distances between the first of N images and each of the others. `pixels` is N x H x W x 3 bytes."""
    features = lpips.features(ops, network, images(pixels))
    firsts = [feature[:1] for feature in features]
    terms = lpips.feature_differences(ops, network.heads, firsts, [feature[1:] for feature in features])
    return lpips.shares(ops, terms).sum(1).tolist()
