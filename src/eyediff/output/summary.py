"""Format the summary of a run as a JSON object, and as lines for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .. import defaults
from ..errors import shown
from ..records import Header, Statistics, Summary
from .schema import encodable, number, unmatched_record
from .text import NARROWEST, StyledLine, amount, crossing_figures, figure, outcome, provenance_lines


def summary_trailer(summary: Summary) -> dict[str, object]:
    """Return the keys and values that follow the rows in JSON: the unmatched files and the summary."""
    return {"unmatched": unmatched_record(summary.unmatched), "summary": summary_record(summary)}


def summary_record(summary: Summary) -> dict[str, object]:
    """Return the statistics of a run as a JSON object."""
    metrics = {name: _statistics(values) | _pooled(summary, name) for name, values in summary.metrics.items()}
    record: dict[str, object] = {"count": summary.count, "failed": summary.failed, "metrics": metrics}
    record["incomplete"] = summary.incomplete
    if summary.mean_crossings:
        record["mean_crossings"] = [
            {"metric": each.metric, "limit": number(each.limit), "mean": number(each.score)}
            for each in summary.mean_crossings
        ]
    for key, texts in (("regressions", summary.regressions), ("gaps", summary.gaps), ("hints", summary.hints)):
        if texts:
            record[key] = [*map(encodable, texts)]
    if summary.groups:
        record["groups"] = {encodable(name): summary_record(group) for name, group in summary.groups.items()}
        record["means_of_groups"] = {name: number(mean) for name, mean in summary.means_of_groups.items()}
    return record | {"interrupted": True} if summary.interrupted else record


def _statistics(values: Statistics) -> dict[str, object]:
    record: dict[str, object] = {
        "mean": _finite_or_text(values.mean),
        "median": _finite_or_text(values.median),
        "std": _finite_or_text(values.std),
        "min": _finite_or_text(values.min),
        "max": _finite_or_text(values.max),
        "ci95": None if values.ci95 is None else [_finite_or_text(end) for end in values.ci95],
        "worst": [{"pair": encodable(pair), "score": number(score)} for pair, score in values.worst],
        "count": values.count,
        "identical": values.identical,
    }
    return record | ({"mean_of_all": _finite_or_text(values.mean_of_all)} if values.identical else {})


def _pooled(summary: Summary, name: str) -> dict[str, object]:
    """Return those statistics of a metric that exist only for video clips. Return nothing for other runs."""
    values = summary.pooled.get(name)
    if values is None:
        return {}
    second = {"from": values.worst_second_at, "mean": _finite_or_text(values.worst_second)}
    return {"harmonic": _finite_or_text(values.harmonic), "tail5": _finite_or_text(values.tail), "worst_second": second}


def _finite_or_text(value: float | None) -> float | str | None:
    """Return a value for JSON: None for None and NaN, and a text for infinity.

    A mean is NaN if the scores contain both inf and -inf.
    """
    return None if value is None or math.isnan(value) else number(value)


def summary_lines(header: Header, summary: Summary) -> list[StyledLine]:
    """Return the summary of a run as lines for people.

    Its sections are the files without a partner, the crossed limits, the statistics, the worst pairs, and finally the
    number of pairs with the settings. An empty line separates two sections.
    """
    sections = [_unmatched(summary), _crossings(summary), _waived(summary)]
    if has_statistics(summary):
        sections += [statistics_lines(header, summary), *_worst(header, summary)]
    sections.append(_end(header, summary))
    lines: list[StyledLine] = []
    for section in filter(None, sections):
        lines += [[""], *section] if lines else section
    return lines


def _unmatched(summary: Summary) -> list[StyledLine]:
    lines: list[StyledLine] = [[f"  only in {file.side}: ", (shown(file.path), "yellow")] for file in summary.unmatched]
    return [[("without a partner, not compared", "bold")], *lines] if lines else []


def _crossings(summary: Summary) -> list[StyledLine]:
    lines: list[StyledLine] = []
    for crossing in (*summary.crossings, *summary.mean_crossings):
        lines.append(["  ", (crossing_figures(crossing), "red"), f"  {shown(crossing.pair)}"])
    return [[("beyond a limit", "bold")], *lines] if lines else []


def _waived(summary: Summary) -> list[StyledLine]:
    lines: list[StyledLine] = [[f"  {crossing_figures(found)}  {shown(found.pair)}"] for found in summary.waived]
    return [[("beyond a limit that does not count, because the regions only moved", "bold")], *lines] if lines else []


_ROWS = {
    "mean": "mean",
    "mean, 95 % from": "low",
    "mean, 95 % to": "high",
    "median": "median",
    "std": "std",
    "min": "min",
    "max": "max",
}

_POOLED_ROWS = {
    "harmonic mean": "harmonic",
    "worst 5 % from": "tail",
    "worst second": "worst_second",
    "worst second begins": "worst_second_at",
}


def has_statistics(summary: Summary) -> bool:
    """Return whether the statistics of a run are shown. Those of a single pair would only repeat its scores."""
    return bool(summary.metrics) and summary.count - summary.failed > 1


def statistics_lines(header: Header, summary: Summary) -> list[StyledLine]:
    """Return a table for people with the mean, its interval and other statistics of each metric.

    If the pairs have groups, a table with the mean of each group follows.
    """
    names = list(header.metrics)
    counted = {"pairs": "count"} if summary.incomplete else {}
    identical = any(values.left_out for values in summary.metrics.values())
    alike = {"identical, left out of the mean": "left_out"} if identical else {}
    tables = [(counted | _ROWS | alike, summary.metrics), *([(_POOLED_ROWS, summary.pooled)] if summary.pooled else [])]
    lines: list[StyledLine] = [[(_columns(header, names) + "  summary", "bold")]]
    for rows, values in tables:
        for label, field in rows.items():
            cells = [_cell(getattr(values.get(name), field, None)) for name in names]
            lines.append([_columns(header, cells) + f"  {label}"])
    few = [values for values in summary.metrics.values() if values.count - values.identical < defaults.FEWEST]
    if few:
        scores = "finite scores" if any(values.identical for values in few) else "scores"
        lines.append([f"  no interval of the mean: at least {defaults.FEWEST} {scores} are needed"])
    return [*lines, *([[""], *groups] if (groups := _groups(header, summary)) else [])]


def _groups(header: Header, summary: Summary) -> list[StyledLine]:
    """Return a table for people with the mean of each group, and the mean of these means.

    The list is empty if the pairs have no groups.
    """
    if not summary.groups:
        return []
    names = list(header.metrics)
    lines: list[StyledLine] = [[(_columns(header, names) + "  mean by group", "bold")]]
    for group, found in summary.groups.items():
        means = [found.metrics[name].mean if name in found.metrics else None for name in names]
        lines.append([f"{_columns(header, list(map(figure, means)))}  {shown(group)} ({amount(found.count, 'pair')})"])
    overall = [figure(summary.means_of_groups.get(name)) for name in names]
    return [*lines, [(f"{_columns(header, overall)}  mean of {amount(len(summary.groups), 'group')}", "bold")]]


def _cell(value: float | None) -> str:
    return str(value) if isinstance(value, int) else figure(value)


def _worst(header: Header, summary: Summary) -> list[list[StyledLine]]:
    sections: list[list[StyledLine]] = []
    for name in filter(summary.metrics.__contains__, header.metrics):
        direction = "lowest" if header.higher_is_better[name] else "highest"
        lines = [[f"{figure(score):>{NARROWEST + 2}}  {shown(pair)}"] for pair, score in summary.metrics[name].worst]
        sections.append([[(f"worst by {name} ({direction})", "bold")], *lines])
    return sections


def _end(header: Header, summary: Summary) -> list[StyledLine]:
    parts = outcome(summary)
    if summary.unmatched:
        parts.append(f"{amount(len(summary.unmatched), 'file')} without a partner")
    if summary.interrupted:
        parts.append("stopped before the end")
    lines: list[StyledLine] = [[(", ".join(parts), "bold" if len(parts) == 1 else "bold yellow")]]
    lines += [[(shown(hint), "yellow")] for hint in summary.hints]
    return [*lines, *provenance_lines(header)]


def _columns(header: Header, cells: Sequence[str]) -> str:
    widths = [max(NARROWEST, len(name)) + 2 for name in header.metrics]
    return "".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
