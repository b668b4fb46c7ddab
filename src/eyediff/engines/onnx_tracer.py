"""Translate numpy formulas into nodes of an ONNX graph, so that a metric states its arithmetic once."""

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
"""The ONNX operator that computes the same as each numpy function."""


class TracedArray(NDArrayOperatorsMixin):
    """A value of an ONNX graph that a numpy formula can use like an array. Its shape is N or N x K, for N images.

    The formula then computes no numbers: numpy passes every operation to `__array_ufunc__`, and this method adds a node
    to the graph. The type of the value is double precision.
    """

    def __init__(self, graph: Graph, name: str) -> None:
        self._graph, self.name = graph, name

    @classmethod
    def of(cls, graph: Graph, name: str) -> TracedArray:
        """Return the value `name` of the graph as a TracedArray. It is converted to double precision."""
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
        """Return the sum over an axis."""
        return self._reduce("ReduceSum", axis)

    def mean(self, axis: int) -> TracedArray:
        """Return the mean over an axis."""
        return self._reduce("ReduceMean", axis)

    def _reduce(self, kind: str, axis: int) -> TracedArray:
        return TracedArray(self._graph, self._graph.node(kind, self.name, self._graph.integers(axis), keepdims=0))
