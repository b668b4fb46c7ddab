"""Metrics given away: `export` writes one as an ONNX file, which any program can run without eyediff."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import onnx

from . import __version__
from .engines import export as models
from .engines.export import CLASSICAL, OPSETS, Exported, Form, Input, Layout
from .engines.network_engine import NetworkEngine
from .engines.onnx_runner import OnnxRunner
from .errors import UsageError
from .images.arrays import RANGES, Range
from .metrics import registry as catalogue
from .metrics.backbones import MINI, TRUNKS
from .metrics.registry import Choice
from .output.output_files import whole_file
from .scoring import factory as wiring
from .weights import PUBLISHED

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
    progress: wiring.Progress | None = None,
) -> onnx.ModelProto:
    """Write a metric as an ONNX file that any ONNX runtime computes, and return the model in it.

    Its inputs `reference` and `candidate` are N x H x W x 3 (`layout` "nchw": N x 3 x H x W) of sRGB, of any N, H and
    W: uint8, uint16, or float32 whose black and white are `range`, by default (0, 1). Its output `distance` is N
    scores, float64, those of `eyediff compare`; `map`, of lpips-*, deep-* and ssim, N x H x W, float32, unless `map` is
    False. With `embed` it has one input, `image`, and one output, `embedding`: N x D points whose squared Euclidean
    distances are the LPIPS distances. The same call writes the same bytes.

    `weights` and `trust` are as for `Metric`.

    Raises UsageError before any work where the metric, or what was asked of it, cannot be said in ONNX;
    UnknownMetricError; WeightsError; OutputError where `path` cannot be written, or holds another kind of file.
    """
    choice = catalogue.parse(metric)
    form = Form(input, layout, range, opset, map)
    _check(choice, form, embed, weights)
    with whole_file(Path(path), _is_onnx, "ONNX file") as partial:
        exported, said = _exported(choice, embed, None if weights is None else Path(weights), trust, progress)
        about = _about(choice, form, exported.smallest) | said
        made = models.model(exported, form, about)
        partial.write_bytes(made.SerializeToString(deterministic=True))
    return made


def _check(choice: Choice, form: Form, embed: bool, weights: str | Path | None) -> None:
    network = choice.entry.trunk is not None
    if not network and _name(choice) not in CLASSICAL:
        names = ", ".join(name.removesuffix("@1") for name in CLASSICAL)
        raise UsageError(f"{choice.asked} cannot be said in ONNX; lpips-*, deep-*, {names} can")
    if weights is not None and not network:
        raise UsageError(f"{choice.asked} has no weights, but weights={str(weights)!r} was given; leave it out")
    if embed and not network:
        raise UsageError(f"{choice.asked} has no embedding; lpips-* and deep-* have")
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


def _exported(
    choice: Choice, embed: bool, file: Path | None, trust: bool, progress: wiring.Progress | None
) -> tuple[Exported, dict[str, str]]:
    """What is to be written, and what is to be said of the weights in it."""
    wired = wiring.wire(choice, OnnxRunner("cpu", 1), file, trust, progress)
    if not isinstance(wired.engine, NetworkEngine):
        return CLASSICAL[_name(choice)], {"licence": OURS}
    exported = (models.embedding if embed else models.of_network)(wired.engine.network)
    return exported, {"weights_sha256": wired.weights_sha256 or "", "licence": _licence(choice, trust)}


def _licence(choice: Choice, trust: bool) -> str:
    entry = choice.entry
    if entry.trunk == MINI.name:
        return OURS
    if trust or entry.name not in catalogue.ENTRIES or entry.trunk is None:
        return "of whoever made the weights"
    trunk = f"{TRUNKS[entry.trunk].title}: {PUBLISHED[entry.trunk].licence}"
    return f"{trunk}; {HEADS}" if entry.heads else trunk


def _about(choice: Choice, form: Form, smallest: int) -> dict[str, str]:
    """What a program may want to know, as the file's metadata."""
    entry, (black, white) = choice.entry, form.ends
    return {
        "eyediff": __version__,
        "metric": _name(choice),
        "citation": entry.citation,
        "better": "higher" if entry.higher_is_better else "lower",
        "identity": f"{entry.identity:g}",
        "range": entry.range,
        "smallest_side": f"{smallest}",
        "layout": form.layout,
        "black": f"{black:g}",
        "white": f"{white:g}",
    }


def _name(choice: Choice) -> str:
    return f"{choice.entry.name}@{choice.version}"


def _is_onnx(start: bytes) -> bool:
    """A message whose first field is a small number, the format's version, and whose next is a text or the graph."""
    return not start or (start[:1] == b"\x08" and start[2:3] in (b"\x12", b"\x3a"))
