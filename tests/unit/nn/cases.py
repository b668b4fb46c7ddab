"""Modules and images that the tests of this folder share. Seeded weights are drawn only once."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from eyediff import nn, weights
from eyediff.metrics import lpips
from eyediff.metrics.backbones import TRUNKS
from tests.golden import lpips_cases
from tests.golden.lpips_cases import Case

ALEX, SQUEEZE = Case("alex", "0.1", True, "smallest"), Case("squeeze", "0.0", False, "smallest")


@cache
def network(case: Case) -> lpips.Network:
    """Return the network of a case, with seeded weights of the backbone."""
    heads = weights.load_heads(case.net, case.version) if case.heads else None
    return lpips.Network(TRUNKS[case.net], _parameters(case.net), heads, lpips.SCALINGS[case.version])


@cache
def _parameters(net: str) -> dict:
    return lpips_cases.seeded_parameters(TRUNKS[net])


def module(case: Case, **options: object) -> nn.LPIPS:
    """Return the module of a case."""
    return nn.LPIPS.from_network(network(case), **options)


def dead(case: Case, **options: object) -> nn.LPIPS:
    """Return the module of a case with a first layer whose output is 0 everywhere.

    The features then do not depend on the image.
    """
    found = module(case, **options)
    with torch.no_grad():
        found.trunk["features.0.bias"].fill_(-100)
    return found


def tensors(case: Case, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Return both batches of a case as tensors N x 3 x H x W in [-1, 1]."""
    return [
        torch.from_numpy(x.copy()).permute(0, 3, 1, 2).to(dtype) / 127.5 - 1
        for x in lpips_cases.pair(case.net, case.images)
    ]
