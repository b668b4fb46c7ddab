"""Define the heads of the old package, and read files with heads. A head weights the channels of a feature layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks

from ...errors import WeightsError, shown
from ...nn.trunk import VERBS


class HeadConv2d(nn.Conv2d):
    """`torch.nn.Conv2d`. With one output channel, it computes a sum in the data type of the input, even in autocast."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if bias is None and (self.out_channels, *self.kernel_size, *self.padding) == (1, 1, 1, 0, 0):
            return VERBS.weigh(input, weight)
        output: Tensor = super()._conv_forward(input, weight, bias)
        return output

    def _get_name(self) -> str:
        return "Conv2d"


class NetLinLayer(nn.Module):
    """The head of a feature layer: a 1x1 convolution that weights the channels. In training, dropout comes first."""

    def __init__(self, chn_in: int, chn_out: int = 1, use_dropout: bool = False) -> None:
        super().__init__()
        dropout = [nn.Dropout()] if use_dropout else []
        self.model = nn.Sequential(*dropout, HeadConv2d(chn_in, chn_out, 1, bias=False))

    @property
    def weight(self) -> Tensor:
        """The weights of the C channels, a tensor 1 x C x 1 x 1."""
        return self.model[-1].weight  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]

    @property
    def is_untouched(self) -> bool:
        """True if the output depends only on `weight`: no hooks, no dropout, and no replaced or patched parts."""
        kinds = [type(part) for part in self.model] if type(self.model) is nn.Sequential else []
        usual = type(self) is NetLinLayer and kinds in ([HeadConv2d], [nn.Dropout, HeadConv2d])
        if not usual or _hooks(module_hooks, "_global"):
            return False
        parts = list(self.modules())
        dropping = self.model.training and len(kinds) == 2
        return not dropping and not any("forward" in vars(part) or _hooks(part) for part in parts)


def _hooks(owner: Any, prefix: str = "") -> bool:
    """Return whether a module has forward or backward hooks."""
    names = ("forward_pre", "forward", "backward_pre", "backward")
    return any(getattr(owner, f"{prefix}_{name}_hooks") for name in names)


def tensors(path: Path) -> Any:
    """Return the tensors in a file of the old package. Raises WeightsError for any other file."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{shown(path)} cannot be read ({error.strerror or error}); check the path") from None
    except Exception as error:
        raise WeightsError(
            f"{shown(path)} does not contain tensors only ({str(error).splitlines()[0][:80]})"
        ) from error
