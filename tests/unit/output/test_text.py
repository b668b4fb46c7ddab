"""The text output for people, character by character."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from eyediff import output as reports
from eyediff.output.text import figure
from eyediff.records import Row, ScoredPair, Summary

from .samples import HEADER, ROWS, SUMMARY, UNDECODABLE, pair
from .written import written


def test_text_to_the_letter() -> None:
    """The complete text has aligned numbers, complete names, and the reason of a failure in its row.

    The expected text was checked by eye.
    """
    assert written("text") == (
        "       lpips        psnr  pair\n"
        "     0.30000      18.046  cat.png\n"
        "           0         inf  same.png  (frame 1 of 3)\n"
        "           -           -  torn.png  failed (read): after/torn.png: truncated: 12 of 40 rows\n"
        "           -           -  tiny.png  failed (size): lpips needs sides of at least 31 pixels\n"
        "  1.2500e-07        -inf  tiny difference.png\n"
        "\n"
        "without a partner, not compared\n"
        "  only in reference: before/alone.png\n"
        "  only in candidate: after/new.png\n"
        "\n"
        "beyond a limit\n"
        "  lpips 0.30000 > 0.10000  cat.png\n"
        "  psnr 18.046 < 20.000  cat.png\n"
        "\n"
        "       lpips        psnr  summary\n"
        "     0.10000         inf  mean\n"
        "           0           -  mean, 95 % from\n"
        "     0.20000           -  mean, 95 % to\n"
        "  1.2500e-07      18.000  median\n"
        "     0.14140           -  std\n"
        "           0      18.046  min\n"
        "     0.30000         inf  max\n"
        "  no interval of the mean: at least 5 scores are needed\n"
        "\n"
        "worst by lpips (highest)\n"
        "     0.30000  cat.png\n"
        "           0  same.png\n"
        "\n"
        "worst by psnr (lowest)\n"
        "      18.046  cat.png\n"
        "\n"
        "3 pairs compared, 2 failed, 2 files without a partner\n"
        "lpips: version 0.1, weights 0123456789ab, onnxruntime 1.32.0 cpu\n"
        "psnr: version 1, numpy 2.4.6\n"
        "eyediff 0.1.0, sizes: refuse\n"
    )


def test_text_of_one_pair_is_short() -> None:
    """The text of a single pair has no statistics."""
    alone = Summary(count=1, failed=0, metrics=SUMMARY.metrics)
    assert written("text", ROWS[:1], alone) == (
        "       lpips        psnr  pair\n"
        "     0.30000      18.046  cat.png\n"
        "\n"
        "1 pair compared\n"
        "lpips: version 0.1, weights 0123456789ab, onnxruntime 1.32.0 cpu\n"
        "psnr: version 1, numpy 2.4.6\n"
        "eyediff 0.1.0, sizes: refuse\n"
    )


def test_text_says_that_a_run_was_stopped() -> None:
    """An interrupted run is marked. Statistics of some pairs must not look like statistics of all pairs."""
    assert "3 pairs compared, 2 failed, 2 files without a partner, stopped before the end\n" in written(
        "text", summary=replace(SUMMARY, interrupted=True)
    )


def test_text_shows_each_row_at_once() -> None:
    """Each row is written before the next row is computed."""
    stream = io.StringIO()
    sink = reports.row_sink("text", stream)
    sink.open(HEADER)
    assert stream.getvalue().endswith("pair\n")
    sink.write(ROWS[0])
    assert stream.getvalue().endswith("cat.png\n")


def test_text_never_cuts_a_name_and_never_obeys_it() -> None:
    """A long name is written completely. Control characters and undecodable bytes are escaped.

    So a file name can neither add a line nor control a terminal.
    """
    long = "/".join(["folder with a long name"] * 20) + ".png"
    hostile = "a\n\x1b[31mred.png"
    rows: list[Row] = [
        ScoredPair(pair(name), 1, 1, {"lpips": 0.5, "psnr": 20.0}) for name in (long, hostile, UNDECODABLE)
    ]
    lines = written("text", rows).splitlines()
    assert lines[1] == f"     0.50000      20.000  {long}"
    assert lines[2] == r"     0.50000      20.000  a\n\x1b[31mred.png"
    assert lines[3] == r"     0.50000      20.000  caf\udce9.png"


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_text_on_a_terminal_is_coloured_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour codes are added, and nothing else changes. No line is wrapped. NO_COLOR turns the colours off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "20")

    def on_terminal() -> str:
        stream = Terminal()
        sink = reports.row_sink("text", stream)
        sink.open(HEADER)
        for row in ROWS:
            sink.write(row)
        sink.close(SUMMARY)
        return stream.getvalue()

    coloured = on_terminal()
    assert "\x1b[31mfailed (read)" in coloured
    plain = "".join(part.partition("m")[2] if i else part for i, part in enumerate(coloured.split("\x1b[")))
    assert plain == written("text")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in on_terminal()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.9999999, "1.0000"),
        (1e-30, "1.0000e-30"),
        (0.72194321, "0.72194"),
        (18.04554, "18.046"),
        (-0.0123456, "-0.012346"),
        (float("inf"), "inf"),
        (None, "-"),
    ],
)
def test_five_digits(value: float | None, text: str) -> None:
    """Only the exact numbers 0 and 1 have no decimals, so that they differ from rounded numbers."""
    assert figure(value) == text


def test_statistics_of_incomplete_pairs() -> None:
    """The number of scores of each metric is an integer. A metric without any score shows "-"."""
    lines = written("text", ROWS, replace(SUMMARY, incomplete=1)).splitlines()
    assert "           2           2  pairs" in lines
    only = replace(SUMMARY, incomplete=2, metrics={"psnr": SUMMARY.metrics["psnr"]})
    lines = written("text", ROWS, only).splitlines()
    assert "           -           2  pairs" in lines and "           -      18.000  median" in lines
    assert not any("worst by lpips" in line for line in lines)
