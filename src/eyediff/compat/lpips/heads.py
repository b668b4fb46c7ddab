"""A head of the old package, and the files that heads come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import WeightsError, shown


class NetLinLayer(nn.Module):
    """A head: a 1x1 convolution, after dropout while it is trained."""

    def __init__(self, chn_in: int, chn_out: int = 1, use_dropout: bool = False) -> None:
        super().__init__()
        dropout = [nn.Dropout()] if use_dropout else []
        self.model = nn.Sequential(*dropout, nn.Conv2d(chn_in, chn_out, 1, bias=False))

    @property
    def weight(self) -> Tensor:
        """1 x C x 1 x 1."""
        return self.model[-1].weight  # type: ignore[return-value]

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


def tensors(path: Path) -> Any:
    """What a file of the old package holds. Raises WeightsError where it cannot be read, or holds more than tensors."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise WeightsError(f"{shown(path)}: cannot be read ({error.strerror})") from None
    except Exception as error:
        raise WeightsError(f"{shown(path)}: not a file of tensors ({str(error).splitlines()[0][:80]})") from error
