"""Define `export`, which writes a metric as an ONNX file. Any ONNX runtime can compute the metric without eyediff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ._version import __version__
from .argument_types import check_argument_types
from .engines import export as models
from .engines.export import OPSETS, ExportFormat, ExportProgram, Input, Layout
from .errors import Setting, UsageError
from .images.ranges import RANGES, Range
from .interfaces import DownloadProgress
from .metrics.backbones import MINI, TRUNKS
from .metrics.programs import DeepFeatures, FeatureStatistics, LocalMeasure, PackageFunction, PeakOf
from .metrics.registry import METRICS, all_metrics
from .output.output_files import atomic_output
from .scoring.metric_spec import MetricSpec, parse_metric
from .weights import PUBLISHED

if TYPE_CHECKING:
    import onnx

OURS = "Apache-2.0 (eyediff)"
HEADS = "heads: BSD-2-Clause, copyright 2018 Richard Zhang, Phillip Isola, Alexei A. Efros, Eli Shechtman, Oliver Wang"


@check_argument_types
def export(
    metric: str,
    path: str | Path,
    *,
    input: Input = "uint8",
    layout: Layout = "nhwc",
    range: Range | None = None,
    opset: int = OPSETS[0],
    map: bool = True,
    embed: bool = False,
    weights: str | Path | None = None,
    trust: bool = False,
    progress: DownloadProgress | None = None,
) -> onnx.ModelProto:
    """Write a metric as an ONNX file, and return the model.

    The inputs of the model, `reference` and `candidate`, are two batches of N sRGB images of any size. The output
    `distance` has the N scores in float64, which are equal to the scores of `eyediff compare`. The output `map`, N x H
    x W in float32, has the score at every pixel. The same call always writes the same bytes.

    Parameters
    ----------
    metric : str
        A name that `eyediff metrics` lists, or the path of a metric file.
    path : str or Path
        The file to write.
    input : {"uint8", "uint16", "float32"}
        The data type of the input images.
    layout : {"nhwc", "nchw"}
        The order of the axes of the input images: N x H x W x 3 or N x 3 x H x W.
    range : (float, float), optional
        The values of a black and of a white pixel in float32 images. By default (0, 1).
    opset : int
        The version of the ONNX operators.
    map : bool
        Whether to add the output `map`, if the metric has a map.
    embed : bool
        Whether the model computes the embedding of an image instead of the score of two images. It then has one input
        `image`, and one output `embedding`, N x D. The squared Euclidean distance between two embeddings is the LPIPS
        distance of the two images.
    weights : str or Path, optional
        A file with the weights of the backbone, as for `Metric`.
    trust : bool
        Whether to accept weights that are not the published ones.
    progress : callable, optional
        Function that is called during a download with the number of received bytes and the total.

    Returns
    -------
    onnx.ModelProto
        The model in the file.

    Raises
    ------
    UsageError
        If ONNX cannot express the metric, or if an argument does not fit the metric. Nothing is written in that case.
    UnknownMetricError, WeightsError
        As for `Metric`.
    OutputError
        If the file cannot be written, or if it exists and is not an ONNX file of eyediff.
    """
    spec = parse_metric(metric)
    form = ExportFormat(input, layout, range, opset, map)
    _check(spec, form, embed, weights)
    with atomic_output(Path(path), _is_ours, "an ONNX file of eyediff") as partial:
        exported, said = _load(spec, embed, None if weights is None else Path(weights), trust, progress)
        about = _about(spec, form, exported.smallest) | said
        made = models.build_model(exported, form, about)
        partial.write_bytes(made.SerializeToString(deterministic=True))
    return made


def _check(spec: MetricSpec, form: ExportFormat, embed: bool, weights: str | Path | None) -> None:
    network = spec.info.is_deep and not spec.peak
    if not network and _without_network(spec) is None:
        names = ", ".join(exportable_names())
        raise UsageError(f"{spec.requested} cannot be written as ONNX; use lpips-*, deep-*, or one of {names}")
    if weights is not None and not network:
        raise UsageError(
            f"{spec.requested} has no weights, but weights={str(weights)!r} was given; leave out `weights`"
        )
    if embed and not network:
        raise UsageError(f"{spec.requested} has no embedding to export; use an lpips-* or deep-* metric")
    if form.span not in (None, *RANGES):
        raise UsageError(Setting("range", form.span), f" is not valid; expected one of {', '.join(map(str, RANGES))}")
    if form.span is not None and form.input != "float32":
        raise UsageError(
            f"range {form.span} was given, but the range of {form.input} pixels is fixed; leave out `range`"
        )
    if not OPSETS[0] <= form.opset <= OPSETS[1]:
        raise UsageError(f"opset {form.opset} was given; expected {OPSETS[0]} to {OPSETS[1]}")


def exportable_names() -> list[str]:
    """Return the names of the metrics without a network that ONNX can express."""
    return [
        name if len(info.programs) == 1 else f"{name}@{version}"
        for name, info in all_metrics().items()
        for version, program in info.programs.items()
        if not isinstance(program, (DeepFeatures, FeatureStatistics)) and program.formula is not None
    ]


def _without_network(spec: MetricSpec) -> ExportProgram | None:
    program = spec.program
    if isinstance(program, (DeepFeatures, FeatureStatistics, LocalMeasure, PackageFunction, PeakOf)):
        return None
    return models.metric_program(program)


def _load(
    spec: MetricSpec, embed: bool, file: Path | None, trust: bool, progress: DownloadProgress | None
) -> tuple[ExportProgram, dict[str, str]]:
    """Return the formulas of the metric in the form that is written as ONNX, and the metadata about the weights."""
    exported = _without_network(spec)
    if exported is not None:
        return exported, {"licence": OURS}
    network, sha256 = spec.load_network(file, trust, progress)
    written = models.embedding_program(network) if embed else models.network_program(network)
    return written, {"weights_sha256": sha256, "licence": _licence(spec, trust)}


def _licence(spec: MetricSpec, trust: bool) -> str:
    program = spec.program
    if not isinstance(program, DeepFeatures) or program.backbone == MINI.name:
        return OURS
    if trust or spec.info.name not in METRICS:
        return "that of the author of the weights"
    trunk = f"{TRUNKS[program.backbone].title}: {PUBLISHED[program.backbone].licence}"
    return f"{trunk}; {HEADS}" if program.calibrated else trunk


def _about(spec: MetricSpec, form: ExportFormat, smallest: int) -> dict[str, str]:
    """Return the metadata that the ONNX file states about the metric."""
    info, (black, white) = spec.info, form.ends
    return {
        "eyediff": __version__,
        "metric": spec.qualified_name,
        "citation": info.citation,
        "better": "higher" if info.higher_is_better else "lower",
        "identity": f"{info.identity:g}",
        "range": info.range,
        "smallest_side": f"{smallest}",
        "layout": form.layout,
        "black": f"{black:g}",
        "white": f"{white:g}",
    }


def _is_ours(file: BinaryIO) -> bool:
    """Return whether eyediff wrote an ONNX file. The first bytes then name eyediff as the producer."""
    start = file.read(16)
    return start[:1] == b"\x08" and start[2:].startswith(b"\x12\x07eyediff")
