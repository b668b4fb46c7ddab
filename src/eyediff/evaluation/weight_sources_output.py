"""Write the comparison of weight sources: as text in the form of the paper's table, or as one row for each score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from ..errors import shown
from ..output.output_files import Text
from ..output.schema import Column
from ..output.tables import Table
from ..output.text import StyledLine, amount, provenance_lines, rendered
from ..output.writers import TextFormat
from . import output as evaluation_output
from .weight_sources import WeightSourceScore, WeightSourceTable

COLUMNS = (
    Column("origin", description="Source of the weights."),
    Column("subset", description="Subset of the votes, or a mean of several subsets."),
    Column("items", "integer", "Number of triplets."),
    Column("seeds", "integer", "Number of seeds over which the score is averaged."),
    Column("score", "number", "Agreement with 2AFC votes, from 0 to 1."),
    Column("low", "number", "Low end of the 95 % interval over items."),
    Column("high", "number", "High end of the 95 % interval over items."),
    Column("least", "number", "Lowest score of a seed."),
    Column("most", "number", "Highest score of a seed."),
    Column("item", description="Item that failed."),
)
"""Columns of the table of scores.

Each score has a row, in which the column `item` is empty. Each failed item has a row, in which only the columns `item`
(the name of the item) and `subset` are filled.
"""


def write(table: WeightSourceTable, kind: TextFormat, output: Text) -> None:
    """Write all scores, and after them the items that failed. Raises OutputError if they cannot be written."""
    if kind == "text":
        for line in _text(table):
            output.write(rendered(line, output.terminal))
        return
    judged = table.judged
    rows = Table(kind, output, COLUMNS, judged.header, evaluation_output.study_metadata(judged))
    rows.begin()
    for cell in table.cells:
        rows.write(asdict(cell))
    for place, failed in judged.failed.items():
        subset = judged.study.items[place].subset
        rows.write({"item": failed.name, "subset": subset}, f"{failed.stage}: {failed.message}")
    rows.end()


def _text(table: WeightSourceTable) -> Iterator[StyledLine]:
    """Yield the lines of the text: a table of agreements in per cent of a voter.

    The sources of weights are rows, and the subsets and means are columns. Each row is followed by its intervals, or by
    the lowest and highest scores of the seeds.
    """
    subsets = list(dict.fromkeys(cell.subset for cell in table.cells))
    widths = [max(16, len(shown(name)) + 2) for name in subsets]
    first = max(len(shown(cell.origin)) for cell in table.cells) + 2
    titles = "".join(shown(name).rjust(width) for name, width in zip(subsets, widths, strict=True))
    yield [("  ".ljust(first + 2) + titles + "  ", "bold"), ("agreement with 2AFC votes, per cent of a voter", "bold")]
    for origin in dict.fromkeys(cell.origin for cell in table.cells):
        cells = [cell for cell in table.cells if cell.origin == origin]
        scores = "".join(_percent(cell.score).rjust(width) for cell, width in zip(cells, widths, strict=True))
        seeds = f"  mean of {cells[0].seeds} seeds" if cells[0].seeds > 1 else ""
        yield [f"  {shown(origin).ljust(first)}{scores}{seeds}"]
        ranges = [_range(cell) for cell in cells]
        if any(ranges):
            within = "from seed to seed" if cells[0].seeds > 1 else "95 % of items"
            below = "".join(text.rjust(width) for text, width in zip(ranges, widths, strict=True))
            yield [(" " * (first + 2) + below + f"  {within}", "dim")]
    yield [""]
    judged = table.judged
    for failed in judged.failed.values():
        yield [f"  {shown(failed.name)}  ", (f"failed ({failed.stage}): {shown(failed.message)}", "red")]
    done = len(judged.study.items) - len(judged.failed)
    resized = "not resized" if judged.side is None else f"resized to a shorter side of {judged.side}"
    yield [(f"{amount(done, 'item')} of {shown(judged.study.path)} evaluated; images {resized}", "bold")]
    yield from provenance_lines(judged.header)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * 100:.1f}"


def _range(cell: WeightSourceScore) -> str:
    low, high = (cell.low, cell.high) if cell.seeds == 1 else (cell.least, cell.most)
    return "" if low is None or high is None else f"{_percent(low)} to {_percent(high)}"
