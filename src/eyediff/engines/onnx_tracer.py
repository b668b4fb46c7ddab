"""Formulas of numpy, written down as nodes of an ONNX graph: what a metric does with figures of images, stated once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .onnx_ops import Graph
from .onnx_protobuf import DOUBLE

NODES: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.power: "Pow",
    np.maximum: "Max",
}
"""Operators of ONNX that are functions of numpy."""


class Figures(NDArrayOperatorsMixin):
    """Figures by image, N x K or N, in double precision, that a graph will hold.

    A formula that is given them in the place of an array computes nothing: numpy hands every operator to
    `__array_ufunc__`, which writes it down.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph, self.name = graph, name

    @classmethod
    def of(cls, graph: Graph, name: str) -> Figures:
        """A value of the graph, of whatever precision."""
        return cls(graph, graph.node("Cast", name, to=DOUBLE))

    def __array_ufunc__(self, ufunc: Callable[..., Any], method: str, *inputs: Any) -> Any:
        if ufunc is np.log10 and method == "__call__":
            return Figures(self._graph, self._graph.node("Log", self.name)) * (1 / math.log(10))
        if ufunc not in NODES or method != "__call__":
            return NotImplemented
        names = [x.name if isinstance(x, Figures) else self._graph.constant(np.array(x, np.float64)) for x in inputs]
        return Figures(self._graph, self._graph.node(NODES[ufunc], *names))

    def sum(self, axis: int) -> Figures:
        """Without the axis that is summed over."""
        return self._reduced("ReduceSum", axis)

    def mean(self, axis: int) -> Figures:
        """Without the axis that is averaged over."""
        return self._reduced("ReduceMean", axis)

    def _reduced(self, kind: str, axis: int) -> Figures:
        return Figures(self._graph, self._graph.node(kind, self.name, self._graph.integers(axis), keepdims=0))
