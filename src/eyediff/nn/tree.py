"""A torch module that stores tensors by dotted names, so that torch can move, copy, save and replicate them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Tree(nn.Module):
    """A mapping from dotted names to frozen parameters, as a tree of modules with one level for each part of a name.

    `tree["features.0.weight"]` returns a parameter. The tensors are read through attributes and never through a list,
    because the replicas of DataParallel have the attributes only. The tensors are parameters and not buffers, because
    DistributedDataParallel sends every buffer at every step.
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
