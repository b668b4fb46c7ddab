"""Define the options that several commands share, and convert their values."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from .. import defaults, run
from .. import output as reports
from ..engines.onnx_providers import DeviceName
from ..errors import UsageError, shown
from ..images import check_range
from ..images.region import parse_rectangle
from ..interfaces import Sink
from ..output.files import is_regular
from ..output.output_files import Text, text_output
from ..output.text import amount
from ..records import AlphaPolicy, Conventions, MatchRule, PairSizePolicy, Rectangle, Resampling, SizePolicy
from ..run.stamps import ChangeSign
from ..scoring.metric_spec import find_column
from .exit_codes import partial_results

if TYPE_CHECKING:
    from ..sets import FailedImage, ImageSet

T = TypeVar("T")

DEFAULT = ",".join(defaults.METRICS)

SUFFIXES: dict[str, str] = {".txt": "text", ".csv": "csv", ".jsonl": "jsonl", ".json": "json"}
ROW_SUFFIXES = SUFFIXES | {".parquet": "parquet"}

Metrics: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--metric", "-m", metavar="NAME,...", help=f"Metrics to compute; by default {DEFAULT}. Repeatable."),
]
Maximum: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--max", metavar="NAME=VALUE", help="Exit code 1 if a score is above VALUE. Repeatable."),
]
Minimum: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--min", metavar="NAME=VALUE", help="Exit code 1 if a score is below VALUE. Repeatable."),
]
MaximumMean: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--max-mean", metavar="NAME=VALUE", help="Exit code 1 if the mean is above VALUE. Repeatable."),
]
MinimumMean: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--min-mean", metavar="NAME=VALUE", help="Exit code 1 if the mean is below VALUE. Repeatable."),
]
Match: TypeAlias = Annotated[
    MatchRule,
    typer.Option(
        metavar="name|stem|PATTERNS|REGEX",
        help="What the two files of a pair have in common: the path below the folders (name), the path without suffix "
        "(stem), the fields of two patterns such as '{name}.png={name}x4.png', or the group of a regular expression.",
    ),
]
Groups: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="subfolder|REGEX",
        help="Also compute the means of groups of pairs. A group has the pairs of one subfolder, or the pairs whose "
        "names have the same match of REGEX.",
        show_default=False,
    ),
]
Gate: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        metavar="ui|photo",
        help="Use the limits for a kind of image: ui for screenshots and charts, photo for photos (docs/ci.md).",
    ),
]
TolerateShift: TypeAlias = Annotated[
    int,
    typer.Option(
        "--tolerate-shift",
        metavar="N",
        help="A changed region that is only displaced, by up to N pixels, crosses no limit of a pair. Its score still "
        "counts in means and for --baseline.",
    ),
]
_SIZE_NAMES = "refuse|resize|crop|top-left|pad|fit:WxH"
_SIZE_HELP = (
    "If the images of a pair differ in size: refuse the pair, resize the candidate, crop both images to the centre or "
    "to the upper left part, pad both images (padding counts as different), or resize both images to W x H."
)
PairSize: TypeAlias = Annotated[PairSizePolicy, typer.Option(metavar=_SIZE_NAMES, help=_SIZE_HELP)]
GatedSize: TypeAlias = Annotated[
    PairSizePolicy | None,
    typer.Option(
        metavar=_SIZE_NAMES, help=f"{_SIZE_HELP} By default refuse, or pad with --gate ui.", show_default=False
    ),
]
Filter: TypeAlias = Annotated[
    Resampling,
    typer.Option("--resampling", help="Filter of --size resize and fit. All filters except nearest are antialiased."),
]
Protocol: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE.toml",
        help="Evaluation protocol of a research field; `eyediff protocols` lists the protocols. --metric then selects "
        "from the metrics of the protocol.",
    ),
]
Scale: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="Enlargement factor of the images, such as 4. It sets the border of --protocol."),
]
CropBorder: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Cut off N pixels at each side of both images before they are compared.")
]
RegionOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="X,Y,W,H", help="Compare only this rectangle.", show_default=False)
]
Ignore: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="X,Y,W,H", help="Do not compare this rectangle. Repeatable.", show_default=False),
]
Masks: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE|DIR",
        help="Compare only the pixels that are white in this image. A folder has one such image for each pair, with "
        "the name of the pair.",
        show_default=False,
    ),
]
Alpha: TypeAlias = Annotated[
    AlphaPolicy,
    typer.Option(
        metavar="worst|refuse|drop|white|black|#RRGGBB|checkerboard",
        help="If images have transparent pixels: use the worse of the scores on black and on white (worst), refuse "
        "the pair, use the stored colours (drop), or put the images on this background.",
    ),
]
LevelRange: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="LOW,HIGH",
        help="Values of a black and of a white pixel in the files, if they differ from those of the file type.",
    ),
]
Bits: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="The same as --range 0,2^N-1; for example 12 for 12-bit values in 16-bit files."),
]
Memory: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Memory limit of the run, such as 2GB. Images that need more memory are computed in strips, with the same "
        "score. By default half of the memory of the machine, up to 4GB.",
        show_default=False,
    ),
]
MaxPixels: TypeAlias = Annotated[
    int,
    typer.Option(metavar="N", help="Refuse a file with more pixels before it is decoded."),
]
MetricOption: TypeAlias = Annotated[
    str, typer.Option("--metric", "-m", metavar="NAME", help="An lpips-* or deep-* metric.")
]
SetSize: TypeAlias = Annotated[
    SizePolicy,
    typer.Option(help="If the images differ in size: refuse them, resize all to the first, or crop all to the centre."),
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Number of threads that decode images. By default one for each core.", show_default=False
    ),
]
Device: TypeAlias = Annotated[
    DeviceName,
    typer.Option(help="Device that computes the networks. If cpu or cuda is given, no other device is used."),
]
Output: TypeAlias = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the results to this file, not to stdout.")
]
FormatOption: TypeAlias = Annotated[
    reports.TextFormat | None,
    typer.Option(
        "--format", "-f", help="Format of the results. By default, the suffix of --output decides; otherwise text."
    ),
]
Rows: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--rows",
        metavar="all|N|none",
        help="Number of rows to show as text on stdout. Rows that failed or cross a limit are always shown. "
        f"By default {defaults.SHOWN_ROWS} on a terminal, and otherwise all.",
        show_default=False,
    ),
]
SummaryFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--summary",
        metavar="FILE.json",
        help="Write the statistics of the run to this file. CSV results do not contain them.",
    ),
]
Index: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keep the embeddings of the folder in this file, and use them in later runs.",
        show_default=False,
    ),
]
Rebuild: TypeAlias = Annotated[bool, typer.Option("--rebuild", help="Compute the embeddings of --index again.")]
IndexBy: TypeAlias = Annotated[
    ChangeSign,
    typer.Option(
        "--index-by",
        help="An image in the index counts as changed if its size or modification time changed (time), or if its "
        "content changed (hash). For hash, the index must have been made with the same option.",
    ),
]
ResumeBy: TypeAlias = Annotated[
    ChangeSign | None,
    typer.Option(
        "--resume-by",
        help="Do what --resume does. An image counts as changed if its size or modification time changed (time), or "
        "if its content changed (hash). For hash, the earlier run must have had the same option.",
        show_default=False,
    ),
]
Seed: TypeAlias = Annotated[
    int, typer.Option(metavar="N", help="Seed of the random choices. The same seed gives the same files.")
]


def given_once(option: str, values: Sequence[T] | None) -> T | None:
    """Return the value of an option, or None. Raises UsageError if the option was given more than once.

    Without this check, the parser would silently use the last value.
    """
    if not values:
        return None
    if len(values) > 1:
        raise UsageError(f"{option} was given {len(values)} times: {', '.join(map(str, values))}; give it only once")
    return values[0]


def gate_limits(values: Sequence[str] | None) -> Mapping[str, float] | None:
    """Return the limits for the kind of images that --gate names. None without --gate."""
    name = given_once("--gate", values)
    if name is not None and name not in defaults.GATES:
        raise UsageError(f"--gate {name} is not valid; expected {' or '.join(defaults.GATES)}")
    return None if name is None else defaults.GATES[name]


def gate_size(asked: PairSizePolicy | None, gate: Sequence[str] | None) -> PairSizePolicy:
    """Return the policy for two images of different sizes: the value of --size or, without it, the policy of --gate."""
    return defaults.GATE_SIZES.get(gate[0] if gate else "", "refuse") if asked is None else asked


def format_of(asked: str | None, output: Path | None, known: dict[str, str]) -> str:
    """Return the requested format. By default, the suffix of the output decides; without an output, it is text."""
    if asked is not None:
        return asked
    if output is None:
        return "text"
    if output.suffix.lower() in known:
        return known[output.suffix.lower()]
    raise UsageError(
        f"{shown(output)}: the suffix is unknown; use one of {', '.join(known)}, or state the format with --format"
    )


def rows_shown(text: str | None, kind: str, output: Path | None) -> int | None:
    """Return the number of rows to show. None to show all rows."""
    if text is None:
        return defaults.SHOWN_ROWS if output is None and kind == "text" and sys.stdout.isatty() else None
    if text in ("all", "none"):
        return 0 if text == "none" else None
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"--rows {text} is not valid; expected all, none or a number, such as 100")
    return int(text)


def resume_policy(resume: bool, by: ChangeSign | None) -> run.Resume:
    """Return whether to resume, and how to recognise changed images, from --resume and --resume-by."""
    return "hash" if by == "hash" else resume or by is not None


def summary_sinks(path: Path | None, *, overwrite: bool = False) -> list[Sink]:
    """Return the receiver of rows that writes the file of --summary, or an empty list without --summary."""
    return [] if path is None else [reports.SummarySink(path, overwrite=overwrite)]


def named(given: Sequence[str] | None, gate: Mapping[str, float] | None = None) -> list[str]:
    """Return the metrics of --metric and of a gate. --metric may be repeated, and may list several metrics."""
    if gate is not None:
        names = named(given) if given else []
        return [*names, *(name for name in gate if find_column(name, names) is None)]
    return [name.strip() for names in given or [DEFAULT] for name in names.split(",") if name.strip()]


def limits(
    maximum: Sequence[str] | None,
    minimum: Sequence[str] | None,
    maximum_mean: Sequence[str] | None,
    minimum_mean: Sequence[str] | None,
    gate: Mapping[str, float] | None = None,
) -> run.Limits:
    """Return the limits from the options and from --gate. A limit of --max replaces the limit of the gate."""
    maxima = _by_metric("--max", maximum)
    return run.Limits(
        {name: limit for name, limit in (gate or {}).items() if find_column(name, list(maxima)) is None} | maxima,
        _by_metric("--min", minimum),
        _by_metric("--max-mean", maximum_mean),
        _by_metric("--min-mean", minimum_mean),
    )


def _by_metric(option: str, given: Sequence[str] | None) -> dict[str, float]:
    """Return the limit that an option states for each metric."""
    found: dict[str, float] = {}
    for text in given or ():
        name, equals, value = text.rpartition("=")  # the name of a metric file may contain "="
        try:
            limit = float(value)
        except ValueError:
            equals = ""
        if not equals or not name:
            raise UsageError(f"{option} {text} is not valid; expected NAME=VALUE, such as lpips=0.1")
        if name in found:
            raise UsageError(f"{option} {text}: {name} already has the limit {found[name]:g}; give only one limit")
        found[name] = limit
    return found


def level_range(text: str | None, bits: int | None) -> tuple[float, float] | None:
    """Return the values of a black and of a white pixel from --range or --bits. None without these options."""
    if bits is not None:
        if not 1 <= bits <= 16:
            raise UsageError(f"--bits {bits} is not valid; expected a number from 1 to 16")
        return 0.0, 2.0**bits - 1
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--range {text} is not valid; expected LOW,HIGH, such as 0,4095") from None
    return check_range((low, high), f"--range {text}")


def conventions(
    crop_border: int,
    region: Sequence[str] | None,
    ignore: Sequence[str] | None,
    mask: Path | None,
    resampling: Resampling,
) -> Conventions:
    """Return the conventions from the options: the compared part of an image, and the resampling filter."""
    text = given_once("--region", region)
    only = None if text is None else _rectangle("--region", text)
    ignored = tuple(_rectangle("--ignore", text) for text in ignore or ())
    return Conventions(None, crop_border, False, only, ignored, None if mask is None else str(mask), resampling)


def _rectangle(option: str, text: str) -> Rectangle:
    try:
        return parse_rectangle(text)
    except UsageError as error:
        raise UsageError(f"{option} {error}") from None


def follow(
    asked: run.ComparisonOptions,
    protocol: str | None,
    scale: int | None,
    metric: Sequence[str] | None,
    gate: Mapping[str, float] | None = None,
) -> tuple[run.ComparisonOptions, Sequence[str]]:
    """Return the options of a comparison, and its metrics: those of --protocol, or those of --metric and --gate."""
    names = None if protocol is not None and metric is None else named(metric, gate)
    return run.resolve_protocol(asked, names, protocol, scale)


class _CountedText:
    """Text output that counts the written rows. The header and each row must be written by one call of `write`."""

    def __init__(self, output: Text, progress: run.Progress) -> None:
        self._output, self._progress, self._writes = output, progress, 0

    @property
    def terminal(self) -> bool:
        return self._output.terminal

    def write(self, text: str) -> None:
        self._output.write(text)
        self._progress(self._writes, None)
        self._writes += 1


@contextmanager
def text(kind: str, output: Path | None) -> Iterator[Text]:
    """Yield the text output, which is opened before any work."""
    kept = output is None or not is_regular(output)  # a file is replaced only after the new one is complete
    with partial_results(output) as progress, text_output(output or sys.stdout, data=kind != "text") as found:
        yield _CountedText(found, progress) if kept else found


def tell_failed(failed: Sequence[FailedImage]) -> None:
    """Print one line, with the reason, for each image that failed. Some formats cannot contain failed images."""
    for each in failed:
        typer.echo(f"eyediff: {shown(each.name)} failed ({each.stage}): {shown(each.message)}", err=True)


def tell_ignored(*sources: tuple[ImageSet, Mapping[str, int]]) -> None:
    """Print how many files in the folders are not images."""
    total: Counter[str] = Counter()
    for _, passed_over in sources:
        total.update(passed_over)
    tell_passed_over(dict(sorted(total.items())))


def tell_passed_over(passed_over: Mapping[str, int]) -> None:
    """Print how many files were skipped because they are not images, for each suffix or reason."""
    if passed_over:
        kinds = ", ".join(f"{count} {shown(kind)}" for kind, count in passed_over.items())
        total = sum(passed_over.values())
        typer.echo(
            f"eyediff: skipped {amount(total, 'file')}, hidden or without the suffix of an image: {kinds}", err=True
        )


def tell_plan(plan: run.ComparisonPlan, *, with_hints: bool) -> None:
    """Print how many files the pairing skipped and, if `with_hints` is true, its remarks."""
    tell_passed_over(plan.passed_over)
    for hint in plan.hints if with_hints else ():
        typer.echo(f"eyediff: {hint}", err=True)


def reason(failed: FailedImage) -> str:
    """Return the stage in which an image failed, and the reason."""
    return f"{failed.stage}: {failed.message}"
