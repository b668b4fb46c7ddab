"""Rows as text and back. The schemas are tested byte by byte, because scripts of users depend on them."""

from __future__ import annotations

import csv
import io
import json
import math
import struct
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyediff.output.read_rows import ReadableFormat, parse_record
from eyediff.output.schema import encodable, header_record, pair_cells, pair_columns
from eyediff.output.writers import WRITERS
from eyediff.records import Crossing, Failure, Pair, Row, ScoredPair
from eyediff.run.limits import cross

from .samples import HEADER, ROWS, STRANGE, UNDECODABLE, pair

METRICS = ("lpips", "psnr")


class Lines:
    """A writer and a reader of rows in one format."""

    def __init__(self, kind: ReadableFormat, metrics: Sequence[str] = METRICS) -> None:
        self.kind, self.metrics = kind, metrics
        self.judged = kind == "jsonl"
        self.writer = WRITERS[kind](pair_columns(metrics, verdict=self.judged), header_record(HEADER))

    def row(self, row: Row) -> str:
        return self.writer.row(pair_cells(row, self.metrics, verdict=self.judged))

    def parse(self, text: str) -> Row:
        return parse_record(text, self.kind, self.metrics)


FORMATS = [Lines("csv"), Lines("jsonl")]


def test_csv_to_the_byte() -> None:
    """CSV has a fixed order of columns, the `repr` of floats, empty cells for unknown values, and line feeds.

    The expected text was written by hand from RFC 4180 and the contract. 0.1 + 0.2 is 0.30000000000000004.
    """
    text = FORMATS[0].writer.begin() + "".join(map(FORMATS[0].row, ROWS))
    assert text == (
        "pair,reference,candidate,width,height,lpips,psnr,error,notes\n"
        "cat.png,before/cat.png,after/cat.png,640,480,0.30000000000000004,18.04554,,\n"
        "same.png,before/same.png,after/same.png,64,64,0.0,inf,,frame 1 of 3\n"
        "torn.png,before/torn.png,after/torn.png,,,,,read: after/torn.png: truncated: 12 of 40 rows,\n"
        "tiny.png,before/tiny.png,after/tiny.png,8,8,,,size: lpips needs sides of at least 31 pixels,\n"
        "tiny difference.png,before/tiny difference.png,after/tiny difference.png,64,64,1.25e-07,-inf,,\n"
    )


def test_json_lines_to_the_byte() -> None:
    """The header is first, and then one strict object for each pair. The expected text was written by hand."""
    worse = cross(ROWS[0], [Crossing("cat.png", "lpips", 0.1 + 0.2, 0.1)])
    text = FORMATS[1].writer.begin() + "".join(map(FORMATS[1].row, [worse, *ROWS[1:3]]))
    assert text == (
        '{"eyediff": "0.1.0", "metrics": {"lpips": {"version": "0.1", "weights_sha256": '
        f'"{"0123456789abcdef" * 4}", "engine": "onnxruntime 1.32.0 cpu"}}, "psnr": {{"version": "1", '
        '"weights_sha256": null, "engine": "numpy 2.4.6"}}, "size": "refuse"}\n'
        '{"pair": "cat.png", "reference": "before/cat.png", "candidate": "after/cat.png", "width": 640, "height": 480, '
        '"scores": {"lpips": 0.30000000000000004, "psnr": 18.04554}, "error": null, "notes": [], '
        '"verdict": "fail", "crossed": [{"metric": "lpips", "limit": 0.1, "score": 0.30000000000000004}]}\n'
        '{"pair": "same.png", "reference": "before/same.png", "candidate": "after/same.png", "width": 64, '
        '"height": 64, "scores": {"lpips": 0.0, "psnr": "inf"}, "error": null, "notes": ["frame 1 of 3"], '
        '"verdict": "pass", "crossed": []}\n'
        '{"pair": "torn.png", "reference": "before/torn.png", "candidate": "after/torn.png", "width": null, '
        '"height": null, "scores": {}, '
        '"error": {"stage": "read", "message": "after/torn.png: truncated: 12 of 40 rows"}, "notes": [], '
        '"verdict": "fail", "crossed": []}\n'
    )


NAMES = st.text(min_size=1).filter(lambda name: "\0" not in name and name.strip("./"))
SCORES = st.floats(allow_nan=False)


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
@given(name=NAMES, lpips=SCORES, psnr=SCORES)
def test_a_score_comes_back_to_the_last_bit(lines: Lines, name: str, lpips: float, psnr: float) -> None:
    """For any name and any floats, the row that is read back equals the written row, including the sign of zero."""
    row = ScoredPair(pair(name), 3, 4, {"lpips": lpips, "psnr": psnr})
    back = lines.parse(lines.row(row))
    assert back == replace(row, pair=back.pair) and back.pair.name == row.pair.name
    assert isinstance(back, ScoredPair)
    bits = [[struct.pack("d", value) for value in found.scores.values()] for found in (row, back)]
    assert bits[0] == bits[1]


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
@given(name=NAMES, message=st.text())
def test_a_failure_comes_back(lines: Lines, name: str, message: str) -> None:
    """A failure is read back with its stage and message, and without scores."""
    row = Failure(pair(name), "size", message, 3, 4)
    back = lines.parse(lines.row(row))
    assert back == replace(row, pair=back.pair) and back.pair.name == name


@given(notes=st.lists(st.text(min_size=1)))
def test_notes_come_back(notes: list[str]) -> None:
    """JSON lines keep notes unchanged. In CSV, the notes are joined by "; " in one cell."""
    row = ScoredPair(pair("x"), 3, 4, {"lpips": 0.5, "psnr": 1.0}, tuple(notes))
    assert FORMATS[1].parse(FORMATS[1].row(row)) == row
    back = FORMATS[0].parse(FORMATS[0].row(row))
    assert isinstance(back, ScoredPair)
    assert "; ".join(back.notes) == "; ".join(note.replace("; ", ", ") for note in notes)


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
@given(psnr=SCORES, reason=st.text())
def test_a_pair_without_the_score_of_one_metric_comes_back(lines: Lines, psnr: float, reason: str) -> None:
    """The pair is read back with the other score, its notes, and the reason under the name of the metric."""
    written = ScoredPair(pair("x.png"), 3, 4, {"psnr": psnr}, ("frame 1 of 3",), {"lpips": reason})
    assert lines.parse(lines.row(written)) == written


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@given(reasons=st.lists(st.text(), min_size=2, max_size=2))
def test_reasons_of_several_metrics_are_written_as_they_were_read(kind: ReadableFormat, reasons: list[str]) -> None:
    """Reading and writing a row again gives the same text.

    If a message looks like a separator, a part of it may become the reason of another metric.
    """
    lines = Lines(kind, "abc")
    text = lines.row(ScoredPair(pair("x.png"), 3, 4, {"b": 1.0}, reasons=dict(zip("ac", reasons, strict=True))))
    assert lines.row(lines.parse(text)) == text


@pytest.mark.parametrize("error", ["", "read: lpips: torn", "score: psnr: too small", "score: too small"])
def test_a_row_whose_error_does_not_explain_its_scores_is_no_row(error: str) -> None:
    """A row is refused if its error does not explain its missing scores.

    The cases are no reason, an error of another stage, a reason of another metric, and an error without a missing
    score. A row with scores also needs a size.
    """
    with pytest.raises(ValueError):
        FORMATS[0].parse(f"x.png,a/x.png,b/x.png,3,4,,20.0,{error},\n")
    with pytest.raises(ValueError):
        FORMATS[0].parse("x.png,a/x.png,b/x.png,3,4,0.5,20.0,score: lpips: too small,\n")
    with pytest.raises(ValueError, match="no size"):
        FORMATS[0].parse("x.png,a/x.png,b/x.png,,4,,20.0,score: lpips: too small,\n")


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
@pytest.mark.parametrize("row", ROWS[:4])
def test_a_torn_row_is_no_row(lines: Lines, row: ScoredPair | Failure) -> None:
    """A row that is cut off before its line feed is refused, or is recognised by the missing line feed."""
    text = lines.row(row)
    for end in range(len(text) - 1):
        torn = text[:end]
        try:
            record = lines.parse(torn)
        except ValueError:
            continue
        assert not torn.endswith("\n") and record.pair.name == row.pair.name


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (FORMATS[0], "a,b,c,1,1,0.5,\n"),
        (FORMATS[0], "a,b,c,1,1,0.5,0.5,,x,group,mask,0.5\n"),
        (FORMATS[0], "a,b,c,1,1,nan,0.5,\n"),
        (FORMATS[0], "a,b,c,,,0.5,0.5,\n"),
        (FORMATS[0], "a,b\n"),
        (FORMATS[0], ""),
        (FORMATS[0], '"a\n'),
        (FORMATS[0], "a,b,c,1,1,0.5,0.5,\na,b,c,1,1,0.5,0.5,\n"),
        (FORMATS[1], "{}\n"),
        (FORMATS[1], "[]\n"),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace("18.04554", "NaN")),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace("18.04554", "true")),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace("640", '"640"')),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace("640", "true")),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace('"psnr"', '"ssim"')),
        (FORMATS[1], FORMATS[1].row(ROWS[0]).replace('"cat.png"', "3")),
        (FORMATS[1], FORMATS[1].row(ROWS[2]).replace('"read"', "3")),
        (FORMATS[1], FORMATS[1].row(ROWS[2]).replace('{"stage"', '{"stages"')),
    ],
)
def test_what_is_no_row_is_refused(lines: Lines, text: str) -> None:
    """Text that is not a row raises ValueError. No row is built from the parts that are valid."""
    with pytest.raises(ValueError):
        lines.parse(text)


def test_csv_reads_back_with_any_reader() -> None:
    """Commas, quotes and line breaks in a name are quoted as RFC 4180 requires. A name like a formula is unchanged."""
    text = FORMATS[0].row(ScoredPair(pair(STRANGE), 1, 1, {"lpips": 0.5, "psnr": 1.0}))
    (cells,) = csv.reader(io.StringIO(text, newline=""))
    assert cells[0] == STRANGE
    (cells,) = csv.reader([FORMATS[0].row(ScoredPair(pair("=1+1"), 1, 1, {"lpips": 0.5, "psnr": 1.0}))])
    assert cells[0] == "=1+1"


@pytest.mark.parametrize("lines", FORMATS, ids=["csv", "jsonl"])
def test_a_name_that_is_no_text_is_escaped(lines: Lines) -> None:
    """An undecodable name is escaped, so that it can be encoded and shows the byte. Messages are escaped, too."""
    odd = Pair(UNDECODABLE, pair(UNDECODABLE).reference, pair(UNDECODABLE).candidate)
    record = lines.parse(lines.row(Failure(odd, "read", f"{UNDECODABLE} is gone")).encode().decode())
    assert record.pair.name == encodable(UNDECODABLE) == "caf\\udce9.png"
    assert isinstance(record, Failure) and record.message == "caf\\udce9.png is gone"


def test_json_is_strict() -> None:
    """A reader that accepts neither NaN nor Infinity can read every line. Writing NaN raises ValueError."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"not strict: {constant}")

    for row in ROWS:
        json.loads(FORMATS[1].row(row), parse_constant=refuse)
    with pytest.raises(ValueError):
        FORMATS[1].row(ScoredPair(pair("x"), 1, 1, {"lpips": math.nan, "psnr": 1.0}))
