"""Outputs of `compare` for CI beside its rows: the baseline and its verdict, JUnit, the plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from .. import defaults, gates, run
from ..errors import UsageError, shown
from ..interfaces import Sink
from ..locations import real_path
from ..report import plot
from ..scoring.metric_spec import find_column

BaselineOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--baseline", metavar="FILE", help="JSONL, JSON or CSV of an earlier run: exit code 1 where this one is worse."
    ),
]
ToleranceOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerance",
        metavar="[NAME=]X",
        help="How much worse than the baseline a pair may be, in the metric's unit; "
        f"by default {defaults.TOLERANCE:g}. Repeatable.",
    ),
]
JunitOption: TypeAlias = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE.xml", help="Write a test case a pair, as CI systems show them.")
]
PlotOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw each metric's distribution, and metrics against each other (png, svg or pdf).",
    ),
]


class Gating:
    """The options, checked before anything else is done; then sinks for a job; then what they found.

    Raises UsageError where options do not fit together, or the baseline is no earlier run; as plot.check does.
    """

    def __init__(
        self,
        output: Path | None,
        baseline: Path | None,
        tolerance: Sequence[str] | None,
        junit: Path | None,
        picture: Path | None,
        summary: Path | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        if tolerance and baseline is None:
            raise UsageError(
                f"--tolerance {tolerance[0]}: nothing to compare with; name an earlier run with --baseline"
            )
        check_distinct_paths(
            {"--output": output, "--baseline": baseline, "--junit": junit, "--plot": picture, "--summary": summary}
        )
        if junit is not None and not junit.absolute().parent.is_dir():
            raise UsageError(f"--junit {shown(junit)}: there is no folder {shown(junit.parent)}; make it first")
        self._tolerances = dict(map(_tolerance, tolerance or []))
        if len(self._tolerances) < len(tolerance or []):
            raise UsageError("--tolerance is given twice for the same metric; give one")
        self._junit, self._overwrite = junit, overwrite
        self._plot = None if picture is None else plot.PlotSink(picture)
        self._picture = picture
        self._earlier = None if baseline is None else gates.read_earlier(baseline)
        self._baseline: gates.Baseline | None = None

    def check_inputs(self, *inputs: Path) -> None:
        """Raise UsageError if the plot would replace an image that is compared: it may be a plot of an earlier run."""
        if self._picture is None or not self._picture.exists():
            return
        place = real_path(self._picture)
        for path in map(real_path, inputs):
            if place == path or path in place.parents:
                raise UsageError(f"--plot {shown(self._picture)} is one of the images to compare; give another file")

    def sinks(self, plan: run.ComparisonPlan) -> list[Sink]:
        """Return what sees the rows. Raises UsageError if the baseline does not fit the plan."""
        names = plan.metrics.names
        sinks: list[Sink] = []
        if self._earlier is not None:
            self._baseline = gates.Baseline(self._earlier, plan.metrics.header, self._by_metric(names))
            sinks.append(self._baseline)
        if self._junit is not None:
            sinks.append(gates.JunitSink(self._junit, plan.limits, self._baseline, overwrite=self._overwrite))
        return sinks if self._plot is None else [*sinks, self._plot]

    def _by_metric(self, names: Sequence[str]) -> dict[str, float]:
        tolerances = dict.fromkeys(names, self._tolerances.get(None, defaults.TOLERANCE))
        resolved: set[str] = set()
        for name, tolerance in self._tolerances.items():
            if name is None:
                continue
            column = find_column(name, names)
            if column is None:
                raise UsageError(f"--tolerance {name}: {name} is not computed here; add it to --metric")
            if column in resolved:
                raise UsageError("--tolerance is given twice for the same metric; give one")
            resolved.add(column)
            tolerances[column] = tolerance
        return tolerances

    def judge(self, limits: run.Limits) -> run.Judge:
        """Return what adds to a row the limits that it crosses, those of the baseline among them."""
        baseline = self._baseline
        return limits.judge if baseline is None else lambda row: baseline.judge(limits.judge(row))

    def conclude(self, *, beside: bool) -> gates.Verdict | None:
        """Return the verdict on the baseline; with `beside`, where rows are text on stdout, all of it is told there."""
        if self._baseline is None or self._earlier is None:
            return None
        verdict = self._baseline.verdict()
        if self._earlier.metrics is None:
            name = shown(self._earlier.path)
            typer.echo(
                f"eyediff: {name} is CSV, which says no versions, weights or sizes; they are not checked", err=True
            )
        if beside:
            typer.echo("\n".join(["", *gates.format_verdict(verdict)]))
        return verdict


def _tolerance(text: str) -> tuple[str | None, float]:
    name, equals, value = text.rpartition("=")
    try:
        tolerance = float(value)
    except ValueError:
        tolerance = math.nan
    if math.isnan(tolerance) or tolerance < 0 or (equals and not name):
        raise UsageError(f"--tolerance {text}: expected a number from 0 up, or NAME=X, such as lpips=0.002")
    return name if equals else None, tolerance


def check_distinct_paths(files: dict[str, Path | None]) -> None:
    """Raise UsageError if two options name one file. A baseline that a result replaced would let the next run pass."""
    seen: dict[Path, str] = {}
    for option, path in files.items():
        if path is None:
            continue
        place = real_path(path)
        if place in seen:
            raise UsageError(f"{seen[place]} and {option} name the same file, {shown(path)}; give each its own")
        seen[place] = option
