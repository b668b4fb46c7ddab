"""Torch modules that compute the features of images, with a backbone of `metrics/backbones.py` or a user's module."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Collection, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from ..engines.torch_ops import TorchOps, is_plain_eager, is_tracing
from ..errors import ArgumentTypeError, Setting, UsageError
from ..metrics import lpips
from ..weights import canonical_sha256
from .tree import Tree

VERBS = TorchOps()

FeatureLayout: TypeAlias = Literal["NCHW", "NHWC"]
"""Order of the axes of features.

"NCHW" is images, channels, rows, columns. "NHWC" is images, rows, columns, channels, as in some transformers.
"""


def weights_sha256(trunk: NetworkTrunk | ModuleTrunk, features: Tensor) -> str | None:
    """Return a hash of the weights of a trunk, and of the text of a user's module.

    `features` is an array that the trunk computed. It shows whether tensors have values. The hash is computed again
    only if torch has counted a change of the weights, or if they have another address. The result is `None` if the
    weights have no values: in graphs, under the transforms of `torch.func`, on the device "meta", and in the replicas
    of DataParallel.
    """
    if not is_plain_eager(features) or getattr(trunk, "_is_replica", False):
        return None
    tensors = {**dict(trunk.named_parameters()), **dict(trunk.named_buffers())}
    if not all(is_plain_eager(each) and not each.is_meta for each in tensors.values()):
        return None
    state = tuple((each.data_ptr(), each.dtype, _version(each)) for each in tensors.values())
    known: tuple[object, str] | None = trunk.__dict__.get(_HASHED)
    if known is None or known[0] != state:
        values = {name: value.detach().float().numpy(force=True) for name, value in tensors.items()}
        code = hashlib.sha256(repr(trunk.module).encode()).hexdigest() if isinstance(trunk, ModuleTrunk) else ""
        known = trunk.__dict__[_HASHED] = (state, canonical_sha256({f"{code} {n}": v for n, v in values.items()}))
    return known[1]


class NetworkTrunk(Tree):
    """A built-in backbone with its parameters. It maps images in [-1, 1] to the outputs of its feature layers.

    Parameters
    ----------
    network : lpips.Network
        Backbone and parameters.
    layers : collection of str, optional
        Names of the feature layers (`Trunk.layer_names`). The layers after the last of these are not computed. Default:
        the feature layers of LPIPS.
    average_pooling : bool
        Whether pooling layers compute means instead of maxima.

    Attributes
    ----------
    names : tuple of str
        Names of the feature layers.
    """

    multiplier: Tensor
    offset: Tensor

    def __init__(
        self, network: lpips.Network, layers: Collection[str] | None = None, average_pooling: bool = False
    ) -> None:
        data, names = network.trunk, network.trunk.tap_names
        if layers is not None:
            data, names = data.tapped_at(layers), tuple(name for name in data.layer_names if name in layers)
        if average_pooling:
            data = data.with_average_pooling()
        super().__init__({name: torch.tensor(network.parameters[name]) for name in data.shapes})
        self.names, self.data, self.scaled = names, data, network.scaled
        for name, value in zip(("multiplier", "offset"), network.scaling or (), strict=False):
            self.register_buffer(name, torch.tensor(value), persistent=False)

    @property
    def description(self) -> str:
        """Name of the backbone, and whether its input is scaled, as text for messages."""
        return self.data.name if self.scaled else f"{self.data.name} without scaling"

    @property
    def smallest(self) -> int:
        """Shortest side of an image, in pixels, for which every feature layer has at least one pixel."""
        return self.data.smallest

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of images: one array N x C_l x H_l x W_l for each feature layer.

        The feature vectors are not yet scaled to length 1.
        """
        scaling = (self.multiplier, self.offset) if self.scaled else None
        return lpips.taps(VERBS, lpips.FeatureNetwork(self.data, self, None, scaling), x)


class ModuleTrunk(nn.Module):
    """A backbone that is a frozen copy of a user's module. The outputs of chosen submodules are the features.

    Images in [-1, 1] are scaled to [0, 1], and then normalized by `mean` and `std` in the precision of the module.
    Layers that work in place would overwrite the output of the previous layer, so they work out of place in the copy.

    Parameters
    ----------
    module : torch.nn.Module
        Module that is copied.
    taps : sequence of str
        Names of the submodules whose outputs are the features.
    mean, std : sequence of float
        Mean and standard deviation of each channel, for pixels in [0, 1].
    layout : {"NCHW", "NHWC"}
        Order of the axes of features that have rows and columns.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        module: nn.Module,
        taps: Sequence[str],
        mean: Sequence[float],
        std: Sequence[float],
        layout: FeatureLayout = "NCHW",
    ) -> None:
        super().__init__()
        if layout not in ("NCHW", "NHWC"):
            raise UsageError(f"layout must be NCHW or NHWC; got {layout!r}")
        known = [name for name, _ in module.named_modules() if name]
        if isinstance(taps, str):
            raise ArgumentTypeError(f"taps is the text {taps!r}; expected a list of names, such as [{taps!r}]")
        if not taps:
            raise UsageError("taps is empty; give one or more names from module.named_modules()")
        if unknown := [name for name in taps if name not in known]:
            raise UsageError(
                f"the module has no submodule {unknown[0]!r}; expected one of {', '.join(known[:12])}, ..., "
                "as module.named_modules() lists them"
            )
        if repeated := [name for name in taps if list(taps).count(name) > 1]:
            raise UsageError(f"taps has {repeated[0]!r} more than once; give each name once")
        for name, values in (("mean", mean), ("std", std)):
            _check_channels(name, values)
        self.names, self.layout = tuple(taps), layout
        self.smallest = 1
        self.tokens = False  # whether the last features were N x T x C tokens
        self.module = copy.deepcopy(module).requires_grad_(False)
        for layer in self.module.modules():
            if getattr(layer, "inplace", None) is True:
                vars(layer)["inplace"] = False
        for name in taps:
            self.module.get_submodule(name).register_forward_hook(_keep)
        place = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).to(place).reshape(1, -1, 1, 1))

    @property
    def description(self) -> str:
        """The chosen submodules, as text for messages."""
        return f"a module with the taps {', '.join(self.names)}"

    @property
    def sha256(self) -> str:
        """Canonical hash of the module's state, `mean` and `std`. These and the module's code determine features."""
        return canonical_sha256({name: value.float().numpy(force=True) for name, value in self.state_dict().items()})

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the features of images: one array N x C_l x H_l x W_l for each chosen submodule.

        The tokens of a transformer, N x T x C, are returned as N x C x T x 1.

        Raises
        ------
        UsageError
            If a submodule returns neither features nor tokens, if the shape of its features shows that the stated
            layout is wrong, or if the next layer overwrites its output.
        """
        self.module((x.to(self.mean.dtype) / 2 + 0.5 - self.mean) / self.std)
        found = [self._kept(name) for name in self.names]
        self.tokens = any(feature.ndim == 3 for feature in found)
        return [self._channels_first(*each, x) for each in zip(self.names, found, strict=True)]

    def _channels_first(self, name: str, feature: Tensor, image: Tensor) -> Tensor:
        if feature.ndim == 3:
            return feature.transpose(1, 2).unsqueeze(-1)
        as_stated, other = feature.shape[2:], feature.shape[1:3]
        if self.layout == "NHWC":
            as_stated, other = other, as_stated
        if not is_tracing() and _is_copy_of(other, image) and not _is_copy_of(as_stated, image):
            shape, sides = tuple(feature.shape), tuple(image.shape[2:])
            right = "NCHW" if self.layout == "NHWC" else "NHWC"
            raise UsageError(
                f"the submodule {name!r} returns features of shape {shape} for images of {sides[0]} rows and "
                f"{sides[1]} columns; the layout of these features is not {self.layout}; use ",
                Setting("layout", right),
            )
        return feature if self.layout == "NCHW" else feature.permute(0, 3, 1, 2)

    def _kept(self, name: str) -> Tensor:
        tapped = self.module.get_submodule(name)
        found, version = tapped.__dict__.pop(_KEPT, ("nothing, because it did not run", 0))
        if not isinstance(found, Tensor) or found.ndim not in (3, 4):
            what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else _describe(found)
            raise UsageError(
                f"the submodule {name!r} returns {what}; expected N x C x H x W features or N x T x C tokens"
            )
        if _version(found) != version:
            raise UsageError(
                f"the layer after the submodule {name!r} overwrites the output of {name!r} in place; "
                f"use the layer after {name!r} in `taps` instead"
            )
        return found


def _check_channels(name: str, values: Sequence[float]) -> None:
    """Raise UsageError unless `mean` or `std` is one finite number for each channel, and `std` is above 0."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    valid = len(numbers) in (1, 3) and all(math.isfinite(number) for number in numbers)
    if isinstance(values, str) or not valid or (name == "std" and min(numbers) <= 0):
        sign = " above 0" if name == "std" else ""
        raise UsageError(f"{name} is {values!r}; expected three finite numbers{sign}, or one for all channels")


def _is_copy_of(sides: Sequence[int], image: Tensor) -> bool:
    """Return whether `sides` (rows, columns) have the aspect ratio of the image, within one row or column."""
    (rows, columns), (height, width) = sides, image.shape[2:]
    return abs(rows * width - columns * height) <= max(height, width)


_KEPT = "_eyediff_kept"
_HASHED = "_eyediff_hashed"


def _describe(found: object) -> str:
    return found if isinstance(found, str) else f"an object of the type {type(found).__name__}"


def _keep(module: nn.Module, _: Any, output: Any) -> None:
    """Store the output of a module in the module itself, so that this hook also works in copies and replicas."""
    if isinstance(output, Tensor) and not _counted(output):
        output = output.clone()
    module.__dict__[_KEPT] = (output, _version(output) if isinstance(output, Tensor) else 0)


def _counted(x: Tensor) -> bool:
    """Return whether torch counts the in-place changes of this tensor.

    If torch does not count them, the tensor must be copied, because a change could not be detected.
    """
    return not (torch.compiler.is_compiling() or x.is_inference())


def _version(x: Tensor) -> int:
    return x._version if _counted(x) else 0
