"""Encoded ONNX models are read back by the package `onnx`."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from eyediff.engines import onnx_protobuf
from eyediff.engines.onnx_ops import IR_VERSION, OPSET, Graph
from eyediff.metrics import ssim


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "uint16", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3, 300)])
def test_tensors(dtype: str, shape: tuple[int, ...]) -> None:
    """Values, types and shapes are kept, also those of strided and big-endian arrays."""
    values = np.arange(int(np.prod(shape))).reshape(shape).astype(dtype)
    for array in (values, np.asarray(values, values.dtype.newbyteorder(">")), values[..., ::-1] if shape else values):
        read = TensorProto.FromString(onnx_protobuf.encode_tensor("name", array))
        assert read.name == "name"
        np.testing.assert_array_equal(numpy_helper.to_array(read), array)


def test_nodes_equal_those_of_the_package() -> None:
    """A node with attributes of every kind, and the extremes of an integer, equals the node of onnx's helper."""
    attributes = {"a": 0, "b": -1, "c": 2**63 - 1, "d": 1.5, "e": "half_pixel", "f": [1, 0, 3]}
    made = onnx.NodeProto.FromString(onnx_protobuf.encode_node("Kind", ["x", "", "y"], "out", attributes))
    assert made == helper.make_node("Kind", ["x", "", "y"], ["out"], name="out", **attributes)


def test_values_equal_those_of_the_package() -> None:
    """Sizes may be numbers, names or unknown, and the rank may be unknown."""
    for shape in (["n", 3, None], [], None):
        made = onnx.ValueInfoProto.FromString(onnx_protobuf.encode_value("x", TensorProto.FLOAT, shape))
        assert made == helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)


def test_a_model_is_read_by_the_package() -> None:
    """The graph of a metric is read, with its opset and version. test_ops.py tests that ONNX Runtime computes it."""
    graph = Graph()
    a, b = (graph.image(name, np.dtype(np.uint8)) for name in ("a", "b"))
    outputs = {"result": ssim.ssim(graph, ssim.VARIANTS["wang"], a, b)}
    model = onnx.load_model_from_string(graph.model(dict.fromkeys("ab", np.dtype(np.uint8)), outputs))
    assert [output.name for output in model.graph.output] == ["result"] and len(model.graph.node) > 10
    assert (model.ir_version, model.opset_import[0].version) == (IR_VERSION, OPSET)
