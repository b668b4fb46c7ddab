"""The output for programs: the JSON object, and the lines. Also streams that accept no more data."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff import output as reports
from eyediff.errors import OutputError
from eyediff.records import Row, ScoredPair

from .samples import HEADER, ROWS, STRANGE, SUMMARY, UNDECODABLE, pair
from .test_rows import FORMATS
from .written import written


def test_lines_have_no_summary() -> None:
    """CSV and JSON lines have only a header and rows."""
    for lines in FORMATS:
        assert written(lines.kind) == lines.writer.begin() + "".join(map(lines.row, ROWS))


def test_json_to_the_byte() -> None:
    """The object has the keys of the header, one line for each row, the unmatched files, and the summary.

    The expected text was written by hand.
    """
    lines = FORMATS[1]
    head, first, third = lines.writer.begin()[:-2], lines.row(ROWS[0])[:-1], lines.row(ROWS[2])[:-1]
    assert written("json", [ROWS[0], ROWS[2]]) == (
        f'{head}, "rows": [\n{first},\n{third}\n], "unmatched": [{{"side": "reference", "path": "before/alone.png"}}, '
        '{"side": "candidate", "path": "after/new.png"}],\n"summary": {"count": 5, "failed": 2, "metrics": {'
        '"lpips": {"mean": 0.1000000417, "median": 1.25e-07, "std": 0.1414, "min": 0.0, "max": 0.3, '
        '"ci95": [0.0, 0.2], "worst": [{"pair": "cat.png", "score": 0.3}, {"pair": "same.png", "score": 0.0}], '
        '"count": 2, "identical": 0}, '
        '"psnr": {"mean": "inf", "median": 18.0, "std": null, "min": 18.04554, "max": "inf", "ci95": null, '
        '"worst": [{"pair": "cat.png", "score": 18.04554}], "count": 2, "identical": 0}}, "incomplete": 0}}\n'
    )


@pytest.mark.parametrize("rows", [[], ROWS])
def test_json_is_always_one_object(rows: list[Row]) -> None:
    """The output is one object, also without rows and with odd names. An interrupted run is marked in it."""
    rows = [
        *rows,
        *(ScoredPair(pair(name), 1, 1, {"lpips": 0.0, "psnr": 1.0}) for name in (STRANGE, UNDECODABLE) if rows),
    ]
    found = json.loads(written("json", rows).encode())
    assert list(found) == ["eyediff", "metrics", "size", "rows", "unmatched", "summary"]
    assert len(found["rows"]) == len(rows)
    assert list(found["summary"]) == ["count", "failed", "metrics", "incomplete"]
    stopped = json.loads(written("json", rows, replace(SUMMARY, interrupted=True)))
    assert stopped["summary"]["interrupted"] is True


def test_a_mean_that_is_no_number_is_null() -> None:
    """A mean of inf and -inf is NaN, and NaN becomes null, so that JSON stays strict."""
    odd = replace(SUMMARY.metrics["psnr"], mean=float("nan"))
    found = json.loads(written("json", summary=replace(SUMMARY, metrics={"psnr": odd})))
    assert found["summary"]["metrics"]["psnr"]["mean"] is None


SCRIPT = """
import sys
from eyediff import output as reports
from eyediff.errors import OutputError
from tests.unit.output.samples import HEADER, ROWS, SUMMARY, STRANGE, UNDECODABLE, pair
from eyediff.records import ScoredPair
sink = reports.row_sink(sys.argv[1], sys.stdout)
try:
    sink.open(HEADER)
    for row in [*ROWS, *(ScoredPair(pair(n), 1, 1, {"lpips": .5, "psnr": 1.}) for n in (STRANGE, UNDECODABLE))] * 2000:
        sink.write(row)
    sink.close(SUMMARY)
except OutputError as error:
    sys.stderr.write(f"{error} ({type(error.__cause__).__name__})\\n")
    sys.exit(3)
"""


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_closed_pipe_is_one_error(kind: str) -> None:
    """A closed pipe, as with `| head -1`, raises OutputError. The interpreter prints no further message at its end."""
    command = [sys.executable, "-c", SCRIPT, kind]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        assert run.stdout.readline()
        run.stdout.close()
        said = run.stderr.read().decode()
    assert said == "cannot write <stdout>: Broken pipe (BrokenPipeError)\n"
    assert run.returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("kind", reports.FORMATS)
def test_a_full_disk_on_standard_output_is_one_error(kind: str) -> None:
    """A full disk behind standard output is one error, like a closed pipe."""
    command = [sys.executable, "-c", SCRIPT, kind]
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=Path(__file__).parents[3], check=False)
    assert run.stderr.decode().startswith("cannot write <stdout>: No space left on device")
    assert (run.stderr.count(b"\n"), run.returncode) == (1, 3)


@pytest.mark.parametrize("kind", reports.FORMATS)
def test_standard_output_takes_every_name(kind: str) -> None:
    """If the encoding of the platform is ASCII, data are still UTF-8. In text, other characters are escaped."""
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
    """A closed stream raises OutputError, and not the ValueError of the module io."""
    stream = io.StringIO()
    sink = reports.row_sink("csv", stream)
    stream.close()
    with pytest.raises(OutputError, match="closed"):
        sink.open(HEADER)
