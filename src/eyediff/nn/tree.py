"""Tensors by dotted name in a module, so that torch can move, copy, save and replicate them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Tree(nn.Module):
    """A tree of modules, one for each part of a dotted name. `tree["features.0.weight"]` is a frozen parameter.

    Every access goes through attributes and never through a list, because the replicas of DataParallel have only the
    attributes. The tensors are parameters, not buffers, because DistributedDataParallel sends every buffer at every
    step.
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
