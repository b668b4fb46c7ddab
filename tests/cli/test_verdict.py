"""Tests of the verdict of a run: on standard error, in JSON, in reports, and in the step summary of GitHub Actions."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff import defaults
from eyediff.cli import run
from eyediff.errors import OutputError
from eyediff.gates import JunitSink

SIDE = 16


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Write two folders of 24 pairs with increasing differences."""
    levels = np.random.default_rng(5).integers(40, 180, (SIDE, SIDE, 3), np.uint8)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
    for number in range(24):
        Image.fromarray(levels).save(tmp_path / "a" / f"{number}.png")
        Image.fromarray(levels + np.uint8(number)).save(tmp_path / "b" / f"{number}.png")
    return [str(tmp_path / "a"), str(tmp_path / "b")]


def rows(path: Path) -> list[dict]:
    """Return the rows of a JSON or JSON lines file."""
    if path.suffix == ".json":
        return json.loads(path.read_text())["rows"]
    return [json.loads(line) for line in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "txt"])
def test_a_crossed_limit_is_told_with_its_pair(
    suffix: str, folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict lists the pairs that cross a limit: the worst first, at most twenty, then a count of the others."""
    out, report = tmp_path / f"out.{suffix}", tmp_path / "report.html"
    words = ["compare", *folders, "-m", "psnr,l2", "--min", "psnr=49", "--max", "l2=0.001"]
    assert run([*words, "-o", str(out), "--report", str(report)]) == 1
    told = capsys.readouterr().err.splitlines()
    start = next(place for place, line in enumerate(told) if line.startswith("eyediff: FAIL: 24 pairs compared"))
    listed = [line for line in told[start:] if line.endswith(".png")]
    assert [line.split()[-1] for line in listed] == [f"{number}.png" for number in range(23, 3, -1)]
    assert listed[0].startswith("  psnr 20.896 < 49.000, l2 ") and " > 0.0010000  23.png" in listed[0]
    assert "  ... and 3 more like it" in told and told[-1] == f"eyediff: report: {report}"
    assert any(line.split()[-1] == "std" for line in told[:start]), "the statistics precede the verdict"


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_rows_of_json_have_a_verdict(suffix: str, folders: list[str], tmp_path: Path) -> None:
    """Each row of JSON has a verdict, and the limits that it crosses with the scores."""
    out = tmp_path / f"out.{suffix}"
    (tmp_path / "b" / "7.png").write_bytes(b"torn")
    assert run(["compare", *folders, "-m", "psnr,ssim", "--min", "psnr=30", "-o", str(out)]) == 1
    for row in rows(out):
        score = row["scores"].get("psnr")
        below = score not in (None, "inf") and score < 30
        crossed = [{"metric": "psnr", "limit": 30.0, "score": score}] if below else []
        assert list(row)[-3:] == ["notes", "verdict", "crossed"] and row["crossed"] == crossed
        assert row["verdict"] == ("fail" if crossed or row["error"] else "pass")
    assert {row["verdict"] for row in rows(out)} == {"pass", "fail"}
    assert sum(bool(row["error"]) for row in rows(out)) == 1


def test_a_row_worse_than_its_baseline_fails(folders: list[str], tmp_path: Path) -> None:
    """A row that is worse than its baseline fails. Its limit is the earlier score less the tolerance."""
    old, new = tmp_path / "old.jsonl", tmp_path / "new.json"
    words = ["compare", *folders, "-m", "psnr"]
    assert run([*words, "-o", str(old)]) == 0
    before = rows(old)[3]["scores"]["psnr"]
    Image.open(tmp_path / "b" / "5.png").save(tmp_path / "b" / "3.png")
    assert run([*words, "-o", str(new), "--baseline", str(old), "--tolerance", "0.5"]) == 1
    assert [row["pair"] for row in rows(new) if row["verdict"] == "fail"] == ["3.png"]
    (crossed,) = rows(new)[3]["crossed"]
    assert crossed == {"metric": "psnr", "limit": before - 0.5, "score": rows(new)[3]["scores"]["psnr"]}


def test_a_resumed_run_judges_rows_that_it_recalls(folders: list[str], tmp_path: Path) -> None:
    """A resumed run judges recalled rows by its own limits, not by those of the earlier run.

    A row that was changed in the file is still detected.
    """
    out = tmp_path / "out.jsonl"
    (tmp_path / "b" / "7.png").write_bytes(b"torn")
    words = ["compare", *folders, "-m", "psnr", "-o", str(out)]
    assert run([*words, "--min", "psnr=30"]) == 1
    failed = [row["pair"] for row in rows(out) if row["verdict"] == "fail"]
    assert run([*words, "--min", "psnr=49", "--resume"]) == 1
    assert len([row for row in rows(out) if row["verdict"] == "fail"]) > len(failed)
    assert run([*words, "--resume"]) == 3
    assert [row["pair"] for row in rows(out) if row["verdict"] == "fail"] == ["7.png"]
    out.write_text(out.read_text().replace('"width": 16', '"width": 17', 1))
    assert run([*words, "--resume"]) == 2


@pytest.mark.parametrize("more", [[], ["-f", "csv"], ["-f", "jsonl"]], ids=["text", "csv", "jsonl"])
def test_pass_is_said_for_exit_code_0_alone(
    more: list[str], folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PASS is printed only with exit code 0. Failed files and files without a partner are named."""
    words = ["compare", *folders, "-m", "psnr", *more]
    assert run(words) == 0
    assert "eyediff: PASS: 24 pairs compared" in capsys.readouterr().err
    (tmp_path / "b" / "7.png").write_bytes(b"torn")
    for number in range(8, 24):
        (tmp_path / "b" / f"{number}.png").write_bytes(b"torn")
    for number in range(30, 55):
        (tmp_path / "a" / f"{number}.png").write_bytes(b"torn")
    assert run(words) == 3
    told = capsys.readouterr().err
    assert "eyediff: FAIL: 7 pairs compared, 17 failed, 25 files without a partner" in told
    assert all(f"\n  {number}.png: read: " in told for number in range(7, 24))
    assert told.count("  only in reference: ") == defaults.LISTED and "  ... and 5 more like it" in told


def test_the_summary_of_a_step_is_appended(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The summary of a step is appended as code, so that no file name can end the code.

    A summary that cannot be written is reported and does not change the exit code.
    """
    summary = tmp_path / "summary.md"
    summary.write_text("# before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    (tmp_path / "a" / "```<b>.png").write_bytes(b"")
    assert run(["compare", *folders, "-m", "psnr", "--min", "psnr=49"]) == 1
    first, title, empty, *lines = summary.read_text().splitlines()
    assert (first, title, empty) == ("# before", "## eyediff: FAIL", "")
    assert any("```<b>.png" in line for line in lines) and all(line[:4] in ("    ", "") for line in lines)
    assert sum("psnr" in line for line in lines) > 10
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    capsys.readouterr()
    assert run(["compare", *folders, "-m", "psnr", "--min", "psnr=49"]) == 1
    assert "GITHUB_STEP_SUMMARY" in capsys.readouterr().err


def test_a_terminal_shows_few_rows_of_a_long_run(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows that failed or cross a limit are always shown, and the hidden rows are counted. A pipe gets all rows."""
    (tmp_path / "b" / "23.png").write_bytes(b"torn")

    def shown(*more: str, minimum: str = "20") -> tuple[list[str], str]:
        assert run(["compare", *folders, "-m", "psnr", "--min", f"psnr={minimum}", *more]) in (1, 3)
        out = capsys.readouterr().out
        lines = out.split("\n\n")[0].splitlines()[1:]
        return [word for line in lines for word in line.split()[:2] if word.endswith(".png")], out

    assert len(shown()[0]) == len(shown("--rows", "all")[0]) == 24
    rows, out = shown("--rows", "2")
    assert rows == ["0.png", "1.png", "23.png"] and "21 more rows not shown" in out and "worst by psnr" in out
    assert shown("--rows", "none")[0] == ["23.png"]
    assert shown("--rows", "none", minimum="22")[0] == ["21.png", "22.png", "23.png"]
    monkeypatch.setattr("eyediff.defaults.SHOWN_ROWS", 3)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert "20 more rows not shown" in shown()[1]
    for words in (["--rows", "-1"], ["--rows", "x"], ["--rows", "2", "-f", "csv"], ["--rows", "2", "-o", "x.csv"]):
        assert run(["compare", *folders, "-m", "psnr", *words]) == 2


def test_the_summary_has_a_file(folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--summary writes what JSON has besides its rows, because CSV has no place for it. `merge` writes the same file.

    A file that is not a summary is refused.
    """
    out, summary = tmp_path / "out.csv", tmp_path / "summary.json"
    words = ["compare", *folders, "-m", "psnr,l2"]
    assert run([*words, "-o", str(out), "--summary", str(summary)]) == 0
    assert run([*words, "-o", str(tmp_path / "out.json")]) == 0
    whole = json.loads((tmp_path / "out.json").read_text())
    del whole["rows"]
    assert json.loads(summary.read_text()) == whole and whole["summary"]["metrics"]["l2"]["std"] > 0
    parts = [str(tmp_path / f"{part}.csv") for part in (1, 2)]
    for number, part in enumerate(parts, 1):
        assert run([*words, "--shard", f"{number}/2", "-o", part]) == 0
    assert run(["merge", *parts, "-o", str(out), "--summary", str(summary)]) == 0
    assert json.loads(summary.read_text()) == whole
    capsys.readouterr()
    assert run([*words, "-o", str(out), "--summary", str(out)]) == 2
    assert "name the same file" in capsys.readouterr().err
    (tmp_path / "mine.json").write_text("[]")
    assert run([*words, "--summary", str(tmp_path / "mine.json")]) == 2
    assert (tmp_path / "mine.json").read_text() == "[]"


def of_page(page: Path) -> tuple[str, bool, list[str]]:
    """Return the verdict of a report, whether the run had limits or a baseline, and its further reasons."""
    text = page.read_text("utf-8").split('<script type="application/json" id="data">')[1]
    data = json.loads(text.split("</script>")[0])
    return data["verdict"], data["asked"], data["reasons"]


CODES = {"pass": 0, "crossed": 1, "incomplete": 3, "interrupted": 130}


@pytest.mark.parametrize(
    ("arguments", "change", "code", "asked", "reason"),
    [
        ("", "", 0, False, ""),
        ("--min psnr=20", "", 0, True, ""),
        ("--min psnr=49", "", 1, True, ""),
        ("--min-mean psnr=20", "", 0, True, ""),
        ("--min-mean psnr=45", "", 1, True, ""),
        ("--max-mean l2=0.001", "", 1, True, ""),
        ("--baseline OLD", "", 0, True, ""),
        ("--baseline OLD --tolerance 99", "worse", 1, True, "24 pairs, mean worse by psnr"),
        ("--baseline OLD", "worse", 1, True, "24 pairs, 23 pairs worse beyond tolerance, mean worse by psnr"),
        ("--baseline OLD", "gone", 3, True, "1 pair with a score only in "),
        ("--min psnr=20", "torn", 3, True, ""),
        ("--min psnr=20", "alone", 3, True, ""),
        ("--maps MAPS", "no map", 3, False, "24 pairs without a map"),
    ],
)
def test_every_output_says_what_the_exit_code_says(
    arguments: str,
    change: str,
    code: int,
    asked: bool,
    reason: str,
    folders: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The report, JUnit and the summary agree with the exit code, whether the run ends well or badly.

    The cases are limits of pairs and means, a baseline, files and maps.
    """
    old, page = tmp_path / "old.jsonl", tmp_path / "page.html"
    call = ["compare", *folders, "-m", "psnr,l2,ssim"]
    if "OLD" in arguments:
        assert run([*call, "-o", str(old)]) == 0
    if change == "worse":
        for path in (tmp_path / "b").iterdir():
            levels = np.array(Image.open(path))
            levels[::2] += np.uint8(int(path.stem) > 0)
            Image.fromarray(levels).save(path)
    if change == "gone":
        for side in ("a", "b"):
            (tmp_path / side / "3.png").unlink()
    if change == "torn":
        (tmp_path / "b" / "3.png").write_bytes(b"torn")
    if change == "alone":
        (tmp_path / "a" / "3.png").unlink()
    if change == "no map":
        monkeypatch.setattr("eyediff.run.viewers._map", lambda *_: 1 / 0)
    asks = arguments.replace("OLD", str(old)).replace("MAPS", str(tmp_path / "maps")).split()
    cases, summary = tmp_path / "cases.xml", tmp_path / "summary.json"
    assert run([*call, *asks, "--report", str(page), "--junit", str(cases), "--summary", str(summary)]) == code
    verdict, has_pass, reasons = of_page(page)
    assert CODES[verdict] == code and has_pass == asked
    assert len(reasons) == bool(reason) and reason in "".join(reasons)
    told = json.loads(summary.read_text())["summary"]
    assert [*told.get("regressions", ()), *told.get("gaps", ())] == reasons
    suite = ET.parse(cases).getroot()  # noqa: S314  # our own
    assert (suite.get("failures") != "0", suite.get("errors") != "0") == (code == 1, code == 3)


def test_a_page_of_a_run_whose_other_output_failed_is_no_pass(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If JUnit cannot be finished, the page is no pass, although the rows are complete. The exit code is 3."""

    def full(sink: JunitSink, summary: object) -> None:
        sink.abandon()
        raise OutputError("the disk is full")

    monkeypatch.setattr("eyediff.gates.JunitSink.close", full)
    page = tmp_path / "page.html"
    words = ["compare", *folders, "-m", "psnr", "--min", "psnr=1", "--junit", str(tmp_path / "x.xml")]
    assert run([*words, "--report", str(page)]) == 3
    assert of_page(page)[0] == "interrupted"
