"""The ranking network of Zhang et al. 2018: two distances to the share of people who find the second image nearer.

Figure 3 and appendix C of arXiv:1801.03924. It is trained beside the metric and thrown away: it stands between a
distance, which has no unit, and votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from .recipe import APART, HIDDEN, SLOPE

_WIDTHS = (5, HIDDEN, HIDDEN, 1)


def initial(seed: int) -> dict[str, Tensor]:
    """Parameters to begin with, as torch draws those of a linear layer: uniform to 1 / sqrt(inputs) either way."""
    chance = torch.Generator().manual_seed(seed)
    found = {}
    for layer, (inputs, outputs) in enumerate(pairwise(_WIDTHS)):
        for name, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            found[f"{layer}.{name}"] = (torch.rand(shape, generator=chance) * 2 - 1) / inputs**0.5
    return found


def shown(of_a: Tensor, of_b: Tensor) -> Tensor:
    """What it sees of N distances of a and N of b: N x 5."""
    fractions = (of_a / (of_b + APART), of_b / (of_a + APART))
    return torch.stack((of_a, of_b, of_a - of_b, *fractions), 1)


def logits(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor) -> Tensor:
    """N figures, whose sigmoid is the share of votes for b."""
    x = shown(of_a, of_b)
    last = len(_WIDTHS) - 2
    for layer in range(last + 1):
        x = F.linear(x, parameters[f"{layer}.weight"], parameters[f"{layer}.bias"])
        if layer < last:
            x = F.leaky_relu(x, SLOPE)
    return x.squeeze(1)


def loss(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor, shares: Tensor) -> Tensor:
    """Binary cross-entropy of what it says and the shares of votes for b, N from 0 to 1; their mean."""
    return F.binary_cross_entropy_with_logits(logits(parameters, of_a, of_b), shares)
