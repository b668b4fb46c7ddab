"""Build an ONNX model of a metric. The model runs without eyediff; it takes pixels and returns a score and a map."""

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
"""The oldest and the newest supported version of ONNX's set of operators. The oldest version is the default.

Models of the oldest version need ONNX Runtime 1.14; models of the newest version need ONNX Runtime 1.21.
"""


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """Format of the inputs and outputs of an exported ONNX model.

    Attributes
    ----------
    input : {"uint8", "uint16", "float32"}
        Data type of the pixels.
    layout : {"nhwc", "nchw"}
        Order of the axes of an input: batch (n), height (h), width (w) and channels (c).
    span : (float, float) or None
        Pixel values of black and white, if `input` is "float32". Default: 0 and 1.
    opset : int
        Version of ONNX's set of operators.
    map : bool
        Whether the model has a map as its second output.
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
        """Pixel values of black and white."""
        return self.span or (0, PEAKS[self.dtype])


OutputWriters: TypeAlias = Mapping[str, Callable[[], str]]
"""For each name of an output, a function that adds this output to the graph. See SHAPES for the names."""

SHAPES: Mapping[str, tuple[int, Sequence[str]]] = {
    "distance": (DOUBLE, ["n"]),
    "map": (FLOAT, ["n", "h", "w"]),
    "embedding": (FLOAT, ["n", "d"]),
}
"""Type and shape of every output, by its name. A score is a double: float32 cannot hold 40 dB to six decimals."""


@dataclass(frozen=True, slots=True)
class ExportProgram:
    """The computation of a metric, in a form that can be written as an ONNX model.

    Attributes
    ----------
    program : function
        Function that adds the computation to a Graph. Its arguments are the Graph and the names of the images in this
        graph. The images are N x 3 x H x W in [-1, 1].
    smallest : int
        Shortest side that the metric accepts, in pixels.
    images : sequence of str
        Names of the inputs.
    precision : type
        Data type in which the model computes.
    """

    program: Callable[..., OutputWriters]
    smallest: int
    images: Sequence[str] = INPUTS
    precision: type[np.floating[Any]] = np.float32


def network_program(network: Network) -> ExportProgram:
    """Return the computation of LPIPS with a network, for export. Its outputs are a distance and a map."""

    def program(graph: Graph, a: str, b: str) -> OutputWriters:
        terms = lpips.terms(graph, network, a, b)
        return {
            "distance": lambda: TracedArray.of(graph, lpips.shares(graph, terms)).sum(1).name,
            "map": lambda: lpips.enlarged(graph, terms, like=a),
        }

    return ExportProgram(program, network.trunk.smallest)


def embedding_program(network: Network) -> ExportProgram:
    """Return the computation of the embedding of an image, for export.

    The squared Euclidean distance of two embeddings is the LPIPS distance of the images.
    """

    def program(graph: Graph, x: str) -> OutputWriters:
        return {"embedding": lambda: lpips.embedding(graph, network, x)}

    return ExportProgram(program, network.trunk.smallest, ["image"])


def metric_program(program: PixelFunction | WindowMean | MultiScaleMean | WholeImage) -> ExportProgram | None:
    """Return the computation of a metric without a network, for export. It includes the map if the metric has one.

    Returns `None` if the metric cannot be written as an ONNX graph.
    """
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
    """Build an ONNX model of a metric, and check it with the checker of the package `onnx`.

    Parameters
    ----------
    program : ExportProgram
        Computation of the metric.
    export_format : ExportFormat
        Format of the inputs and outputs.
    metadata : mapping of str to str
        Metadata of the file. The keys `eyediff` (the version) and `metric` (the name) are required.

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
    """Add nodes to the graph. They fail if the shapes of the images differ or if an image is too small.

    Returns the names of the images that these nodes output. `row_axis` is the axis of the rows of an image.

    ONNX has no operator that raises an error, so a node fails on purpose, and its name states the reason. Without this
    check, a runtime would accept images of 64 and of 65 rows: their features may have the same size, but the score
    would be meaningless.
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
    for message, failure in failures.items():  # Gather fails if the index is not 0, because the list has one value
        start = graph.node("Add", start, graph.node("Gather", graph.integers(0), failure, name=message))
    end = graph.integers(np.iinfo(np.int64).max)
    return [graph.node("Slice", image, start, end, graph.integers(0)) for image in program.images]
