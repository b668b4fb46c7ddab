"""What people and programs see: the text, the one JSON object, and the lines, as they stand in a stream."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff import reports
from eyediff.errors import OutputError
from eyediff.reports.rows import Csv, JsonLines
from eyediff.reports.text import figure
from eyediff.values import Row, Score, Summary

from .samples import HEADER, ROWS, STRANGE, SUMMARY, UNDECODABLE, pair


def written(kind: reports.Format, rows: list[Row] = ROWS, summary: Summary = SUMMARY) -> str:
    """What a sink writes to a stream."""
    stream = io.StringIO()
    sink = reports.sink(kind, stream)
    sink.open(HEADER)
    for row in rows:
        sink.write(row)
    sink.close(summary)
    return stream.getvalue()


def test_text_to_the_letter() -> None:
    """The whole picture, looked at and found good: aligned figures, names in full, reasons in their row."""
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
    """No statistics of a single score."""
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
    """Statistics of a part must not pass for those of the whole."""
    assert "3 pairs compared, 2 failed, 2 files without a partner, stopped before the end\n" in written(
        "text", summary=replace(SUMMARY, interrupted=True)
    )


def test_text_shows_each_row_at_once() -> None:
    """Streaming: a row stands there before the next is computed."""
    stream = io.StringIO()
    sink = reports.sink("text", stream)
    sink.open(HEADER)
    assert stream.getvalue().endswith("pair\n")
    sink.write(ROWS[0])
    assert stream.getvalue().endswith("cat.png\n")


def test_text_never_cuts_a_name_and_never_obeys_it() -> None:
    """A long name stands in full; control characters and bytes that are no text are escaped, so that a file's name can
    neither add a line nor steer a terminal."""
    long = "/".join(["folder with a long name"] * 20) + ".png"
    hostile = "a\n\x1b[31mred.png"
    rows: list[Row] = [Score(pair(name), 1, 1, {"lpips": 0.5, "psnr": 20.0}) for name in (long, hostile, UNDECODABLE)]
    lines = written("text", rows).splitlines()
    assert lines[1] == f"     0.50000      20.000  {long}"
    assert lines[2] == r"     0.50000      20.000  a\n\x1b[31mred.png"
    assert lines[3] == r"     0.50000      20.000  caf\udce9.png"


class Terminal(io.StringIO):
    """A stream that a person watches."""

    def isatty(self) -> bool:
        return True


def test_text_on_a_terminal_is_coloured_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape codes are added, nothing else changes, and a line is never wrapped; NO_COLOR turns the colours off."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "20")

    def on_terminal() -> str:
        stream = Terminal()
        sink = reports.sink("text", stream)
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
    """Exactly 0 and 1 look like nothing that was rounded."""
    assert figure(value) == text


def test_lines_have_no_summary() -> None:
    """CSV and JSON lines are a header and rows."""
    for kind, lines in (("csv", Csv(["lpips", "psnr"])), ("jsonl", JsonLines(["lpips", "psnr"]))):
        assert written(kind) == lines.header(HEADER) + "".join(map(lines.row, ROWS))  # type: ignore[arg-type]


def test_json_to_the_byte() -> None:
    """One object: the header's keys, a row a line, what is unmatched, the summary. Written down by hand."""
    lines = JsonLines(["lpips", "psnr"])
    head, first, third = lines.header(HEADER)[:-2], lines.row(ROWS[0])[:-1], lines.row(ROWS[2])[:-1]
    assert written("json", [ROWS[0], ROWS[2]]) == (
        f'{head}, "rows": [\n{first},\n{third}\n], "unmatched": [{{"side": "reference", "path": "before/alone.png"}}, '
        '{"side": "candidate", "path": "after/new.png"}],\n"summary": {"count": 5, "failed": 2, "metrics": {'
        '"lpips": {"mean": 0.1000000417, "median": 1.25e-07, "std": 0.1414, "min": 0.0, "max": 0.3, '
        '"ci95": [0.0, 0.2], "worst": [{"pair": "cat.png", "score": 0.3}, {"pair": "same.png", "score": 0.0}]}, '
        '"psnr": {"mean": "inf", "median": 18.0, "std": null, "min": 18.04554, "max": "inf", "ci95": null, '
        '"worst": [{"pair": "cat.png", "score": 18.04554}]}}}}\n'
    )


@pytest.mark.parametrize("rows", [[], ROWS])
def test_json_is_always_one_object(rows: list[Row]) -> None:
    """Also of no rows, of odd names, and of a run that was stopped, which says so."""
    rows = [*rows, *(Score(pair(name), 1, 1, {"lpips": 0.0, "psnr": 1.0}) for name in (STRANGE, UNDECODABLE) if rows)]
    found = json.loads(written("json", rows).encode())
    assert list(found) == ["eyediff", "metrics", "size", "rows", "unmatched", "summary"]
    assert len(found["rows"]) == len(rows)
    assert list(found["summary"]) == ["count", "failed", "metrics"]
    stopped = json.loads(written("json", rows, replace(SUMMARY, interrupted=True)))
    assert stopped["summary"]["interrupted"] is True


def test_a_mean_that_is_no_number_is_null() -> None:
    """JSON stays strict where inf and -inf meet."""
    odd = replace(SUMMARY.metrics["psnr"], mean=float("nan"))
    found = json.loads(written("json", summary=replace(SUMMARY, metrics={"psnr": odd})))
    assert found["summary"]["metrics"]["psnr"]["mean"] is None


SCRIPT = """
import sys
from eyediff import reports
from eyediff.errors import OutputError
from tests.unit.reports.samples import HEADER, ROWS, SUMMARY, STRANGE, UNDECODABLE, pair
from eyediff.values import Score
sink = reports.sink(sys.argv[1], sys.stdout)
try:
    sink.open(HEADER)
    for row in [*ROWS, *(Score(pair(n), 1, 1, {"lpips": .5, "psnr": 1.}) for n in (STRANGE, UNDECODABLE))] * 2000:
        sink.write(row)
    sink.close(SUMMARY)
except OutputError as error:
    sys.stderr.write(f"{error} ({type(error.__cause__).__name__})\\n")
    sys.exit(3)
"""


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_closed_pipe_is_one_error(kind: str) -> None:
    """`| head -1` on standard output: OutputError, and no complaint of the interpreter's when it ends."""
    command = [sys.executable, "-c", SCRIPT, kind]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline()
        run.stdout.close()
        said = run.stderr.read().decode()
    assert said == "cannot write <stdout>: Broken pipe; what was written before is kept (BrokenPipeError)\n"
    assert run.returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_full_disk_on_standard_output_is_one_error(kind: str) -> None:
    """As with a closed pipe."""
    command = [sys.executable, "-c", SCRIPT, kind]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=Path(__file__).parents[3], check=False)
    assert run.stderr.decode().startswith("cannot write <stdout>: No space left on device")
    assert (run.stderr.count(b"\n"), run.returncode) == (1, 3)


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_standard_output_takes_every_name(kind: str) -> None:
    """Where the platform's encoding is ASCII: data are UTF-8 all the same, text escapes what does not fit."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        capture_output=True,
        cwd=Path(__file__).parents[3],
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
        check=True,
    )
    if kind == "text":
        assert b"\\xe9" in run.stdout and run.stdout.isascii()
    else:
        assert "é" in run.stdout.decode("utf-8")


def test_a_stream_that_was_closed_is_an_error_of_ours() -> None:
    """Not a ValueError of io's."""
    stream = io.StringIO()
    sink = reports.sink("csv", stream)
    stream.close()
    with pytest.raises(OutputError, match="closed"):
        sink.open(HEADER)
