"""The trunks under the old package's names: weights in `slice1`, `slice2`, ..., one a tap, and a tuple of features."""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ... import weights
from ...metrics import lpips
from ...metrics.backbones import ALEX, SQUEEZE, VGG, Trunk
from ...metrics.ops import Array
from ...nn.tree import Tree
from ...nn.trunk import VERBS


class _Slices(Tree):
    """A trunk whose parameters lie under the old names. Its slices hold weights; only the whole can be called."""

    trunk: Trunk
    title: str

    def __init__(self, requires_grad: bool = False, pretrained: bool = True) -> None:
        found = weights.load_trunk(self.trunk.name).parameters if pretrained else _random(self.trunk)
        places = slice_names(self.trunk)
        super().__init__({places[name]: torch.tensor(value) for name, value in found.items()})
        self.N_slices = len(self.trunk.taps)
        self.requires_grad_(requires_grad)
        self._places = places

    def __getitem__(self, name: str) -> Tensor:
        """A parameter by torchvision's name, which is what the formula asks for."""
        return super().__getitem__(self._places[name])

    def features(self, x: Tensor, scaling: tuple[Tensor, Tensor] | None = None) -> list[Tensor]:
        """What the taps give, before it is brought to unit length."""
        return lpips.taps(VERBS, lpips.FeatureNetwork(self.trunk, self, None, scaling), x)

    def forward(self, X: Tensor) -> Any:  # noqa: N803 - the old name
        """N x 3 x H x W, scaled as the trunk expects, to a named tuple of features."""
        return _outputs(self.title, self.trunk)(*self.features(X))


class alexnet(_Slices):  # noqa: N801 - the old name
    trunk, title = ALEX, "AlexnetOutputs"


class vgg16(_Slices):  # noqa: N801 - the old name
    trunk, title = VGG, "VggOutputs"


class squeezenet(_Slices):  # noqa: N801 - the old name
    trunk, title = SQUEEZE, "SqueezeOutputs"


@cache
def _outputs(title: str, trunk: Trunk) -> Any:
    """The named tuple of a trunk."""
    return namedtuple(title, trunk.tap_names)


def slice_names(trunk: Trunk) -> dict[str, str]:
    """torchvision's names to the old package's: features.3.weight of AlexNet is slice2.3.weight."""
    found, number = dict[str, str](), 1
    for layer in trunk.layers:
        number += layer.is_tap
        found |= {name: name.replace("features.", f"slice{number}.", 1) for name in layer.shapes}
    return found


def _random(trunk: Trunk) -> Mapping[str, Array]:
    """Parameters as torch initialises convolutions, from its global generator."""
    found: dict[str, Array] = {}
    for name, shape in trunk.shapes.items():
        if name.endswith(".weight"):
            reach = 1 / math.sqrt(math.prod(shape[1:]))
        found[name] = torch.empty(shape).uniform_(-reach, reach).numpy()
    return found


def print_network(net: nn.Module) -> None:
    """Print a network and the number of its parameters."""
    print("Network", net)  # noqa: T201 - what it is asked for
    print("Total number of parameters:", sum(parameter.numel() for parameter in net.parameters()))  # noqa: T201
