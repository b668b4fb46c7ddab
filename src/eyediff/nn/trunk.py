"""Where features come from: the trunks of `metrics/backbones.py`, or any module of the user's."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..engines.torch_ops import TorchOps
from ..errors import UsageError
from ..metrics import lpips
from ..weights import canonical_sha256
from .tree import Tree

VERBS = TorchOps()


class NetworkTrunk(Tree):
    """One of our trunks with its parameters: images in [-1, 1] to the features at its taps.

    `names` are what the taps are called. `taps`: so many of them and what leads there, where not all are needed.
    """

    multiplier: Tensor
    offset: Tensor

    def __init__(self, network: lpips.Network, taps: int | None = None) -> None:
        data = network.trunk if taps is None else network.trunk.up_to_tap(taps)
        super().__init__({name: torch.tensor(network.parameters[name]) for name in data.shapes})
        self.names, self.data, self.scaled = network.trunk.tap_names[:taps], data, network.scaled
        for name, value in zip(("multiplier", "offset"), network.scaling or (), strict=False):
            self.register_buffer(name, torch.tensor(value), persistent=False)

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, that leaves something at every tap."""
        return self.data.smallest

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features, N x C_l x H_l x W_l each, before they are brought to unit length."""
        scaling = (self.multiplier, self.offset) if self.scaled else None
        return lpips.taps(VERBS, lpips.FeatureNetwork(self.data, self, None, scaling), x)


class ModuleTrunk(nn.Module):
    """A user's module, frozen and copied, tapped at the outputs of some of its submodules.

    Images in [-1, 1] are brought to [0, 1] and then by `mean` and `std` to what the module was trained on, in its own
    precision. Layers of the copy that would work in place do not, or they would overwrite what the one before gave.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, taps: Sequence[str], mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        known = [name for name, _ in module.named_modules() if name]
        if not taps:
            raise UsageError("no taps were given; name one or more submodules, as module.named_modules() lists them")
        if unknown := [name for name in taps if name not in known]:
            raise UsageError(f"the module has no {unknown[0]!r}; its submodules are {', '.join(known[:12])}, ...")
        self.names = tuple(taps)
        self.smallest = 1
        self.tokens = False  # whether the last images gave features without rows and columns
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
    def sha256(self) -> str:
        """The canonical hash of all that the features depend on but the code: the module's state, `mean` and `std`."""
        return canonical_sha256({name: value.float().numpy(force=True) for name, value in self.state_dict().items()})

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features, N x C_l x H_l x W_l each; tokens, N x T x C, come as N x C x T x 1."""
        self.module((x.to(self.mean.dtype) / 2 + 0.5 - self.mean) / self.std)
        found = [self._kept(name) for name in self.names]
        self.tokens = any(feature.ndim == 3 for feature in found)
        return [feature if feature.ndim == 4 else feature.transpose(1, 2).unsqueeze(-1) for feature in found]

    def _kept(self, name: str) -> Tensor:
        tapped = self.module.get_submodule(name)
        found, version = tapped.__dict__.pop(_KEPT, ("nothing: it did not run", 0))
        if not isinstance(found, Tensor) or found.ndim not in (3, 4):
            what = f"a tensor of {tuple(found.shape)}" if isinstance(found, Tensor) else _said(found)
            raise UsageError(f"tap {name!r} gives {what}, expected N x C x H x W features or N x T x C tokens")
        if _version(found) != version:
            raise UsageError(f"what tap {name!r} gives is changed in place by the next layer; tap that one instead")
        return found


_KEPT = "_eyediff_kept"


def _said(found: object) -> str:
    return found if isinstance(found, str) else type(found).__name__


def _keep(module: nn.Module, _: Any, output: Any) -> None:
    """A hook without a state of its own: what it keeps lies in the module that ran, be it a copy or a replica."""
    if isinstance(output, Tensor) and not _counted(output):
        output = output.clone()
    module.__dict__[_KEPT] = (output, _version(output) if isinstance(output, Tensor) else 0)


def _counted(x: Tensor) -> bool:
    """Whether torch counts how often this tensor is changed in place; where not, only a copy is safe."""
    return not (torch.compiler.is_compiling() or x.is_inference())


def _version(x: Tensor) -> int:
    return x._version if _counted(x) else 0
