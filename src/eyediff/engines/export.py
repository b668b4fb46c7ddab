"""A metric as one ONNX model that needs nothing else: pixels in, score and map out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import numpy as np

from ..metrics import lpips
from ..metrics.lpips import Network
from ..metrics.programs import MultiScaleMean, PixelFunction, WindowMean
from ..optional import import_optional
from ..records import PEAKS, Numbers
from .onnx_ops import OPSET, Graph
from .onnx_protobuf import DOUBLE, FLOAT, element_type, encode_value
from .onnx_runner import INPUTS
from .onnx_tracer import Figures

if TYPE_CHECKING:
    import onnx

Input: TypeAlias = Literal["uint8", "uint16", "float32"]
Layout: TypeAlias = Literal["nhwc", "nchw"]

OPSETS = (OPSET, 22)
"""The oldest, which is the default, and the newest that is written; ONNX Runtime 1.14 reads the one, 1.21 the other."""


@dataclass(frozen=True, slots=True)
class Form:
    """What goes in and out of a model.

    `span` is what black and white are, of float32 if not 0 and 1. `map` False leaves the map out, which is then not
    computed.
    """

    input: Input = "uint8"
    layout: Layout = "nhwc"
    span: tuple[float, float] | None = None
    opset: int = OPSET
    map: bool = True

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return np.dtype(self.input)

    @property
    def ends(self) -> tuple[float, float]:
        """The values of black and white."""
        return self.span or (0, PEAKS[self.dtype])


Outputs: TypeAlias = Mapping[str, Callable[[], str]]
"""By the name that a model gives it, what writes it down: `distance`, `map` where there is one; or `embedding`."""

SHAPES: Mapping[str, tuple[int, Sequence[str]]] = {
    "distance": (DOUBLE, ["n"]),
    "map": (FLOAT, ["n", "h", "w"]),
    "embedding": (FLOAT, ["n", "d"]),
}
"""Type and shape of every output. A score is double: float32 has no room for the sixth decimal of 40 dB."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a model computes of images of `smallest` pixels a side or more, with figures of a precision.

    `program` is called with a Graph and its `images`, N x 3 x H x W in [-1, 1].
    """

    program: Callable[..., Outputs]
    smallest: int
    images: Sequence[str] = INPUTS
    precision: type[np.floating[Any]] = np.float32


def of_network(network: Network) -> Exported:
    """LPIPS, with or without heads."""

    def program(graph: Graph, a: str, b: str) -> Outputs:
        terms = lpips.terms(graph, network, a, b)
        return {
            "distance": lambda: Figures.of(graph, lpips.shares(graph, terms)).sum(1).name,
            "map": lambda: lpips.enlarged(graph, terms, like=a),
        }

    return Exported(program, network.trunk.smallest)


def embedding(network: Network) -> Exported:
    """Points whose squared Euclidean distances are those of LPIPS."""

    def program(graph: Graph, x: str) -> Outputs:
        return {"embedding": lambda: lpips.embedding(graph, network, x)}

    return Exported(program, network.trunk.smallest, ["image"])


def of_program(program: PixelFunction | WindowMean | MultiScaleMean) -> Exported | None:
    """Return a metric without a network as a model, with its map where it has one; None if ONNX cannot express it."""
    formula = program.formula
    if formula is None:
        return None
    measure, combine, smallest = formula.measure, formula.combine, program.smallest_side
    window_map = program.map if isinstance(program, WindowMean) else None
    before, after = (smallest - 1) // 2, smallest - 1 - (smallest - 1) // 2

    def write(graph: Graph, a: str, b: str) -> Outputs:
        def distance() -> str:
            measured = [cast(Numbers, Figures.of(graph, name)) for name in measure(graph, a, b)]
            return cast(Figures, combine(measured)).name

        if window_map is None:
            return {"distance": distance}
        border = [0, 0, before, before, 0, 0, after, after]
        return {
            "distance": distance,
            "map": lambda: graph.node("Pad", window_map(graph, a, b), graph.integers(*border), mode="edge"),
        }

    return Exported(write, smallest, precision=formula.precision)


def model(exported: Exported, form: Form, about: Mapping[str, str]) -> onnx.ModelProto:
    """A metric as a model that was checked; `about` are its metadata, of which `eyediff` and `metric` must be there."""
    graph = Graph(exported.precision)
    sides: list[str | int] = ["h", "w", 3] if form.layout == "nhwc" else [3, "h", "w"]
    package = import_optional("onnx", "`export`")
    helper = import_optional("onnx.helper", "`export`")
    inputs = [encode_value(image, element_type(form.dtype), ["n", *sides]) for image in exported.images]
    pixels = _checked(graph, exported, sides.index("h") + 1)
    images = [graph.image(image, form.dtype, form.ends, planes=form.layout == "nchw") for image in pixels]
    said = {name: write for name, write in exported.program(graph, *images).items() if form.map or name != "map"}
    values = {name: write() for name, write in said.items()}
    if "map" in values:
        values["map"] = graph.node("Squeeze", values["map"], graph.integers(1))
    outputs = [encode_value(name, *SHAPES[name]) for name in values]
    opsets = [helper.make_opsetid("", form.opset)]
    made = helper.make_model(
        package.GraphProto.FromString(graph.whole(about["metric"], inputs, outputs, values)),
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="eyediff",
        producer_version=about["eyediff"],
        doc_string=f"What {about['metric']} of eyediff says of sRGB images. See the metadata, and docs/export.md.",
    )
    helper.set_model_props(made, dict(about))
    package.checker.check_model(made, full_check=True)
    return cast("onnx.ModelProto", made)


def _checked(graph: Graph, exported: Exported, first: int) -> list[str]:
    """The images, behind a node that fails, by a name that says why, where they are no pair or too small.

    ONNX has no word for that, and a runtime compares no sizes of two inputs: 64 rows of one and 65 of the other may
    leave as many features, and a number that nobody should see. `first` is the axis of rows.
    """
    shapes = [graph.node("Shape", image) for image in exported.images]
    faults = {}
    if len(shapes) == 2:
        apart = graph.node("Abs", graph.node("Sub", *shapes))
        faults[f"{'_and_'.join(exported.images)}_must_be_of_one_shape"] = graph.node("ReduceSum", apart)
    if exported.smallest > 1:
        sides = graph.node("Slice", shapes[0], *map(graph.integers, (first, first + 2)))
        lacking = graph.node("Sub", graph.integers(exported.smallest), graph.node("ReduceMin", sides))
        faults[f"sides_must_be_{exported.smallest}_pixels_at_least"] = graph.node("Max", lacking, graph.integers(0))
    start = graph.integers(0)
    for told, fault in faults.items():  # a list of one figure, 0, has a place 0 alone
        start = graph.node("Add", start, graph.node("Gather", graph.integers(0), fault, called=told))
    end = graph.integers(np.iinfo(np.int64).max)
    return [graph.node("Slice", image, start, end, graph.integers(0)) for image in exported.images]
