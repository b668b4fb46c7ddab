"""Implementation of the operations of `metrics/ops.py` that writes an ONNX graph. ONNX Runtime computes the graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import filters
from ..metrics.ops import UNIT_EPS, Array
from ..records import PEAKS, Numbers
from .onnx_protobuf import (
    FLOAT,
    Attribute,
    element_type,
    encode_graph,
    encode_model,
    encode_node,
    encode_tensor,
    encode_value,
)

OPSET = 18
"""Version of ONNX's set of operators: the oldest one with all operators used here, so that old runtimes accept it."""

IR_VERSION = 9
"""Version of the file format that belongs to OPSET. Many runtimes refuse a newer version."""


_SMALL = 256
"""Largest size of a small constant, in bytes. Small constants with equal values are stored once."""


@dataclass(frozen=True, slots=True)
class _PendingAffine:
    """The value x * multiplier + offset, in double precision. It has not been added to the graph yet."""

    x: str
    multiplier: Numbers
    offset: Numbers | None


class Graph:
    """An ONNX graph under construction. Each operation adds nodes; a value is represented by its name in the graph.

    An `affine` is added to the graph only when its result is used. Successive affines become one, and a convolution
    multiplies its weights by the multiplier. The pixels are then read once before the first layer instead of four
    times. This saves a tenth of the time of lpips-mini.

    Parameters
    ----------
    precision : type
        Data type in which the graph computes. ONNX Runtime supports convolutions in float32 only.
    """

    def __init__(self, precision: type[np.floating[Any]] = np.float32) -> None:
        self._precision = np.dtype(precision)
        self._nodes: list[bytes] = []
        self._node_names: dict[tuple[str, tuple[str, ...], str], str] = {}
        self._constants: dict[Hashable, tuple[str, npt.NDArray[np.generic]]] = {}
        self._pending: dict[str, _PendingAffine] = {}
        self._written: dict[str, str] = {}

    def node(self, kind: str, *inputs: str, name: str | None = None, **attributes: Attribute) -> str:
        """Add a node with one output and return the name of the output.

        Parameters
        ----------
        kind : str
            ONNX operator.
        inputs : str
            Names of the inputs of the node.
        name : str, optional
            Name of the node. Error messages of the runtime show it. Equal nodes without a name are stored once.
        attributes : int, float, str or sequence of int
            Attributes of the operator.
        """
        inputs = tuple(self._value(value) for value in inputs)
        key = (kind, inputs, repr(sorted(attributes.items())))
        if name is None and key in self._node_names:  # a score and its map share equal nodes
            return self._node_names[key]
        output = name or f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(encode_node(kind, inputs, output, dict(sorted(attributes.items()))))
        if name is None:
            self._node_names[key] = output
        return output

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        """Add a constant to the graph if it is new, and return its name.

        An array that is passed again is not stored again. Small arrays with equal values are stored once, too.
        """
        small = value.nbytes <= _SMALL
        key = (value.dtype.str, value.shape, value.tobytes()) if small else id(value)
        if key not in self._constants:
            self._constants[key] = (f"constant_{len(self._constants)}", value)
        return self._constants[key][0]

    def _value(self, name: str) -> str:
        """Return the name of a value in the graph. An affine that was delayed is added to the graph now."""
        pending = self._pending.get(name)
        if pending is None:
            return name
        if name not in self._written:
            x = self.node("Mul", pending.x, self._column(pending.multiplier))
            self._written[name] = x if pending.offset is None else self.node("Add", x, self._column(pending.offset))
        return self._written[name]

    def integers(self, *values: int) -> str:
        """Return the name of a constant that holds integers: axes, sizes or indices."""
        return self.constant(np.array(values, np.int64))

    def _column(self, values: Array | Numbers) -> str:
        """Return the name of a constant that has one value for each channel, and broadcasts over N x C x H x W."""
        return self.constant(values.astype(self._precision).reshape(1, -1, 1, 1))

    # operations

    def conv(
        self,
        x: str,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> str:
        rows, columns = pad if isinstance(pad, tuple) else (pad, pad)
        pending = self._pending.get(x)
        if pending is not None and groups == 1 and pending.multiplier.all():
            # m * x + o = m * (x + o/m), so padding the result with zeros is the same as padding x + o/m with zeros.
            weight = (weight * pending.multiplier.reshape(1, -1, 1, 1)).astype(np.float32)
            x = (
                pending.x
                if pending.offset is None
                else self.node("Add", pending.x, self._column(pending.offset / pending.multiplier))
            )
        constants = [self.constant(weight)] + ([] if bias is None else [self.constant(bias)])
        return self.node(
            "Conv",
            x,
            *constants,
            kernel_shape=list(weight.shape[2:]),
            strides=[stride, stride],
            pads=[rows, columns, rows, columns],
            group=groups,
        )

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def maxpool(self, x: str, *, size: int, stride: int, ceil: bool) -> str:
        return self.node("MaxPool", x, kernel_shape=[size, size], strides=[stride, stride], ceil_mode=int(ceil))

    def halve(self, x: str) -> str:
        odd = self.node("Mod", self.node("Shape", x), self.integers(2))
        odd = self.node("Slice", odd, self.integers(2), self.integers(4), self.integers(0))
        ends = self.node("Concat", self.integers(0, 0, 0, 0, 0, 0), odd, axis=0)
        return self.node("AveragePool", self.node("Pad", x, ends, mode="edge"), kernel_shape=[2, 2], strides=[2, 2])

    def shrink(self, x: str, factor: int) -> str:
        return filters.shrunk(self, x, factor)

    def concat(self, parts: Sequence[str]) -> str:
        return self.node("Concat", *parts, axis=1)

    def channels(self, x: str, start: int, stop: int) -> str:
        return self.node("Slice", x, self.integers(start), self.integers(stop), self.integers(1))

    def rows(self, x: str, start: int, stop: int | None) -> str:
        end = np.iinfo(np.int64).max if stop is None else stop
        return self.node("Slice", x, self.integers(start), self.integers(end), self.integers(2))

    def below(self, parts: Sequence[str]) -> str:
        return self.node("Concat", *parts, axis=2)

    def affine(self, x: str, multiplier: Array, offset: Array | None = None) -> str:
        factor = multiplier.astype(np.float64)
        addend = None if offset is None else offset.astype(np.float64)
        before = self._pending.get(x)
        if before is not None:
            x, addend = before.x, _combine_offsets(addend, before.offset, factor)
            factor = factor * before.multiplier
        name = f"affine_{len(self._pending)}"
        self._pending[name] = _PendingAffine(x, factor, addend)
        return name

    def unit(self, x: str) -> str:
        length = self.node("ReduceL2", x, self.integers(1), keepdims=1)
        length = self.node("Add", length, self.constant(np.array(UNIT_EPS, np.float32)))
        return self.node("Div", x, length)

    def weigh(self, x: str, weights: Array) -> str:
        return self.node("Conv", x, self.constant(weights.reshape(1, -1, 1, 1)), kernel_shape=[1, 1])

    def total(self, x: str) -> str:
        return self.node("ReduceSum", x, self.integers(1), keepdims=1)

    def add(self, x: str, y: str) -> str:
        return self.node("Add", x, y)

    def sub(self, x: str, y: str) -> str:
        return self.node("Sub", x, y)

    def mul(self, x: str, y: str) -> str:
        return self.node("Mul", x, y)

    def div(self, x: str, y: str) -> str:
        return self.node("Div", x, y)

    def magnitude(self, x: str, noise: float = 0) -> str:  # noqa: ARG002 - it affects only gradients
        return self.node("Abs", x)

    def root(self, x: str, noise: float = 0) -> str:  # noqa: ARG002 - it affects only gradients
        return self.node("Sqrt", x)

    def power(self, x: str, exponent: float, noise: float = 0) -> str:  # noqa: ARG002 - it affects only gradients
        return self.node("Pow", x, self.constant(np.array(exponent, self._precision)))

    def exp(self, x: str) -> str:
        return self.node("Exp", x)

    def log(self, x: str) -> str:
        return self.node("Log", x)

    def larger(self, x: str, y: str) -> str:
        return self.node("Max", x, y)

    def area(self, x: str) -> str:
        area = self.node("ReduceProd", self.node("Shape", x, start=2), self.integers(0), keepdims=0)
        return self.node("Reshape", self.node("Cast", area, to=FLOAT), self.integers(1, 1, 1, 1))

    def border(self, x: str, rows: int, columns: int) -> str:
        return self.node("Pad", x, self.integers(0, 0, rows, columns, 0, 0, rows, columns), mode="edge")

    def mean(self, x: str) -> str:
        # The mean of each row comes first: the mean of a whole 1080p map in one float32 sum has a relative error of
        # 2e-6, and the mean of the row means has one of 5e-8.
        rows = self.node("ReduceMean", x, self.integers(3), keepdims=0)
        return self.node("ReduceMean", rows, self.integers(2), keepdims=0)

    def level(self, x: str) -> str:
        return self.node("ReduceMean", self.node("ReduceMean", x, self.integers(3)), self.integers(2))

    def flat(self, x: str) -> str:
        area = self.node("ReduceProd", self.node("Shape", x, start=2), self.integers(0), keepdims=0)
        root = self.node("Sqrt", self.node("Cast", area, to=FLOAT))
        return self.node("Flatten", self.node("Div", x, root), axis=1)

    def resize(self, x: str, like: str) -> str:
        sizes = self.node("Concat", self.node("Shape", x, end=2), self.node("Shape", like, start=2), axis=0)
        return self.node("Resize", x, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")

    # input and output of the model

    def image(
        self, pixels: str, dtype: np.dtype[np.generic], ends: tuple[float, float] | None = None, planes: bool = False
    ) -> str:
        """Add the conversion of pixels to values in [-1, 1], N x 3 x H x W, and return the name of the result.

        Parameters
        ----------
        pixels : str
            Name of the input with the pixels.
        dtype : numpy.dtype
            Storage type of the pixels.
        ends : (float, float), optional
            Pixel values of black and white. Default: 0 and the largest value of the storage type (1 for float32).
        planes : bool
            Whether the layout of the input is N x 3 x H x W. Otherwise, it is N x H x W x 3.
        """
        x = pixels if planes else self.node("Transpose", pixels, perm=[0, 3, 1, 2])
        if dtype != self._precision:
            x = self.node("Cast", x, to=element_type(self._precision))
        black, white = ends or (0, PEAKS[dtype])
        scale = np.array([2 / (white - black)], self._precision)
        return self.affine(x, scale, np.array([(black + white) / (black - white)], self._precision))

    def model(
        self, inputs: Mapping[str, np.dtype[np.generic]], outputs: Mapping[str, str], arrays: Sequence[str] = ()
    ) -> bytes:
        """Return the content of an ONNX file with this graph.

        Parameters
        ----------
        inputs : mapping of str to numpy.dtype
            Names and storage types of the inputs that are pixels, N x H x W x 3.
        outputs : mapping of str to str
            For the name of each output, the name of its value in the graph.
        arrays : sequence of str
            Names of the inputs that are float32 arrays, N x C x H x W.
        """
        pixels = [encode_value(name, element_type(dtype), ["n", "h", "w", 3]) for name, dtype in inputs.items()]
        array_inputs = [encode_value(name, FLOAT, [None] * 4) for name in arrays]
        results = [encode_value(name, FLOAT, None) for name in outputs]
        graph = self.encode("eyediff", [*pixels, *array_inputs], results, outputs)
        return encode_model(graph, OPSET, IR_VERSION)

    def encode(
        self,
        name: str,
        inputs: Sequence[bytes],
        outputs: Sequence[bytes],
        values: Mapping[str, str],
    ) -> bytes:
        """Return the encoded graph. `values` gives, for the name of each output, the name of its value in the graph."""
        ends = [encode_node("Identity", [self._value(value)], end, {}) for end, value in values.items()]
        constants = [encode_tensor(name, v) for name, v in self._constants.values()]
        return encode_graph(name, [*self._nodes, *ends], constants, inputs, outputs)


def _combine_offsets(addend: Numbers | None, before: Numbers | None, factor: Numbers) -> Numbers | None:
    """Return the offset of two successive affines as one affine.

    `before` is the offset of the first affine; `factor` and `addend` are the multiplier and the offset of the second.
    """
    if before is None:
        return addend
    return before * factor if addend is None else before * factor + addend
