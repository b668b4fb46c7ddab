"""The ranking network of Zhang et al. 2018, which predicts the votes of people from two distances.

Its inputs are the distances of image a and of image b from the reference. Its output is the fraction of people who find
b closer to the reference. The network is needed because a distance has no unit, so it cannot be compared with votes
directly. It is trained together with the metric, and discarded after training. It is described in figure 3 and appendix
C of arXiv:1801.03924.
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
    """Return random initial parameters, drawn as torch does for a linear layer.

    They are uniform in an interval of plus or minus 1 / sqrt(number of inputs).
    """
    generator = torch.Generator().manual_seed(seed)
    parameters = {}
    for layer, (inputs, outputs) in enumerate(pairwise(_WIDTHS)):
        for name, shape in (("weight", (outputs, inputs)), ("bias", (outputs,))):
            parameters[f"{layer}.{name}"] = (torch.rand(shape, generator=generator) * 2 - 1) / inputs**0.5
    return parameters


def network_inputs(of_a: Tensor, of_b: Tensor) -> Tensor:
    """Return the inputs of the network, N x 5, for N distances of image a and N distances of image b.

    They are both distances, their difference, and their two ratios.
    """
    ratios = (of_a / (of_b + RATIO_OFFSET), of_b / (of_a + RATIO_OFFSET))
    return torch.stack((of_a, of_b, of_a - of_b, *ratios), 1)


def logits(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor) -> Tensor:
    """Return the predicted fractions of votes for image b, as N logits."""
    x = network_inputs(of_a, of_b)
    last = len(_WIDTHS) - 2
    for layer in range(last + 1):
        x = F.linear(x, parameters[f"{layer}.weight"], parameters[f"{layer}.bias"])
        if layer < last:
            x = F.leaky_relu(x, SLOPE)
    return x.squeeze(1)


def loss(parameters: Mapping[str, Tensor], of_a: Tensor, of_b: Tensor, shares: Tensor) -> Tensor:
    """Return the mean binary cross-entropy between the predictions and the votes.

    `shares` has the fraction of votes for image b in each of N judgements.
    """
    return F.binary_cross_entropy_with_logits(logits(parameters, of_a, of_b), shares)
