"""Trace numpy formulas into nodes of an ONNX graph, so that a metric states its arithmetic once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .onnx_ops import Graph
from .onnx_protobuf import DOUBLE

UFUNC_OPERATORS: dict[Any, str] = {
    np.add: "Add",
    np.subtract: "Sub",
    np.multiply: "Mul",
    np.true_divide: "Div",
    np.power: "Pow",
    np.maximum: "Max",
}
"""The ONNX operator for each numpy function."""


class TracedArray(NDArrayOperatorsMixin):
    """Values for each image, N x K or N in double precision, that exist only in a graph.

    A formula may take them instead of arrays. It then computes nothing: numpy passes every operator to
    `__array_ufunc__`, which adds a node to the graph.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph, self.name = graph, name

    @classmethod
    def of(cls, graph: Graph, name: str) -> TracedArray:
        """Return a value of the graph, converted to double precision."""
        return cls(graph, graph.node("Cast", name, to=DOUBLE))

    def __array_ufunc__(self, ufunc: Callable[..., Any], method: str, *inputs: Any) -> Any:
        if ufunc is np.log10 and method == "__call__":
            return TracedArray(self._graph, self._graph.node("Log", self.name)) * (1 / math.log(10))
        if ufunc not in UFUNC_OPERATORS or method != "__call__":
            return NotImplemented
        names = [
            x.name if isinstance(x, TracedArray) else self._graph.constant(np.array(x, np.float64)) for x in inputs
        ]
        return TracedArray(self._graph, self._graph.node(UFUNC_OPERATORS[ufunc], *names))

    def sum(self, axis: int) -> TracedArray:
        """Sum over an axis."""
        return self._reduce("ReduceSum", axis)

    def mean(self, axis: int) -> TracedArray:
        """Average over an axis."""
        return self._reduce("ReduceMean", axis)

    def _reduce(self, kind: str, axis: int) -> TracedArray:
        return TracedArray(self._graph, self._graph.node(kind, self.name, self._graph.integers(axis), keepdims=0))
