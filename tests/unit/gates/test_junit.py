"""Tests of the JUnit XML that CI systems read."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from eyediff.errors import OutputError
from eyediff.gates import JunitSink
from eyediff.records import Failure, Pair, ScoredPair, Summary, Unmatched
from eyediff.run.limits import NO_LIMITS, Limits
from tests.unit.output.samples import HEADER, ROWS, STRANGE, UNDECODABLE, pair

from .made import Scores, against, earlier, rows


def written(sink: JunitSink, scores: Scores, summary: Summary, path: Path) -> ET.Element:
    sink.open(HEADER)
    for row in rows(scores):
        sink.write(row)
    sink.close(summary)
    return ET.parse(path).getroot()  # noqa: S314 - our own


def test_a_case_a_pair_with_the_reason(tmp_path: Path) -> None:
    """Each pair is a case that passed, crossed a limit or failed, with the reason.

    A file without a partner is a case too. The counts are those of the cases.
    """
    path = tmp_path / "out.xml"
    scores: Scores = {"good.png": (0.1, 30), "bad.png": (0.5, 9), "torn.png": None}
    summary = Summary(3, 1, {}, (Unmatched("reference", Path("before/alone.png")),))
    root = written(JunitSink(path, Limits(maxima={"lpips": 0.2}, minima={"psnr": 10})), scores, summary, path)
    (suite,) = root
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert list(cases) == ["good.png", "bad.png", "torn.png", "before/alone.png"]
    for element in (root, suite):
        assert [element.get(name) for name in ("tests", "failures", "errors")] == ["4", "1", "2"]
    assert [child.tag for child in cases["good.png"]] == ["system-out"]
    (failure,) = cases["bad.png"].findall("failure")
    assert failure.get("message") == "lpips 0.50000 > 0.20000; psnr 9.0000 < 10.000"
    (error,) = cases["torn.png"].findall("error")
    assert (error.get("type"), error.get("message")) == ("read", "torn")
    assert cases["before/alone.png"].find("error") is not None
    times = [float(str(case.get("time"))) for case in cases.values() if case.get("file") is not None]
    assert len(times) == 3 and 0 <= sum(times) <= float(str(suite.get("time"))) + 0.002
    assert cases["bad.png"].get("file") == str(pair("bad.png").candidate)
    said = {name: case.findtext("system-out") or "" for name, case in cases.items()}
    assert "ATTACHMENT" not in said["good.png"]
    for name in ("bad.png", "torn.png"):  # a line each, because GitLab and Jenkins search for whole lines
        assert said[name].splitlines()[-2:] == [
            f"[[ATTACHMENT|{file}]]" for file in (pair(name).candidate, pair(name).reference)
        ]


@pytest.mark.parametrize("name", ["x]]\n[[ATTACHMENT|/etc/passwd]]", "[[ATTACHMENT|/etc/passwd]].png"])
def test_no_name_and_no_note_attaches_another_file(tmp_path: Path, name: str) -> None:
    """No name and no note attaches another file.

    A CI system uploads each file that an attachment names, from its own machine.
    """
    path, said = tmp_path / "out.xml", "frame [[ATTACHMENT|/etc/passwd]]"
    sink = JunitSink(path, Limits(maxima={"lpips": 0.2}))
    sink.open(HEADER)
    hostile = Pair(name, Path(name), Path("fine.png"))
    sink.write(ScoredPair(hostile, 9, 9, {"lpips": 0.5, "psnr": 9.0}, (said,)))
    sink.write(Failure(hostile, "read", said))
    sink.close(Summary(2, 1, {}))
    outputs = [found.text or "" for found in ET.parse(path).iter("system-out")]  # noqa: S314
    assert [text.count("[[") for text in outputs] == [1, 1] and all("[[ATTACHMENT|fine.png]]" in t for t in outputs)


def test_the_baseline_has_its_cases(tmp_path: Path) -> None:
    """A worse pair fails as a pair. The means and the missing pairs are separate cases."""
    path = tmp_path / "out.xml"
    before: Scores = {f"{i}.png": (0.1, 30) for i in range(20)}
    now: Scores = {**{f"{i}.png": (0.2, 30) for i in range(19)}, "new.png": (0.1, 30)}
    baseline = against(earlier(tmp_path, before), now)
    root = written(JunitSink(path, NO_LIMITS, baseline), now, Summary(20, 0, {}), path)
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == [*(f"{i}.png" for i in range(19)), "mean lpips"]
    missing = [case.get("name") for case in root.iter("testcase") if case.find("error") is not None]
    assert missing == ["19.png", "new.png"]


def test_any_name_gives_valid_xml(tmp_path: Path) -> None:
    """Control characters, line breaks, quotes, markup and undecodable bytes give valid XML.

    XML cannot hold control characters, even escaped.
    """
    path = tmp_path / "out.xml"
    hostile = ['"><script>alert(1)</script>.png', "]]>&amp;'.png", "\x00\x1b[31m\x0b\ufffe.png", STRANGE, UNDECODABLE]
    root = written(JunitSink(path, NO_LIMITS), dict.fromkeys(hostile, (0.1, 30)), Summary(5, 0, {}), path)
    names = [case.get("name") for case in root.iter("testcase")]
    assert names[:2] == hostile[:2] and names[2] == r"\x00\x1b[31m\x0b\ufffe.png"
    assert len(names) == 5 and root.find(".//script") is None


def test_every_kind_of_row_is_a_case(tmp_path: Path) -> None:
    """All rows of the samples for the other sinks are cases. A stopped run adds a case with an error."""
    path = tmp_path / "out.xml"
    sink = JunitSink(path, NO_LIMITS)
    sink.open(HEADER)
    for row in ROWS:
        sink.write(row)
    sink.close(Summary(len(ROWS), 2, {}, interrupted=True))
    root = ET.parse(path).getroot()  # noqa: S314
    assert root.get("tests") == str(len(ROWS) + 1) and root.get("errors") == "3"


def test_a_file_that_cannot_be_written_is_told_before_any_row(tmp_path: Path) -> None:
    """A file that cannot be written is an error when the sink opens, before any score is computed."""
    with pytest.raises(OutputError, match=r"out\.xml"):
        JunitSink(tmp_path / "none" / "out.xml", NO_LIMITS).open(HEADER)
