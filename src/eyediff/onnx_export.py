"""Metrics given away: `export` writes one as an ONNX file, which any program can run without eyediff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, get_args

from ._version import __version__
from .engines import export as models
from .engines.export import OPSETS, Exported, Form, Input, Layout
from .errors import UsageError
from .images.ranges import RANGES, Range
from .interfaces import DownloadProgress
from .metrics.backbones import MINI, TRUNKS
from .metrics.programs import DeepFeatures
from .metrics.registry import METRICS, all_metrics
from .output.output_files import whole_file
from .scoring.metric_spec import MetricSpec, parse_metric
from .weights import PUBLISHED

if TYPE_CHECKING:
    import onnx

OURS = "Apache-2.0 (eyediff)"
HEADS = "heads: BSD-2-Clause, copyright 2018 Richard Zhang, Phillip Isola, Alexei A. Efros, Eli Shechtman, Oliver Wang"


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
    """Write a metric as an ONNX file that any ONNX runtime computes, and return the model in it.

    Its inputs `reference` and `candidate` are N x H x W x 3 (`layout` "nchw": N x 3 x H x W) of sRGB, of any N, H and
    W: uint8, uint16, or float32 whose black and white are `range`, by default (0, 1). Its output `distance` is N
    scores, float64, those of `eyediff compare`; `map`, of lpips-*, deep-*, ssim and dssim, N x H x W, float32, unless
    `map` is False. With `embed` it has one input, `image`, and one output, `embedding`: N x D points whose squared
    Euclidean distances are the LPIPS distances. The same call writes the same bytes.

    `weights` and `trust` are as for `Metric`.

    Raises UsageError before any work where the metric, or what was asked of it, cannot be said in ONNX;
    UnknownMetricError; WeightsError; OutputError where `path` cannot be written, or holds another kind of file.
    """
    spec = parse_metric(metric)
    form = Form(input, layout, range, opset, map)
    _check(spec, form, embed, weights)
    with whole_file(Path(path), _is_ours, "ONNX file of eyediff") as partial:
        exported, said = _load(spec, embed, None if weights is None else Path(weights), trust, progress)
        about = _about(spec, form, exported.smallest) | said
        made = models.model(exported, form, about)
        partial.write_bytes(made.SerializeToString(deterministic=True))
    return made


def _check(spec: MetricSpec, form: Form, embed: bool, weights: str | Path | None) -> None:
    network = spec.info.is_deep
    if not network and _without_network(spec) is None:
        names = ", ".join(exportable_names())
        raise UsageError(f"{spec.requested} cannot be written as ONNX; lpips-*, deep-*, {names} can")
    if weights is not None and not network:
        raise UsageError(f"{spec.requested} has no weights, but weights={str(weights)!r} was given; leave it out")
    if embed and not network:
        raise UsageError(f"{spec.requested} has no embedding; lpips-* and deep-* have")
    for what, given, known in (
        ("input", form.input, get_args(Input)),
        ("layout", form.layout, get_args(Layout)),
        ("range", form.span or RANGES[0], RANGES),
    ):
        if given not in known:
            raise UsageError(f"{what} {given!r} was given; expected one of {', '.join(map(str, known))}")
    if form.span is not None and form.input != "float32":
        raise UsageError(f"range {form.span} was given for {form.input}, which knows its own; leave it out")
    if not OPSETS[0] <= form.opset <= OPSETS[1]:
        raise UsageError(f"opset {form.opset} was given; {OPSETS[0]} to {OPSETS[1]} can be written")


def exportable_names() -> list[str]:
    """Names of the metrics without a network that ONNX can express."""
    return [
        name if len(info.programs) == 1 else f"{name}@{version}"
        for name, info in all_metrics().items()
        for version, program in info.programs.items()
        if not isinstance(program, DeepFeatures) and program.formula is not None
    ]


def _without_network(spec: MetricSpec) -> Exported | None:
    return None if isinstance(spec.program, DeepFeatures) else models.of_program(spec.program)


def _load(
    spec: MetricSpec, embed: bool, file: Path | None, trust: bool, progress: DownloadProgress | None
) -> tuple[Exported, dict[str, str]]:
    """Return what is to be written, and what the file records of the weights in it."""
    exported = _without_network(spec)
    if exported is not None:
        return exported, {"licence": OURS}
    network, sha256 = spec.load_network(file, trust, progress)
    written = models.embedding(network) if embed else models.of_network(network)
    return written, {"weights_sha256": sha256, "licence": _licence(spec, trust)}


def _licence(spec: MetricSpec, trust: bool) -> str:
    program = spec.program
    if not isinstance(program, DeepFeatures) or program.backbone == MINI.name:
        return OURS
    if trust or spec.info.name not in METRICS:
        return "of whoever made the weights"
    trunk = f"{TRUNKS[program.backbone].title}: {PUBLISHED[program.backbone].licence}"
    return f"{trunk}; {HEADS}" if program.calibrated else trunk


def _about(spec: MetricSpec, form: Form, smallest: int) -> dict[str, str]:
    """What a program may want to know, as the file's metadata."""
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
    """A message whose first field is a small number, the format's version, and whose next is the producer's name."""
    start = file.read(16)
    return start[:1] == b"\x08" and start[2:].startswith(b"\x12\x07eyediff")
