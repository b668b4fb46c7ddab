"""Adam, with its moments in the open, so that a run can be saved between two steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor


class Adam:
    """Kingma & Ba 2015, algorithm 1, over named tensors that take gradients; betas as there."""

    def __init__(self, tensors: Mapping[str, Tensor], betas: tuple[float, float]) -> None:
        self.tensors, self.betas = tensors, betas
        self.first = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
        self.second = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}

    @torch.no_grad()
    def step(self, before: int, rate: float) -> None:
        """One step after `before` others; gradients are used up."""
        fast, slow = self.betas
        correction = math.sqrt(1 - slow ** (before + 1)) / (1 - fast ** (before + 1))
        for name, tensor in self.tensors.items():
            gradient = tensor.grad
            if gradient is None:
                continue
            first, second = self.first[name], self.second[name]
            first.lerp_(gradient, 1 - fast)
            second.lerp_(gradient.square(), 1 - slow)
            tensor.sub_(rate * correction * first / (second.sqrt() + 1e-8))
            tensor.grad = None
