"""The ranking network of Zhang et al. 2018. It maps two distances to the fraction of people who find b closer.

It is described in figure 3 and appendix C of arXiv:1801.03924. It is trained together with the metric and then
discarded. A distance has no unit, so a network must map distances to votes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that all of torch's users know

from .train_config import HIDDEN, RATIO_OFFSET, SLOPE

_WIDTHS = (5, HIDDEN, HIDDEN, 1)


def initial_parameters(seed: int) -> dict[str, Tensor]:
    """Return initial parameters as torch initialises a linear layer: uniform within 1 / sqrt(inputs)."""
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    for layer, (inputs, outputs) in enumerate(pairwise(_WIDTHS)):
        for name, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            parameters[f"{layer}.{name}"] = (torch.rand(shape, generator=generator) * 2 - 1) / inputs**0.5
    return parameters


def network_inputs(of_a: Tensor, of_b: Tensor) -> Tensor:
    """Return the inputs of the network, N x 5, for N distances of a and N distances of b."""
    ratios = (of_a / (of_b + RATIO_OFFSET), of_b / (of_a + RATIO_OFFSET))
    return torch.stack((of_a, of_b, of_a - of_b, *ratios), 1)


def logits(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor) -> Tensor:
    """Return N logits of the fraction of votes for b."""
    x = network_inputs(of_a, of_b)
    last = len(_WIDTHS) - 2
    for layer in range(last + 1):
        x = F.linear(x, parameters[f"{layer}.weight"], parameters[f"{layer}.bias"])
        if layer < last:
            x = F.leaky_relu(x, SLOPE)
    return x.squeeze(1)


def loss(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor, shares: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of predictions and fractions of votes for b, N in [0, 1]."""
    return F.binary_cross_entropy_with_logits(logits(parameters, of_a, of_b), shares)
