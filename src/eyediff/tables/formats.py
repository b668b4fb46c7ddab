"""Render a table of methods in every supported format.

The first line of a file does not depend on the table, so that `output.files` can recognize a file that it may replace.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Literal, TypeAlias, get_args

from ..errors import shown
from ..output.csv_writer import csv_line
from ..output.schema import dump, encodable, header_record, number
from ..output.text import StyledLine, amount, provenance_lines, rendered
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
    """Return a table as text of a format.

    Parameters
    ----------
    table
        The table to render.
    kind
        Format.
    per_group
        Whether to add a table for each group.
    terminal
        Whether a terminal shows the text. The best values are then bold and the second underlined, instead of marked.
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


def describe_section(table: TableData, section: Section) -> str:
    """Return a title that says over what the means of a table are computed."""
    if section.name is not None:
        return shown(section.name)
    images = amount(table.images, "image")
    return f"mean of {amount(len(table.groups), 'group')}, {images}" if table.groups else f"mean of {images}"


def _rows(table: TableData, section: Section) -> Iterator[tuple[str, list[tuple[str, Entry]]]]:
    """Yield each method with its (metric, entry) pairs."""
    for place, method in enumerate(table.methods):
        yield method, [(metric, entries[place]) for metric, entries in section.entries.items()]


def _arrow(table: TableData, metric: str, up: str = "↑", down: str = "↓") -> str:
    return up if table.header.higher_is_better[metric] else down


def _text(table: TableData, sections: Sequence[Section], *, terminal: bool) -> Iterator[StyledLine]:
    """Yield the lines of a text table. Columns beyond 80 characters go to another block below."""
    first = max(6, *(len(shown(method)) for method in table.methods))
    yield [FIRST_LINES["text"]]
    for section in sections:
        yield [""]
        yield [(describe_section(table, section), "bold")]
        for block in _blocks(table, section, first):
            yield [("method".ljust(first) + "".join(heading.rjust(width) for _, heading, width in block), "bold")]
            for method, entries in _rows(table, section):
                found = dict(entries)
                cells = [_text_cell(found[metric], width, terminal) for metric, _, width in block]
                yield [shown(method).ljust(first), *chain.from_iterable(cells)]
    yield [""]
    if len(table.methods) > 1:
        second = (", underlined: the second" if terminal else ", +: the second") if len(table.methods) > 2 else ""
        yield [f"{'bold' if terminal else '*'}: the best{second}"]
    yield from ([note] for note in describe_notes(table))
    yield from provenance_lines(table.header)


def _blocks(table: TableData, section: Section, first: int) -> Iterator[list[tuple[str, str, int]]]:
    block: list[tuple[str, str, int]] = []
    for metric, entries in section.entries.items():
        heading = f"{metric} {_arrow(table, metric)}  "
        width = 2 + max(len(heading), *(len(entry.text) + 2 for entry in entries))
        if block and first + sum(used for *_, used in block) + width > _WIDTH:
            yield block
            block = []
        block.append((metric, heading, width))
    yield block


def _text_cell(entry: Entry, width: int, terminal: bool) -> list[str | tuple[str, str]]:
    style = {1: "bold", 2: "underline"}.get(entry.rank or 0) if terminal else None
    mark = "" if terminal else {1: "*", 2: "+"}.get(entry.rank or 0, "")
    marks = (mark + ("~" if entry.differs is False else "")).ljust(2)
    return [" " * (width - len(entry.text) - 2), (entry.text, style) if style else entry.text, marks]


def describe_notes(table: TableData, mark: str = "~") -> list[str]:
    notes = [f"{mark}: {_TIE}"] if table.marks_ties else []
    if len(table.methods) > 1 and all(
        entry.ci95 is None for found in table.overall.entries.values() for entry in found
    ):
        notes.append("no test of differences: at least 5 images or groups are needed")
    return [*notes, *table.notes]


def name_metric(metric: str) -> str:
    """Return the name of a metric as papers write it: PSNR, LPIPS-VGG, SSIM@skimage."""
    head, at, version = metric.partition("@")
    return f"{head.upper()}{at}{version}" if head.replace("-", "").isalnum() else shown(metric)


def _markdown(table: TableData, sections: Sequence[Section]) -> str:
    lines = [FIRST_LINES["markdown"]]
    for section in sections:
        headings = [f"{_markdown_text(name_metric(metric))} {_arrow(table, metric)}" for metric in section.entries]
        lines += [
            "",
            _markdown_text(describe_section(table, section)) + ":",
            "",
            f"| Method | {' | '.join(headings)} |",
        ]
        lines.append("|---|" + "---:|" * len(headings))
        for method, entries in _rows(table, section):
            cells = [_emphasised(entry, "**{}**", "<u>{}</u>", "{}†") for _, entry in entries]
            lines.append(f"| {_markdown_text(shown(method))} | {' | '.join(cells)} |")
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


def _latex_text(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _latex(table: TableData, sections: Sequence[Section]) -> str:
    lines = [FIRST_LINES["latex"], *(f"% {line}" for line in _provenance(table))]
    for section in sections:
        headings = [
            f"{_latex_text(name_metric(metric))} {_arrow(table, metric, *_LATEX_ARROWS)}" for metric in section.entries
        ]
        lines += [
            "",
            f"% {describe_section(table, section)}",
            f"\\begin{{tabular}}{{l{'c' * len(headings)}}}",
            "\\toprule",
        ]
        lines += [f"Method & {' & '.join(headings)} \\\\", "\\midrule"]
        for method, entries in _rows(table, section):
            cells = [
                _emphasised(entry, "\\textbf{{{}}}", "\\underline{{{}}}", "{}$^\\dagger$").replace("inf", "$\\infty$")
                for _, entry in entries
            ]
            lines.append(f"{_latex_text(shown(method))} & {' & '.join(cells)} \\\\")
        lines += ["\\bottomrule", "\\end{tabular}"]
    notes = describe_notes(table, "$^\\dagger$")
    return "\n".join([*lines, *(f"% {note}" for note in notes), ""])


def _csv(table: TableData, sections: Sequence[Section]) -> str:
    """Return CSV with one line for each mean, so that its columns do not depend on the metrics.

    The group is empty in the table of all images.
    """
    columns = ["group", "method", "metric", "mean", "low", "high", "units", "rank", "differs"]
    lines = [csv_line(columns)]
    for section in sections:
        for method, entries in _rows(table, section):
            for metric, entry in entries:
                low, high = entry.ci95 or (None, None)
                differs = None if entry.differs is None else str(entry.differs).lower()
                cells = [encodable(section.name or ""), encodable(method), metric, entry.mean, low, high]
                lines.append(csv_line([*cells, section.units[metric], entry.rank, differs]))
    return "".join(lines)


def _json(table: TableData, sections: Sequence[Section]) -> str:
    """Return a JSON object: the keys of the header, `methods` for all images, and `by_group` for each group."""
    del sections
    record = header_record(table.header) | {
        "higher_is_better": dict(table.header.higher_is_better),
        "images": table.images,
        "methods": _record(table, table.overall),
        "by_group": {encodable(section.name or ""): _record(table, section) for section in table.groups},
        "notes": [encodable(note) for note in table.notes],
    }
    return dump(record) + "\n"


def _record(table: TableData, section: Section) -> dict[str, object]:
    return {
        encodable(method): {
            metric: {
                "mean": None if entry.mean is None or math.isnan(entry.mean) else number(entry.mean),
                "ci95": None if entry.ci95 is None else list(entry.ci95),
                "units": section.units[metric],
                "rank": entry.rank,
                "differs": entry.differs,
            }
            for metric, entry in entries
        }
        for method, entries in _rows(table, section)
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
    """Return tables as HTML without a page around them. Text from outside is escaped."""
    lines = []
    for section in sections:
        headings = "".join(
            f"<th>{html.escape(name_metric(metric))} {_arrow(table, metric)}</th>" for metric in section.entries
        )
        lines.append(f"<div><table><caption>{html.escape(describe_section(table, section))}</caption>")
        lines.append(f"<thead><tr><th>Method</th>{headings}</tr></thead><tbody>")
        for method, entries in _rows(table, section):
            cells = "".join(
                f"<td>{_emphasised(entry, '<b>{}</b>', '<u>{}</u>', '{}<sup>†</sup>')}</td>" for _, entry in entries
            )
            lines.append(f"<tr><th>{html.escape(shown(method))}</th>{cells}</tr>")
        lines.append("</tbody></table></div>")
    return "\n".join(lines)
