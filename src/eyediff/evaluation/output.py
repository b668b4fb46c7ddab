"""Write the result of an evaluation as text or as a table.

The text has the form of the table of Zhang et al. 2018. A table has one row for each statistic, or one row for each
item.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..errors import shown
from ..output.output_files import Text
from ..output.schema import Cell, Column, encodable
from ..output.tables import Table
from ..output.text import StyledLine, amount, provenance_lines, rendered
from ..output.writers import TextFormat
from ..votes import Triplet
from ..votes.study import JndPair
from .results import Judged, Line

COLUMNS = (
    Column("statistic"),
    Column("metric"),
    Column("against"),
    Column("subset"),
    Column("items", "integer"),
    Column("score", "number"),
    Column("low", "number"),
    Column("high", "number"),
    Column("item"),
)
"""Columns of the table of statistics.

Each statistic has a row, in which the column `item` is empty. Each failed item has a row, in which only the columns
`item` (the name of the item) and `subset` are filled.
"""

TITLES = {
    "agreement": "agreement with 2AFC votes, per cent of a voter",
    "ap": "average precision on JND votes, per cent",
    "srcc": "Spearman's rank correlation with opinions",
    "plcc": "Pearson's correlation with opinions, after a logistic fit",
    "krcc": "Kendall's tau-b with opinions",
}

PERCENT = ("agreement", "ap")


def write(judged: Judged, kind: TextFormat, output: Text) -> None:
    """Write all statistics, and after them the items that failed. Raises OutputError if they cannot be written."""
    if kind == "text":
        for text in _text(judged):
            output.write(rendered(text, output.terminal))
        return
    table = Table(kind, output, COLUMNS, judged.header, study_metadata(judged))
    table.begin()
    for line in judged.lines:
        found = line.estimate
        cells: dict[str, Cell] = {"score": found.value, "low": found.low, "high": found.high, "items": line.items}
        named = {"statistic": line.statistic, "metric": line.metric, "against": line.against, "subset": line.subset}
        table.write(cells | named, line.reason)
    for place, failed in judged.failed.items():
        subset = judged.study.items[place].subset
        table.write({"item": failed.name, "subset": subset}, f"{failed.stage}: {failed.message}")
    table.end()


def study_metadata(judged: Judged) -> dict[str, object]:
    """Return the metadata that describe the study and the settings of the evaluation."""
    study = judged.study
    return {
        "study": {"kind": study.kind, "path": encodable(str(study.path)), "layout": study.layout},
        "side": judged.side,
        "items": len(study.items),
        "failed": len(judged.failed),
        "bootstrap": {"resamples": judged.resamples, "seed": judged.seed},
    } | ({"convention": judged.convention} if study.kind == "jnd" else {})


def write_items(judged: Judged, kind: TextFormat, output: Text) -> None:
    """Write one row for each item, with its images, its votes, and its scores by each metric.

    Raises OutputError if the rows cannot be written.
    """
    names = ("reference", "a", "b") if judged.study.kind == "2afc" else ("a", "b")
    names = ("reference", "candidate") if judged.study.kind == "mos" else names
    others = names[1:] if judged.study.kind == "2afc" else ("",)
    scores = [f"{metric} {other}".strip() for metric in judged.scores for other in others]
    votes = "mos" if judged.study.kind == "mos" else "share"
    columns = [Column(name) for name in ("item", "subset", *names)]
    columns += [Column(name, "number") for name in (votes, *scores)]
    table = Table(kind, output, columns, judged.header, study_metadata(judged))
    table.begin()
    for place, item in enumerate(judged.study.items):
        cells: dict[str, Cell] = {"item": item.name, "subset": item.subset}
        cells |= dict(zip(names, map(str, item.images), strict=True))
        cells[votes] = item.share if isinstance(item, (Triplet, JndPair)) else item.mos
        failed = judged.failed.get(place)
        values = np.concatenate([judged.scores[metric][place] for metric in judged.scores])
        present = zip(scores, values, strict=True)
        cells |= {name: float(score) for name, score in present if not np.isnan(score)}
        table.write(cells, f"{failed.stage}: {failed.message}" if failed else None)
    table.end()


def _text(judged: Judged) -> Iterator[StyledLine]:
    """Yield the lines of the text: a table for each statistic, with metrics in rows, and subsets and means in columns.

    Each table is followed by the differences between metrics for the subset or mean in its last column.
    """
    for statistic in dict.fromkeys(line.statistic for line in judged.lines):
        here = [line for line in judged.lines if line.statistic == statistic]
        subsets = list(dict.fromkeys(line.subset for line in here))
        widths = [max(10, len(shown(name)) + 2) for name in subsets]
        first = max(len(line.metric) for line in here) + 2
        titles = "".join(shown(name).rjust(width) for name, width in zip(subsets, widths, strict=True))
        yield [("  ".ljust(first + 2) + titles + "  ", "bold"), (TITLES[statistic], "bold")]
        plain = {(line.metric, line.subset): line for line in here if line.against is None}
        for metric in dict.fromkeys(metric for metric, _ in plain):
            cells = [plain.get((metric, subset)) for subset in subsets]
            yield ["  " + metric.ljust(first), *_cells(cells, widths, "value")]
            if any(cell and cell.estimate.low is not None for cell in cells):
                for end, label in (("low", "95 % from"), ("high", "to")):
                    yield [(" " * (first + 2) + "".join(_cells(cells, widths, end)) + f"  {label}", "dim")]
        for line in here:
            if line.reason is not None:
                yield [(f"  no value for {line.metric}, {shown(line.subset)}: {line.reason}", "yellow")]
        yield from _differences([line for line in here if line.against and line.subset == subsets[-1]])
        yield [""]
    for failed in judged.failed.values():
        yield [f"  {shown(failed.name)}  ", (f"failed ({failed.stage}): {shown(failed.message)}", "red")]
    study, done = judged.study, len(judged.study.items) - len(judged.failed)
    yield [(f"{amount(done, 'item')} evaluated" + (f", {len(judged.failed)} failed" if judged.failed else ""), "bold")]
    resized = "not resized" if judged.side is None else f"resized to a shorter side of {judged.side}"
    interval = f"{judged.resamples} resamples with seed {judged.seed}"
    convention = f", convention {judged.convention}" if study.kind == "jnd" else ""
    yield [(f"{study.kind} votes from {shown(study.path)}; images {resized}; {interval}{convention}", "dim")]
    yield from provenance_lines(judged.header)


def _differences(differences: Sequence[Line]) -> Iterator[StyledLine]:
    if differences:
        yield [""]
        yield [(f"  differences, {shown(differences[0].subset)}", "bold")]
    for line in differences:
        found = line.estimate
        ends = "" if found.low is None else f"   95 % {_signed(line, found.low)} to {_signed(line, found.high)}"
        yield [f"  {_signed(line, found.value):>10}{ends}   {line.metric} - {line.against}"]


def _signed(line: Line, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 100:+.1f}" if line.statistic in PERCENT else f"{value:+.4f}"


def _cells(cells: Sequence[Line | None], widths: Sequence[int], what: str) -> list[str]:
    texts = []
    for line, width in zip(cells, widths, strict=True):
        value = None if line is None else getattr(line.estimate, what)
        percent = line is not None and line.statistic in PERCENT
        texts.append(("-" if value is None else f"{value * 100:.1f}" if percent else f"{value:.4f}").rjust(width))
    return texts
