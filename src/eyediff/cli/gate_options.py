"""Handle the options of `compare` for CI: the comparison with a baseline, the JUnit file, and the plot."""

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
from ..records import Summary
from ..scoring.metric_spec import find_column

BaselineOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="Compare this run with the results of an earlier run (JSONL, JSON or CSV). Exit code 1 if this run is "
        "worse.",
    ),
]
ToleranceOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--tolerance",
        metavar="[NAME=]X",
        help="The score of a pair may be worse than in the baseline by at most X, in the unit of the metric. "
        f"By default {defaults.TOLERANCE:g}. Repeatable.",
    ),
]
JunitOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--junit", metavar="FILE.xml", help="Write JUnit XML for CI systems, with one test case for each pair."
    ),
]
PlotOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw the distribution of each metric, and scatter plots of two metrics (png, svg or pdf).",
    ),
]


class Gating:
    """The options of `compare` for CI. They are checked when the object is created.

    `sinks` returns the receivers of rows for the run, and `conclude` returns the verdict after the run. Raises
    UsageError if options contradict each other, or if the baseline does not have the results of an earlier run. Also
    raises the errors of plot.check.
    """

    def __init__(
        self,
        baseline: Path | None,
        tolerance: Sequence[str] | None,
        junit: Path | None,
        picture: Path | None,
        *,
        overwrite: bool = False,
    ) -> None:
        if junit is not None and not junit.absolute().parent.is_dir():
            raise UsageError(
                f"--junit {shown(junit)} cannot be written: there is no folder {shown(junit.parent)}; create it first"
            )
        self._tolerances = dict(map(_tolerance, tolerance or []))
        if len(self._tolerances) < len(tolerance or []):
            raise UsageError("--tolerance was given twice for the same metric; give only one value")
        self._junit, self._overwrite = junit, overwrite
        self._plot: Sink | None = None
        if picture is not None:
            from ..report.plot import PlotSink  # noqa: PLC0415  # it imports the package of votes

            self._plot = PlotSink(picture)
        self._picture = picture
        self._earlier = None if baseline is None else gates.read_earlier(baseline)
        self._baseline: gates.Baseline | None = None

    def check_inputs(self, *inputs: Path) -> None:
        """Raise UsageError if the plot would replace a compared image.

        A compared image may be the plot of an earlier run.
        """
        if self._picture is None or not self._picture.exists():
            return
        place = real_path(self._picture)
        for path in map(real_path, inputs):
            if place == path or path in place.parents:
                raise UsageError(
                    f"--plot {shown(self._picture)} is one of the images to compare; give another file for the plot"
                )

    def sinks(self, plan: run.ComparisonPlan) -> list[Sink]:
        """Return the receivers of rows for the run. Raises UsageError if the baseline does not fit the run."""
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
                raise UsageError(f"--tolerance {name}: the metric {name} is not computed; add it with --metric")
            if column in resolved:
                raise UsageError("--tolerance was given twice for the same metric; give only one value")
            resolved.add(column)
            tolerances[column] = tolerance
        return tolerances

    def judge(self, limits: run.Limits) -> run.Judge:
        """Return a function that adds the crossed limits to a row, including limits that follow from the baseline."""
        baseline = self._baseline
        return limits.judge if baseline is None else lambda row: baseline.judge(limits.judge(row))

    def complete(self, summary: Summary) -> Summary:
        """Return the summary with the result of the comparison with the baseline, if there is a baseline."""
        return summary if self._baseline is None else self._baseline.complete(summary)

    def conclude(self, *, beside: bool) -> gates.Verdict | None:
        """Return the verdict of the comparison with the baseline. None if there is no baseline.

        `beside` must be True if the rows are text on stdout. The complete verdict is then also printed on stdout.
        """
        if self._baseline is None or self._earlier is None:
            return None
        verdict = self._baseline.verdict()
        if self._earlier.metrics is None:
            name = shown(self._earlier.path)
            typer.echo(
                f"eyediff: the baseline {name} is a CSV file, so versions, weights, --size, --alpha, --range and "
                "conventions such as --mask and --ignore are not checked",
                err=True,
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
        raise UsageError(
            f"--tolerance {text} is not valid; expected a number, 0 or larger, or NAME=X, such as lpips=0.002"
        )
    return name if equals else None, tolerance
