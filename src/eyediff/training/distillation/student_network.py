"""The network that learns: Mini's parameters as tensors that take gradients, under the formula of all others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import WeightsError, shown
from ...metrics import lpips
from ...metrics.backbones import MINI, Trunk
from ...metrics.ops import Array
from ...weights.containers import read
from ...weights.heads import MINI_HEAD

FIRST_HEAD = 0.1
"""The weight of every channel to begin with: about what AlexNet's published heads average."""


def initial(trunk: Trunk, seed: int) -> dict[str, Tensor]:
    """Parameters to begin with: He et al. 2015 for the convolutions, equal heads. Heads are held as square roots."""
    chance = torch.Generator().manual_seed(seed)
    found: dict[str, Tensor] = {}
    for name, shape in trunk.shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.0
        found[name] = torch.randn(shape, generator=chance) * scale
    for index, channels in enumerate(trunk.taps):
        found[MINI_HEAD.format(index)] = torch.full((channels,), FIRST_HEAD**0.5)
    return found


def network(parameters: Mapping[str, Array], trunk: Trunk = MINI) -> lpips.Network:
    """A weights file's content as a network. Raises WeightsError where names, shapes or signs do not fit."""
    names = [MINI_HEAD.format(index) for index in range(len(trunk.taps))]
    if missing := [name for name in names if name not in parameters]:
        raise WeightsError(f"not {trunk.title}: lacks {', '.join(missing)}")
    own = {name: array for name, array in parameters.items() if name not in names}
    return lpips.Network(trunk, own, tuple(parameters[name] for name in names))


def weights(parameters: Mapping[str, Tensor]) -> dict[str, Array]:
    """What is written to a weights file: the heads squared, so that none is negative."""
    found: dict[str, Array] = {}
    for name, tensor in parameters.items():
        array = tensor.detach().cpu().numpy().astype(np.float32)
        found[name] = np.square(array) if name.startswith(MINI_HEAD.format("")) else array.copy()
    return found


def _scaling(device: torch.device) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(lpips.GAIN).to(device), torch.from_numpy(lpips.OFFSET).to(device)


def student_view(tensors: Mapping[str, Tensor], trunk: Trunk = MINI) -> lpips.FeatureNetwork[Tensor]:
    """Return the network of the parameters in training; the weights of its layers are squares, so never negative."""
    heads = [tensors[MINI_HEAD.format(index)].square() for index in range(len(trunk.taps))]
    return lpips.FeatureNetwork(trunk, tensors, heads, _scaling(heads[0].device))


def network_on(device: torch.device, network: lpips.Network) -> lpips.FeatureNetwork[Tensor]:
    """Return the network with its arrays as tensors on a device."""
    parameters = {name: torch.from_numpy(array).to(device) for name, array in network.parameters.items()}
    heads = [torch.from_numpy(head).to(device) for head in network.heads or ()]
    return lpips.FeatureNetwork(network.trunk, parameters, heads, _scaling(device))


def read_network(path: Path, trunk: Trunk = MINI) -> lpips.Network:
    """A weights file as a network. Raises WeightsError, which names the file, where it is not one of lpips-mini."""
    try:
        return network(read(path, lambda _: True), trunk)
    except WeightsError as error:
        raise WeightsError(error if shown(path) in str(error) else f"{shown(path)}: {error}") from None
