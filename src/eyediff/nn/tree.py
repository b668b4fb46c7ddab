"""Tensors under dotted names, kept by modules so that torch moves, copies, saves and replicates them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Tree(nn.Module):
    """A module for every part of a dotted name: `tree["features.0.weight"]` is the frozen parameter of that path.

    Looked up through attributes at every use, never through a list: DataParallel's replicas keep theirs nowhere else.
    Parameters, not buffers, since DistributedDataParallel sends every buffer at every step.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        branches: dict[str, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            head, _, rest = name.partition(".")
            if rest:
                branches.setdefault(head, {})[rest] = tensor
            else:
                self.register_parameter(head, nn.Parameter(tensor, requires_grad=False))
        for head, below in branches.items():
            self.add_module(head, Tree(below))

    def __getitem__(self, name: str) -> Tensor:
        found: object = self
        for part in name.split("."):
            found = getattr(found, part)
        if not isinstance(found, Tensor):
            raise KeyError(name)
        return found
