"""Distances and maps of all pairs within groups of pictures, by teacher and student alike."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from ...engines.torch_ops import Constant, TorchVerbs
from ...metrics import lpips
from .groups import PAIRS

FIRST, SECOND = [first for first, _ in PAIRS], [second for _, second in PAIRS]


def cells(side: int) -> int:
    """Rows and columns of the coarse maps of a crop: 3 at 64 pixels, AlexNet's last grid, and likewise beyond."""
    return max(1, (((side - 7) // 4 + 1 - 3) // 2 + 1 - 3) // 2 + 1)


def images(pixels: Tensor) -> Tensor:
    """N x H x W x 3 bytes to N x 3 x H x W in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() * (2 / 255) - 1


def of_groups(
    verbs: TorchVerbs, network: lpips.FeatureNetwork[Constant], pixels: Tensor, grid: int
) -> tuple[Tensor, Tensor]:
    """G x MEMBERS x H x W x 3 bytes to the distances, G x PAIRS, and the maps, G x PAIRS x grid x grid.

    A map holds each tap's terms, averaged over `grid` x `grid` cells and summed over the taps; its mean is near the
    distance, and the same where the cells divide the taps' grids evenly.
    """
    count, members = pixels.shape[:2]
    features = lpips.features(verbs, network, images(pixels.flatten(0, 1)))
    split = [feature.view(count, members, *feature.shape[1:]) for feature in features]
    firsts = [feature[:, FIRST].flatten(0, 1) for feature in split]
    seconds = [feature[:, SECOND].flatten(0, 1) for feature in split]
    terms = lpips.apart(verbs, network.heads, firsts, seconds)
    totals = lpips.shares(verbs, terms).sum(1)
    maps = torch.stack([F.adaptive_avg_pool2d(term, grid) for term in terms]).sum(0)
    return totals.view(count, -1), maps.view(count, -1, grid, grid)


def distances(verbs: TorchVerbs, network: lpips.FeatureNetwork[Constant], pixels: Tensor) -> list[float]:
    """N x H x W x 3 bytes: the distance of every image after the first from the first."""
    features = lpips.features(verbs, network, images(pixels))
    firsts = [feature[:1] for feature in features]
    terms = lpips.apart(verbs, network.heads, firsts, [feature[1:] for feature in features])
    return lpips.shares(verbs, terms).sum(1).tolist()
