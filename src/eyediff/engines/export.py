"""Build an ONNX model of a metric that runs without eyediff. It takes pixels and returns a score and a map."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from ..metrics import lpips
from ..metrics.lpips import Network
from ..metrics.programs import MultiScaleMean, PixelFunction, WholeImage, WindowMean
from ..optional import import_optional
from ..records import PEAKS, Numbers
from .onnx_ops import OPSET, Graph
from .onnx_protobuf import DOUBLE, FLOAT, element_type, encode_value
from .onnx_runner import INPUTS
from .onnx_tracer import TracedArray

if TYPE_CHECKING:
    import onnx

Input: TypeAlias = Literal["uint8", "uint16", "float32"]
Layout: TypeAlias = Literal["nhwc", "nchw"]

OPSETS = (OPSET, 22)
"""The oldest supported opset, which is the default, and the newest one.

The oldest needs ONNX Runtime 1.14, the newest needs 1.21.
"""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """Inputs and outputs of a model.

    Attributes
    ----------
    input : {"uint8", "uint16", "float32"}
        Type of the pixels.
    layout : {"nhwc", "nchw"}
        Order of the axes.
    span : (float, float) or None
        Pixel values of black and white, for float32. Default: 0 and 1.
    opset : int
        Version of ONNX's set of operators.
    map : bool
        Whether the model computes a map.
    """

    input: Input = "uint8"
    layout: Layout = "nhwc"
    span: tuple[float, float] | None = None
    opset: int = OPSET
    map: bool = True

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the pixels."""
        return np.dtype(self.input)

    @property
    def ends(self) -> tuple[float, float]:
        """Values of black and white."""
        return self.span or (0, PEAKS[self.dtype])


OutputWriters: TypeAlias = Mapping[str, Callable[[], str]]
"""Functions that add an output to the graph. The keys are names of outputs: `distance` and `map`, or `embedding`."""

SHAPES: Mapping[str, tuple[int, Sequence[str]]] = {
    "distance": (DOUBLE, ["n"]),
    "map": (FLOAT, ["n", "h", "w"]),
    "embedding": (FLOAT, ["n", "d"]),
}
"""Type and shape of every output. A score is a double, because float32 cannot hold six decimals of 40 dB."""


@dataclass(frozen=True, slots=True)
class ExportProgram:
    """A program that can be written as an ONNX model.

    Attributes
    ----------
    program : function
        Takes a Graph and the names of its images, N x 3 x H x W in [-1, 1].
    smallest : int
        Shortest side that the metric accepts, in pixels.
    images : sequence of str
        Names of the inputs.
    precision : type
        Data type of all values.
    """

    program: Callable[..., OutputWriters]
    smallest: int
    images: Sequence[str] = INPUTS
    precision: type[np.floating[Any]] = np.float32


def network_program(network: Network) -> ExportProgram:
    """Return the program for LPIPS, with or without linear weights."""

    def program(graph: Graph, a: str, b: str) -> OutputWriters:
        terms = lpips.terms(graph, network, a, b)
        return {
            "distance": lambda: TracedArray.of(graph, lpips.shares(graph, terms)).sum(1).name,
            "map": lambda: lpips.enlarged(graph, terms, like=a),
        }

    return ExportProgram(program, network.trunk.smallest)


def embedding_program(network: Network) -> ExportProgram:
    """Return the program for the embedding. Squared Euclidean distances of embeddings are LPIPS distances."""

    def program(graph: Graph, x: str) -> OutputWriters:
        return {"embedding": lambda: lpips.embedding(graph, network, x)}

    return ExportProgram(program, network.trunk.smallest, ["image"])


def metric_program(program: PixelFunction | WindowMean | MultiScaleMean | WholeImage) -> ExportProgram | None:
    """Return the program for a metric without a network, with a map if it has one. None if ONNX cannot express it."""
    formula = program.formula
    if formula is None:
        return None
    measure, combine, smallest = formula.measure, formula.combine, program.smallest_side
    window_map = program.map if isinstance(program, WindowMean) else None
    before, after = (smallest - 1) // 2, smallest - 1 - (smallest - 1) // 2

    def write(graph: Graph, a: str, b: str) -> OutputWriters:
        def distance() -> str:
            measured = [cast(Numbers, TracedArray.of(graph, name)) for name in measure(graph, a, b)]
            return cast(TracedArray, combine(measured)).name

        if window_map is None:
            return {"distance": distance}
        border = [0, 0, before, before, 0, 0, after, after]
        return {
            "distance": distance,
            "map": lambda: graph.node("Pad", window_map(graph, a, b), graph.integers(*border), mode="edge"),
        }

    return ExportProgram(write, smallest, precision=formula.precision)


def build_model(program: ExportProgram, export_format: ExportFormat, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Build a model and check it.

    Parameters
    ----------
    program : ExportProgram
        The computation of the model.
    export_format : ExportFormat
        Inputs and outputs of the model.
    metadata : mapping of str to str
        Metadata of the file. It must contain `eyediff` and `metric`.

    Returns
    -------
    onnx.ModelProto
    """
    graph = Graph(program.precision)
    sides: list[str | int] = ["h", "w", 3] if export_format.layout == "nhwc" else [3, "h", "w"]
    package = import_optional("onnx", "`export`")
    helper = import_optional("onnx.helper", "`export`")
    inputs = [encode_value(image, element_type(export_format.dtype), ["n", *sides]) for image in program.images]
    pixels = _check_shapes(graph, program, sides.index("h") + 1)
    images = [
        graph.image(image, export_format.dtype, export_format.ends, planes=export_format.layout == "nchw")
        for image in pixels
    ]
    writers = {
        name: write for name, write in program.program(graph, *images).items() if export_format.map or name != "map"
    }
    values = {name: write() for name, write in writers.items()}
    if "map" in values:
        values["map"] = graph.node("Squeeze", values["map"], graph.integers(1))
    outputs = [encode_value(name, *SHAPES[name]) for name in values]
    opsets = [helper.make_opsetid("", export_format.opset)]
    proto = helper.make_model(
        package.GraphProto.FromString(graph.encode(metadata["metric"], inputs, outputs, values)),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="eyediff",
        producer_version=metadata["eyediff"],
        doc_string=f"The metric {metadata['metric']} of eyediff for sRGB images. See the metadata, and docs/export.md.",
    )
    helper.set_model_props(proto, dict(metadata))
    package.checker.check_model(proto, full_check=True)
    return cast("onnx.ModelProto", proto)


def _check_shapes(graph: Graph, program: ExportProgram, row_axis: int) -> list[str]:
    """Pass images through a node that fails if their shapes differ or if they are too small.

    ONNX has no operator for such a check, so the name of the failing node states the reason. A runtime does not compare
    the sizes of two inputs: the features of 64 rows and of 65 rows may have one size, and the score would be
    meaningless. `row_axis` is the axis of rows.
    """
    shapes = [graph.node("Shape", image) for image in program.images]
    failures = {}
    if len(shapes) == 2:
        difference = graph.node("Abs", graph.node("Sub", *shapes))
        failures[f"{'_and_'.join(program.images)}_must_be_of_one_shape"] = graph.node("ReduceSum", difference)
    if program.smallest > 1:
        sides = graph.node("Slice", shapes[0], *map(graph.integers, (row_axis, row_axis + 2)))
        missing = graph.node("Sub", graph.integers(program.smallest), graph.node("ReduceMin", sides))
        failures[f"sides_must_be_{program.smallest}_pixels_at_least"] = graph.node("Max", missing, graph.integers(0))
    start = graph.integers(0)
    for message, failure in failures.items():  # Gather from a list of one value fails unless the index is 0
        start = graph.node("Add", start, graph.node("Gather", graph.integers(0), failure, name=message))
    end = graph.integers(np.iinfo(np.int64).max)
    return [graph.node("Slice", image, start, end, graph.integers(0)) for image in program.images]
