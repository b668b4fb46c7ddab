"""Tests of a table in every format, with hostile names."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from eyediff.tables import TABLE_FORMATS, render, summarise_methods

from ..output.samples import HEADER
from .samples import METHODS, scores, table


def test_latex_is_a_table_of_booktabs() -> None:
    """The best mean is bold, the second is underlined, and a dagger marks a difference that is not significant.

    Names are escaped.
    """
    lines = render(table(), "latex").splitlines()
    start = lines.index("\\toprule")
    assert lines[start - 1] == "\\begin{tabular}{lcc}"
    assert lines[start + 1] == "Method & LPIPS $\\downarrow$ & PSNR $\\uparrow$ \\\\"
    rows = lines[start + 3 : start + 6]
    assert re.fullmatch(r"best & \\underline\{0\.\d{4}\} & \\textbf\{\d\d\.\d\d\} \\\\", rows[0])
    assert rows[1].startswith(r"a\_b \& 50\% \#1 \{x\} \textbackslash{} \textasciitilde{}\textasciicircum{}\$ ")
    assert re.search(r"& \\textbf\{0\.\d{4}\} & \\underline\{\d\d\.\d\d\}\$\^\\dagger\$ \\\\$", rows[1])
    assert lines[start + 6 : start + 8] == ["\\bottomrule", "\\end{tabular}"]
    assert any("x_1.png" in line and line.startswith("% ") for line in lines)


def test_latex_compiles(tmp_path: Path) -> None:
    """The table compiles with Debian's texlive-latex-base and booktabs. The hostile names are text of the page."""
    pdflatex = shutil.which("pdflatex")
    if pdflatex is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-base, texlive-latex-recommended)")
    body = render(table(groups=True), "latex", per_group=True)
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    call = [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "table.pdf").stat().st_size > 1000


def test_markdown_is_a_table() -> None:
    """A bar in a name does not end the cell, and no name is markup."""
    lines = render(table(), "markdown").splitlines()
    head = lines.index("| Method | LPIPS ↓ | PSNR ↑ |")
    assert lines[head + 1] == "|---|---:|---:|"
    assert re.fullmatch(r"\| best \| <u>0\.\d{4}</u> \| \*\*\d\d\.\d\d\*\* \|", lines[head + 2])
    assert "&lt;i&gt;\\|\\*" in lines[head + 3] and lines[head + 3].endswith("</u>† |")
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in lines[head : head + 5])


def test_html_is_text_where_names_are(tmp_path: Path) -> None:
    """Every tag comes from the format, and no name is a tag.

    The page has one table for all images and one for each group.
    """
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            tags.add(tag)

    page = render(table(groups=True), "html", per_group=True)
    Reader().feed(page)
    assert "i" not in tags and {"table", "b", "u", "sup"} <= tags
    assert page.count("<table>") == 3


def test_text_fits_into_80_columns() -> None:
    """Metrics that do not fit start another block. A terminal gets styles instead of marks."""
    lines = render(table(), "text").splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith(("lpips:", "left out", "~:")))
    (best,) = (line for line in lines if line.startswith("best "))
    assert re.fullmatch(r"best +0\.\d{4}\+ +\d\d\.\d\d\* ", best)
    assert any(line.startswith("~: not significantly different") for line in lines)
    terminal = render(table(), "text", terminal=True)
    assert "\x1b[1m" in terminal and "\x1b[4m" in terminal and "underlined: the second" in terminal


def test_notes_about_metrics_that_are_not_tested() -> None:
    """A metric with fewer than 5 usable images has no test, and a note names it. The legend names only marks in use."""
    found = scores()
    found["psnr"][0, :8] = np.nan
    text = render(summarise_methods(HEADER, METHODS, (), found), "text")
    assert "differences between methods of psnr are not tested, because at least 5 images" in text
    few = {name: scored[:, :4] for name, scored in scores().items()}
    assert "differences between methods are not tested" in render(summarise_methods(HEADER, METHODS, (), few), "text")
    assert "not tested" not in render(table(), "text") and "*: the best, +: the second" in render(table(), "text")
    none = {name: np.full_like(scored, np.nan) for name, scored in scores().items()}
    assert "the best" not in render(summarise_methods(HEADER, METHODS, (), none), "text").replace("\nbest ", "")


def test_csv_and_json_hold_all_that_is_known() -> None:
    """CSV and JSON have the exact means, intervals, ranks and marks, and the hostile names without changes."""
    rows = list(csv.DictReader(render(table(groups=True), "csv", per_group=True).splitlines()))
    assert [(row["group"], row["method"], row["metric"]) for row in rows] == [
        (group, method, metric) for group in ("", "chair", "lego") for method in METHODS for metric in ("lpips", "psnr")
    ]
    record = json.loads(render(table(groups=True), "json"))
    assert list(record["methods"]) == list(record["by_group"]["lego"]) == list(METHODS)
    found = record["by_group"]["lego"]["far"]["psnr"]
    row = rows[-1]
    assert found["mean"] == float(row["mean"]) and found["ci95"] == [float(row["low"]), float(row["high"])]
    assert (found["units"], found["rank"], found["differs"]) == (6, None, True)
    assert (row["units"], row["rank"], row["differs"]) == ("6", "", "true")
    assert record["images"] == 12 and record["higher_is_better"] == {"lpips": False, "psnr": True}


@pytest.mark.parametrize("kind", TABLE_FORMATS)
def test_every_format_begins_alike_for_every_table(kind: str) -> None:
    """All tables of a format have the same first line, so that eyediff recognises its own files and may replace them.

    JSON is recognised by its first key.
    """
    first, other = (render(table(groups=groups), kind) for groups in (False, True))  # type: ignore[arg-type]
    if kind == "json":
        assert first.startswith('{"eyediff":')
    else:
        assert first.partition("\n")[0] == other.partition("\n")[0]
    assert first.endswith("\n")
