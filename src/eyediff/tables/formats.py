"""Format a table of methods as text, Markdown, LaTeX, CSV, JSON or HTML.

The first line of a file is the same for all tables of a format. So `output.files` recognizes a file that eyediff wrote
and may replace.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, TypeAlias, get_args

from .. import defaults
from ..errors import shown
from ..output.csv_writer import csv_line
from ..output.schema import dump, encodable, header_record, number
from ..output.text import StyledLine, amount, provenance_lines, rendered
from .bitrates import BPP
from .means import Entry, Section, TableData

TableFormat: TypeAlias = Literal["text", "markdown", "latex", "csv", "json", "html"]
TABLE_FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

FIRST_LINES = {
    "text": "Means by method",
    "markdown": "<!-- Means by method, made with eyediff -->",
    "latex": "% Means by method, made with eyediff. Needs \\usepackage{booktabs}.",
    "html": "<!doctype html><!-- Means by method, made with eyediff -->",
}

_WIDTH = 80
_TIE = "not significantly different from the best (95 % interval of the paired differences)"


def render(table: TableData, kind: TableFormat, *, per_group: bool = False, terminal: bool = False) -> str:
    """Return the text of a table in one format.

    Parameters
    ----------
    table
        Table to format.
    kind
        Format of the text.
    per_group
        Whether the text has a table for each group, in addition to the table of all images.
    terminal
        Whether the text is shown on a terminal. If it is, the best values are bold and the second best are underlined.
        Otherwise, marks such as * stand beside these values.
    """
    sections = (table.overall, *(table.groups if per_group else ()))
    if kind == "text":
        return "".join(rendered(line, terminal) for line in _text(table, sections, terminal=terminal))
    writers: Mapping[str, Callable[[TableData, Sequence[Section]], str]] = {
        "markdown": _markdown,
        "latex": _latex,
        "csv": _csv,
        "json": _json,
        "html": _html,
    }
    return writers[kind](table, sections)


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table with the headings and cells that are printed.

    Parameters
    ----------
    caption
        Caption of the table.
    corner
        Heading of the first column, which has the names of the rows.
    columns
        For each other column, its heading and whether higher values are better. The second item is None if no direction
        is better.
    rows
        For each row, its name and its cells.
    """

    caption: str
    corner: str
    columns: Sequence[tuple[str, bool | None]]
    rows: Sequence[tuple[str, Sequence[Entry]]]

    def headings(self, name: Callable[[str], str], up: str = "↑", down: str = "↓") -> list[str]:
        """Return the headings of the columns, each with an arrow that shows whether higher or lower is better.

        Parameters
        ----------
        name
            Function that returns the text of a heading in the format of the table.
        up, down
            The two arrows.
        """
        arrows = {True: f" {up}", False: f" {down}", None: ""}
        return [name(column) + arrows[higher] for column, higher in self.columns]


def printed_tables(table: TableData, sections: Sequence[Section]) -> Iterator[PrintedTable]:
    """Yield a table of the means of each section. If there are bitrates, a table of Bjontegaard deltas follows it."""
    for section in sections:
        columns = [(metric, table.header.higher_is_better.get(metric)) for metric in section.entries]
        cells = zip(*section.entries.values(), strict=True)
        yield PrintedTable(
            _describe_section(table, section), "method", columns, list(zip(table.methods, cells, strict=True))
        )
        if section.deltas:
            yield _deltas(table, section)


def _describe_section(table: TableData, section: Section) -> str:
    """Return the caption of a section, which says over how many images or groups its means are taken."""
    if section.name is not None:
        return shown(section.name)
    images = amount(table.images, "image")
    return f"mean of {amount(len(table.groups), 'group')}, {images}" if table.groups else f"mean of {images}"


def _deltas(table: TableData, section: Section) -> PrintedTable:
    anchor, kind = (table.bitrates.anchor, table.bitrates.interpolation) if table.bitrates else ("", "")
    columns: list[tuple[str, bool | None]] = []
    for metric in section.bpp:
        name = name_metric(metric)
        columns += [(f"BD-rate {name} (%)", False), (f"BD-{name}", table.header.higher_is_better[metric])]

    def cells(codec: str) -> Iterator[Entry]:
        for metric, delta in section.deltas[codec].items():
            digits = len(section.entries[metric][0].text.partition(".")[2])
            for value, decimals in ((delta.rate, 2), (delta.score, digits)):
                yield Entry(value, "-" if value is None else f"{value:+.{decimals}f}")

    caption = f"Bjontegaard deltas against {shown(anchor)} ({kind})"
    if section.name is not None:
        caption = f"{shown(section.name)}: {caption}"
    return PrintedTable(caption, "codec", columns, [(codec, list(cells(codec))) for codec in section.deltas])


def _text(table: TableData, sections: Sequence[Section], *, terminal: bool) -> Iterator[StyledLine]:
    """Yield the lines of the tables as text.

    If the columns do not fit into 80 characters, the table is divided into blocks that follow each other.
    """
    yield [FIRST_LINES["text"]]
    for printed in printed_tables(table, sections):
        first = max(6, *(len(shown(name)) for name, _ in printed.rows))
        yield [""]
        yield [(printed.caption, "bold")]
        for block in _blocks(printed, first):
            headings = "".join(heading.rjust(width) for _, heading, width in block)
            yield [(printed.corner.ljust(first) + headings, "bold")]
            for name, entries in printed.rows:
                cells = [_text_cell(entries[place], width, terminal) for place, _, width in block]
                yield [shown(name).ljust(first), *chain.from_iterable(cells)]
    yield [""]
    ranks = {entry.rank for found in sections for entries in found.entries.values() for entry in entries}
    marks = {1: f"{'bold' if terminal else '*'}: the best", 2: f"{'underlined' if terminal else '+'}: the second"}
    if legend := [mark for rank, mark in marks.items() if rank in ranks and len(table.methods) > 1]:
        yield [", ".join(legend)]
    yield from ([note] for note in describe_notes(table))
    yield from provenance_lines(table.header)


def _blocks(printed: PrintedTable, first: int) -> Iterator[list[tuple[int, str, int]]]:
    """Yield blocks of columns that fit into one line. Each column is given as its index, heading and width."""
    block: list[tuple[int, str, int]] = []
    for place, heading in enumerate(printed.headings(shown)):
        width = 4 + max(len(heading), *(len(entries[place].text) for _, entries in printed.rows))
        if block and first + sum(used for *_, used in block) + width > _WIDTH:
            yield block
            block = []
        block.append((place, f"{heading}  ", width))
    yield block


def _text_cell(entry: Entry, width: int, terminal: bool) -> list[str | tuple[str, str]]:
    style = {1: "bold", 2: "underline"}.get(entry.rank or 0) if terminal else None
    mark = "" if terminal else {1: "*", 2: "+"}.get(entry.rank or 0, "")
    marks = (mark + ("~" if entry.differs is False else "")).ljust(2)
    return [" " * (width - len(entry.text) - 2), (entry.text, style) if style else entry.text, marks]


def describe_notes(table: TableData, mark: str = "~") -> list[str]:
    notes = [f"{mark}: {_TIE}"] if table.marks_ties else []
    few = [shown(metric) for metric, count in table.overall.units.items() if count < defaults.FEWEST]
    if len(table.methods) > 1 and not table.bitrates and few:
        of_metrics = f" of {', '.join(few)}" if len(few) < len(table.overall.units) else ""
        notes.append(
            f"differences between methods{of_metrics} are not tested, because at least {defaults.FEWEST} images or "
            "groups are needed"
        )
    return [*notes, *table.notes]


def name_metric(metric: str) -> str:
    """Return the name of a metric as papers write it, such as PSNR, LPIPS-VGG or SSIM@skimage."""
    if metric == BPP:
        return metric
    head, at, version = metric.partition("@")
    return f"{head.upper()}{at}{version}" if head.replace("-", "").isalnum() else shown(metric)


def _markdown(table: TableData, sections: Sequence[Section]) -> str:
    lines = [FIRST_LINES["markdown"]]
    for printed in printed_tables(table, sections):
        headings = printed.headings(lambda column: _markdown_text(name_metric(column)))
        lines += [
            "",
            f"{_markdown_text(printed.caption)}:",
            "",
            f"| {printed.corner.title()} | {' | '.join(headings)} |",
        ]
        lines.append("|---|" + "---:|" * len(headings))
        for name, entries in printed.rows:
            cells = [_emphasised(entry, "**{}**", "<u>{}</u>", "{}†") for entry in entries]
            lines.append(f"| {_markdown_text(shown(name))} | {' | '.join(cells)} |")
    notes = describe_notes(table, "†")
    lines += ["", *(f"{_markdown_text(note)}  " for note in notes)] if notes else []
    return "\n".join([*lines, "", "<!--", *(line.replace("--", "- -") for line in _provenance(table)), "-->", ""])


def _markdown_text(text: str) -> str:
    escaped = html.escape(text, quote=False)
    return "".join(f"\\{letter}" if letter in "\\`*_[]|#~" else letter for letter in escaped)


def _emphasised(entry: Entry, best: str, second: str, tie: str) -> str:
    text = {1: best, 2: second}.get(entry.rank or 0, "{}").format(entry.text)
    return tie.format(text) if entry.differs is False else text


def _provenance(table: TableData) -> list[str]:
    return [piece if isinstance(piece, str) else piece[0] for line in provenance_lines(table.header) for piece in line]


_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


_LATEX_ARROWS = "$\\uparrow$", "$\\downarrow$"


def _latex_cell(entry: Entry) -> str:
    found = _emphasised(entry, "\\textbf{{{}}}", "\\underline{{{}}}", "{}$^\\dagger$")
    if entry.mean is not None:
        found = found.replace("-", "$-$")
    return found.replace("inf", "$\\infty$")


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex(table: TableData, sections: Sequence[Section]) -> str:
    lines = [FIRST_LINES["latex"], *(f"% {line}" for line in _provenance(table))]
    for printed in printed_tables(table, sections):
        headings = printed.headings(lambda column: _latex_text(name_metric(column)), *_LATEX_ARROWS)
        lines += ["", f"% {printed.caption}", f"\\begin{{tabular}}{{l{'c' * len(headings)}}}", "\\toprule"]
        lines += [f"{printed.corner.title()} & {' & '.join(headings)} \\\\", "\\midrule"]
        for name, entries in printed.rows:
            cells = [_latex_cell(entry) for entry in entries]
            lines.append(f"{_latex_text(shown(name))} & {' & '.join(cells)} \\\\")
        lines += ["\\bottomrule", "\\end{tabular}"]
    notes = describe_notes(table, "$^\\dagger$")
    return "\n".join([*lines, *(f"% {note}" for note in notes), ""])


def _csv(table: TableData, sections: Sequence[Section]) -> str:
    """Return a table as CSV with one line for each mean, so that the columns do not depend on the metrics.

    The cell `group` is empty for the mean of all images. The last columns are empty if the table has no bitrates. In
    these columns, each operating point has the deltas of its codec.
    """
    columns = ["group", "method", "metric", "mean", "low", "high", "units", "rank", "differs"]
    columns += ["codec", "bpp", "bd_rate", "bd_metric"]
    codecs = _codecs_of_methods(table)
    lines = [csv_line(columns)]
    for section in sections:
        for place, method in enumerate(table.methods):
            for metric, entries in section.entries.items():
                entry, codec = entries[place], codecs.get(place)
                low, high = entry.ci95 or (None, None)
                differs = None if entry.differs is None else str(entry.differs).lower()
                cells = [encodable(section.name or ""), encodable(method), metric, entry.mean, low, high]
                cells += [section.units[metric], entry.rank, differs, None if codec is None else encodable(codec)]
                delta = section.deltas.get(codec or "", {}).get(metric)
                bpp = section.bpp[metric][place] if section.bpp.get(metric) else None
                lines.append(csv_line([*cells, bpp, *((delta.rate, delta.score) if delta else (None, None))]))
    return "".join(lines)


def _codecs_of_methods(table: TableData) -> dict[int, str]:
    """Return a mapping from the index of a method to its codec. It is empty if the table has no bitrates."""
    if table.bitrates is None:
        return {}
    return {place: codec for codec, places in table.bitrates.codecs.items() for place in places}


def _json(table: TableData, sections: Sequence[Section]) -> str:
    """Return a table as a JSON object.

    It has the keys of the header, the key `methods` with the results for all images, and the key `by_group` with the
    results for each group.
    """
    del sections
    record = header_record(table.header) | {
        "higher_is_better": dict(table.header.higher_is_better),
        "images": table.images,
        "methods": _record(table, table.overall),
        "by_group": {encodable(section.name or ""): _record(table, section) for section in table.groups},
        "notes": [encodable(note) for note in table.notes],
        "left_out": {
            encodable(image): [encodable(method) for method in methods] for image, methods in table.left_out.items()
        },
    }
    if table.bitrates is not None:
        record["rate_distortion"] = {
            "interpolation": table.bitrates.interpolation,
            "anchor": encodable(table.bitrates.anchor),
            "codecs": {
                encodable(codec): [encodable(table.methods[place]) for place in places]
                for codec, places in table.bitrates.codecs.items()
            },
            "deltas": _delta_record(table.overall),
            "by_group": {encodable(section.name or ""): _delta_record(section) for section in table.groups},
        }
    return dump(record) + "\n"


def _record(table: TableData, section: Section) -> dict[str, object]:
    def entry_record(metric: str, place: int) -> dict[str, object]:
        entry = section.entries[metric][place]
        record: dict[str, object] = {
            "mean": None if entry.mean is None or math.isnan(entry.mean) else number(entry.mean),
            "ci95": None if entry.ci95 is None else list(entry.ci95),
            "units": section.units[metric],
            "rank": entry.rank,
            "differs": entry.differs,
        }
        return record | ({"bpp": section.bpp[metric][place]} if section.bpp.get(metric) else {})

    return {
        encodable(method): {metric: entry_record(metric, place) for metric in section.entries}
        for place, method in enumerate(table.methods)
    }


def _delta_record(section: Section) -> dict[str, object]:
    return {
        encodable(codec): {
            metric: {"bd_rate": delta.rate, "bd_metric": delta.score, "overlap": delta.overlap, "reason": delta.reason}
            for metric, delta in deltas.items()
        }
        for codec, deltas in section.deltas.items()
    }


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem;color-scheme:light dark}"
    "div{overflow-x:auto}table{border-collapse:collapse;border-top:2px solid;border-bottom:2px solid;"
    "font-variant-numeric:tabular-nums}th,td{padding:.25rem .8rem;text-align:right;white-space:nowrap}"
    "th:first-child{text-align:left}thead th{border-bottom:1px solid}tbody th{font-weight:400}"
    "caption{text-align:left;padding:.8rem 0 .3rem}p{margin:.6rem 0;font-size:13px}"
)


def _html(table: TableData, sections: Sequence[Section]) -> str:
    lines = [FIRST_LINES["html"], '<html lang="en"><head><meta charset="utf-8">']
    lines += ['<meta name="viewport" content="width=device-width, initial-scale=1">', "<title>Means by method</title>"]
    lines += [f"<style>{STYLE}</style></head><body>", html_tables(table, sections)]
    lines += [f"<p>{html.escape(line)}</p>" for line in (*describe_notes(table, "†"), *_provenance(table))]
    return "\n".join([*lines, "</body></html>", ""])


def html_tables(table: TableData, sections: Sequence[Section]) -> str:
    """Return the tables as HTML elements, without a complete page. Names of files and methods are escaped."""
    lines = []
    for printed in printed_tables(table, sections):
        headings = "".join(f"<th>{heading}</th>" for heading in printed.headings(_html_name))
        lines.append(f"<div><table><caption>{html.escape(printed.caption)}</caption>")
        lines.append(f"<thead><tr><th>{printed.corner.title()}</th>{headings}</tr></thead><tbody>")
        for name, entries in printed.rows:
            cells = "".join(
                f"<td>{_emphasised(entry, '<b>{}</b>', '<u>{}</u>', '{}<sup>†</sup>')}</td>" for entry in entries
            )
            lines.append(f"<tr><th>{html.escape(shown(name))}</th>{cells}</tr>")
        lines.append("</tbody></table></div>")
    return "\n".join(lines)


def _html_name(column: str) -> str:
    return html.escape(name_metric(column))
