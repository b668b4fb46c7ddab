"""Define the backbones with the names of the old package: modules `slice1`, `slice2`, ..., and a tuple of features.

Each slice ends at a feature layer. Slices consist of torch modules, so that each module can be called, hooked and
replaced.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ... import weights
from ...metrics.backbones import ALEX, SQUEEZE, VGG, Conv, Fire, Pool, Trunk
from ...nn.trunk import VERBS


class Backbone(nn.Module):
    """Base class of the three backbones. It finds the weights in the same way as `eyediff.nn.LPIPS`."""

    trunk: Trunk
    outputs: Any

    def __init__(
        self,
        requires_grad: bool = False,
        pretrained: bool = True,
        *,
        weights_file: Path | str | None = None,
        trust: bool = False,
    ) -> None:
        super().__init__()
        file = None if weights_file is None else Path(weights_file)
        found = weights.load_trunk(self.trunk.name, file=file, trust=trust).parameters if pretrained else None
        # If weights are read from a file, no random initial values are made. They would use up random numbers.
        with nullcontext() if found is None else torch.device("meta"):
            for name, layers in _slices(self.trunk).items():
                self.add_module(name, Slice(layers))
        self.N_slices = len(self.trunk.taps)
        if found is not None:
            places = slice_names(self.trunk)
            state = {places[name]: torch.tensor(value) for name, value in found.items()}
            self.load_state_dict(state, assign=True)
        self.requires_grad_(requires_grad)

    def forward(self, X: Tensor) -> Any:  # noqa: N803 - the old name
        """Return the features of N images as a named tuple, with one tensor for each feature layer.

        `X` is a tensor N x 3 x H x W, scaled as the backbone expects.
        """
        found = []
        for index in range(len(self.trunk.taps)):
            X = getattr(self, f"slice{index + 1}")(X)  # noqa: N806 - the old name
            found.append(X)
        return self.outputs(*found)


def _outputs(title: str, trunk: Trunk) -> Any:
    """Return the type of the named tuple that holds the features of a backbone."""
    return namedtuple(title, trunk.tap_names)


class alexnet(Backbone):  # noqa: N801 - the old name
    trunk, outputs = ALEX, _outputs("AlexnetOutputs", ALEX)


class vgg16(Backbone):  # noqa: N801 - the old name
    trunk, outputs = VGG, _outputs("VggOutputs", VGG)


class squeezenet(Backbone):  # noqa: N801 - the old name
    trunk, outputs = SQUEEZE, _outputs("SqueezeOutputs", SQUEEZE)


class Slice(nn.Sequential):
    """The layers from one feature layer to the next. The output is contiguous in every memory layout of the layers."""

    def __init__(self, layers: dict[str, nn.Module]) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, input: Tensor) -> Tensor:
        x: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return x.contiguous()

    def _get_name(self) -> str:
        return "Sequential"


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`, computed by the code of `eyediff.nn`: the same values, but in less time on a CPU."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        usual = (self.groups, self.dilation, self.padding_mode) == (1, (1, 1), "zeros")
        if not usual or input.ndim != 4 or not isinstance(self.padding, tuple) or self.stride[0] != self.stride[-1]:
            output: Tensor = super()._conv_forward(input, weight, bias)
            return output
        rows, columns = self.padding
        return VERBS.conv(input, weight, bias, stride=self.stride[0], pad=rows if rows == columns else (rows, columns))


class MaxPool2d(nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, computed by the code of `eyediff.nn`."""

    def forward(self, input: Tensor) -> Any:
        if (self.padding, self.dilation, self.return_indices, input.ndim) != (0, 1, False, 4):
            return super().forward(input)
        return VERBS.maxpool(input, size=self.kernel_size, stride=self.stride, ceil=self.ceil_mode)  # type: ignore[arg-type] # as _slices gave them


class FireModule(nn.Module):
    """The Fire module of SqueezeNet, with the names of its layers in torchvision."""

    def __init__(self, layer: Fire) -> None:
        super().__init__()
        for conv in layer.convs:
            name = conv.key.rpartition(".")[2]
            self.add_module(name, _conv(conv))
            self.add_module(f"{name}_activation", nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        part = self.get_submodule
        x = part("squeeze_activation")(part("squeeze")(x))
        expanded = [part(f"{name}_activation")(part(name)(x)) for name in ("expand1x1", "expand3x3")]
        return torch.cat(expanded, 1)

    def _get_name(self) -> str:
        return "Fire"


def _conv(layer: Conv) -> nn.Conv2d:
    return Conv2d(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.pad)


def _slices(trunk: Trunk) -> dict[str, dict[str, nn.Module]]:
    """Return the layers of each slice. The names of the layers are the numbers that torchvision gives them."""
    found: dict[str, dict[str, nn.Module]] = {}
    place = -1
    for number, layer in _numbered(trunk):
        layers = found.setdefault(f"slice{number}", {})
        place += 1
        if isinstance(layer, Conv):
            layers[str(place)] = _conv(layer)
            place += 1
            layers[str(place)] = nn.ReLU(inplace=True)
        elif isinstance(layer, Pool):
            layers[str(place)] = MaxPool2d(layer.size, layer.stride, ceil_mode=layer.ceil)
        elif isinstance(layer, Fire):
            layers[str(place)] = FireModule(layer)
    return found


def _numbered(trunk: Trunk) -> Iterator[tuple[int, Any]]:
    """Yield every layer that computes something, with the number of its slice. Marks of feature layers are left out."""
    number = 1
    for layer in trunk.layers:
        if layer.is_tap:
            number += 1
        else:
            yield number, layer


def slice_names(trunk: Trunk) -> dict[str, str]:
    """Return, for each parameter name of torchvision, the name in the old package.

    For example, features.3.weight of AlexNet has the name slice2.3.weight in the old package.
    """
    return {
        name: name.replace("features.", f"slice{number}.", 1)
        for number, layer in _numbered(trunk)
        for name in layer.shapes
    }


def print_network(net: nn.Module) -> None:
    """Print a network and the number of its parameters."""
    print("Network", net)  # noqa: T201 - its purpose is to print
    print("Total number of parameters:", sum(parameter.numel() for parameter in net.parameters()))  # noqa: T201
