"""Write the ONNX file format without the package `onnx`. Only the parts that graphs of metrics need are supported.

An ONNX model is a protobuf message (onnx/onnx.proto). A message is a sequence of fields. Each field has a number, a
kind and a value. The kinds used here are integers of variable length, 32-bit floats, and bytes preceded by their
length. Text and nested messages are stored as bytes. The package `onnx` is not used, because its size is 31 MB and its
import takes 0.15 s.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

FLOAT, DOUBLE = 1, 11
"""Numbers by which ONNX denotes the element types float32 and float64 (TensorProto.DataType)."""

_ELEMENT_TYPES = {"float32": FLOAT, "uint8": 2, "uint16": 4, "int64": 7, "bool": 9, "float64": DOUBLE}

_INTEGER, _BYTES, _FLOAT = 0, 2, 5
"""Numbers by which protobuf denotes the kinds of fields: integers of variable length, bytes, and 32-bit floats."""

Attribute = int | float | str | Sequence[int]


def element_type(dtype: npt.DTypeLike) -> int:
    """Return the number by which ONNX denotes a numpy data type (TensorProto.DataType)."""
    return _ELEMENT_TYPES[np.dtype(dtype).name]


def encode_tensor(name: str, values: npt.NDArray[np.generic]) -> bytes:
    """Return an encoded TensorProto, which stores a constant of a graph."""
    little_endian = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    dimensions = b"".join(_integer(1, side) for side in values.shape)
    return dimensions + _integer(2, element_type(values.dtype)) + _text(8, name) + _bytes(9, little_endian.tobytes())


def encode_node(kind: str, inputs: Iterable[str], output: str, attributes: Mapping[str, Attribute]) -> bytes:
    """Return an encoded NodeProto with one output. The name of the node is the name of its output."""
    ends = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(3, output)
    return ends + _text(4, kind) + b"".join(_bytes(5, _attribute(*item)) for item in attributes.items())


def encode_value(name: str, element: int, shape: Sequence[str | int | None] | None) -> bytes:
    """Return an encoded ValueInfoProto, which describes an input or output of a graph.

    Each length in `shape` is a number, a name for a variable length, or `None` if the length is unknown.
    """
    tensor_type = _integer(1, element)
    if shape is not None:
        tensor_type += _bytes(2, b"".join(_bytes(1, _side(side)) for side in shape))
    return _text(1, name) + _bytes(2, _bytes(1, tensor_type))


def encode_graph(
    name: str, nodes: Iterable[bytes], constants: Iterable[bytes], inputs: Iterable[bytes], outputs: Iterable[bytes]
) -> bytes:
    """Return an encoded GraphProto, which contains the nodes, constants, inputs and outputs of a graph."""
    parts = [*(_bytes(1, node) for node in nodes), _text(2, name), *(_bytes(5, tensor) for tensor in constants)]
    parts += [*(_bytes(11, value) for value in inputs), *(_bytes(12, value) for value in outputs)]
    return b"".join(parts)


def encode_model(graph: bytes, opset: int, ir_version: int) -> bytes:
    """Return an encoded ModelProto, which is the content of an ONNX file."""
    return _integer(1, ir_version) + _bytes(7, graph) + _bytes(8, _text(1, "") + _integer(2, opset))


def _side(side: str | int | None) -> bytes:
    if side is None:
        return b""
    return _text(2, side) if isinstance(side, str) else _integer(1, side)


def _attribute(name: str, value: Attribute) -> bytes:
    start = _text(1, name)
    if isinstance(value, int):
        return start + _integer(3, value) + _integer(20, 2)
    if isinstance(value, float):
        return start + _key(2, _FLOAT) + struct.pack("<f", value) + _integer(20, 1)
    if isinstance(value, str):
        return start + _text(4, value) + _integer(20, 3)
    return start + b"".join(_integer(8, int(item)) for item in value) + _integer(20, 7)


def _text(field: int, text: str) -> bytes:
    return _bytes(field, text.encode())


def _bytes(field: int, content: bytes) -> bytes:
    return _key(field, _BYTES) + _variable_length(len(content)) + content


def _integer(field: int, value: int) -> bytes:
    return _key(field, _INTEGER) + _variable_length(value)


def _key(field: int, kind: int) -> bytes:
    return _variable_length(field << 3 | kind)


def _variable_length(value: int) -> bytes:
    """Encode an integer with seven bits in each byte, the lowest bits first.

    A negative integer is encoded as a 64-bit two's complement.
    """
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
