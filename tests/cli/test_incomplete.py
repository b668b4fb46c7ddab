"""Tests of pairs that are too small for one metric: each output and command keeps the other scores."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.records import ScoredPair

REASON = "ms-ssim: needs sides of at least 161 pixels, but the images are 30x30"
METRICS = ["--metric", "ms-ssim,psnr"]


@pytest.fixture
def folders(tmp_path: Path) -> Sequence[str]:
    """Write a pair of 30x30 pixels and a pair of 200x200 pixels."""
    random = np.random.default_rng(1)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for name, size in (("small.png", 30), ("large.png", 200)):
            Image.fromarray(random.integers(0, 255, (size, size, 3), np.uint8)).save(tmp_path / side / name)
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_every_format_has_the_score_and_the_reason(
    folders: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each format has the other score, and an error that names the metric. The exit code is 3.

    The statistics count only the scores that exist.
    """
    texts = {}
    for kind in ("text", "csv", "jsonl", "json"):
        assert run(["compare", *folders, *METRICS, "--format", kind]) == 3
        texts[kind] = capsys.readouterr().out
        assert REASON in texts[kind]
    _, small = csv.DictReader(texts["csv"].splitlines())
    assert small["ms-ssim"] == "" and 5 < float(small["psnr"]) < 10 and small["error"] == f"score: {REASON}"
    record = json.loads(texts["jsonl"].splitlines()[2])
    assert list(record["scores"]) == ["psnr"] and record["error"] == {"stage": "score", "message": REASON}
    summary = json.loads(texts["json"])["summary"]
    assert (summary["count"], summary["failed"], summary["incomplete"]) == (2, 0, 1)
    assert {name: each["count"] for name, each in summary["metrics"].items()} == {"ms-ssim": 1, "psnr": 2}
    assert "2 pairs compared, 1 incomplete" in texts["text"]


def test_parquet_has_null_and_the_reason(folders: Sequence[str], tmp_path: Path) -> None:
    """Parquet has null for the missing score, and the reason as error.

    A resumed run computes such a row again, with the same result.
    """
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    for options in ([], ["--resume"]):
        assert run(["compare", *folders, *METRICS, "-o", str(tmp_path / "out.parquet"), *options]) == 3
        rows = sorted(parquet.read_table(tmp_path / "out.parquet").to_pylist(), key=lambda row: row["pair"])
        assert [row["error"] for row in rows] == [None, f"score: {REASON}"]
        assert rows[1]["ms-ssim"] is None and rows[1]["psnr"] > 5


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_row_with_a_reason_is_tried_again(
    folders: Sequence[str], tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--resume computes a row with a reason again, as it does for failed pairs.

    Of the two pairs, it reads only the files of this pair.
    """
    output = tmp_path / f"out.{suffix}"
    call = ["compare", *folders, *METRICS, "-o", str(output)]
    assert run(call) == 3
    before = output.read_bytes()
    read, seen = eyediff.images.read, list[str]()
    monkeypatch.setattr("eyediff.images.read", lambda path, **how: seen.append(path.name) or read(path, **how))
    assert run([*call, "--resume"]) == 3
    assert seen == ["small.png"] * 2 and output.read_bytes() == before


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_merged_parts_keep_the_reason(folders: Sequence[str], tmp_path: Path, kind: str) -> None:
    """The merged file is equal to the file of a single run."""
    parts = [str(tmp_path / f"{number}.{kind}") for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        run(["compare", *folders, *METRICS, "-o", part, "--shard", f"{number}/2"])
    assert run(["compare", *folders, *METRICS, "-o", str(tmp_path / f"one.{kind}")]) == 3
    assert run(["merge", *parts, "-o", str(tmp_path / f"joined.{kind}")]) == 3
    assert (tmp_path / f"joined.{kind}").read_bytes() == (tmp_path / f"one.{kind}").read_bytes()


def test_gates_do_not_pass_a_score_that_is_missing(folders: Sequence[str], tmp_path: Path) -> None:
    """A missing score does not pass a gate. JUnit has an error for the pair.

    The run is incomplete, whether the baseline has this score or not.
    """
    call = ["compare", *folders, *METRICS, "--min", "ms-ssim=-1", "-o", str(tmp_path / "one.jsonl")]
    assert run([*call, "--junit", str(tmp_path / "junit.xml")]) == 3
    cases = {case.get("name"): case for case in ET.parse(tmp_path / "junit.xml").iter("testcase")}  # noqa: S314 - our own
    assert cases["large.png"].find("error") is None
    error = cases["small.png"].find("error")
    assert error is not None and error.get("message") == REASON
    crossed = ["compare", *folders, *METRICS, "--min", "psnr=99", "--junit", str(tmp_path / "junit.xml")]
    assert run(crossed) == 1
    said = {case.get("name"): ET.tostring(case) for case in ET.parse(tmp_path / "junit.xml").iter("testcase")}  # noqa: S314
    assert REASON.encode() in said["small.png"] and all(b"&lt; 99" in text for text in said.values())
    earlier = (tmp_path / "one.jsonl").read_text()
    (tmp_path / "old.jsonl").write_text(
        earlier.replace('"scores": {"psnr"', '"scores": {"ms-ssim": 0.5, "psnr"').replace(
            json.dumps({"stage": "score", "message": REASON}), "null"
        )
    )
    again = ["compare", *folders, *METRICS, "--format", "csv", "--baseline"]
    assert run([*again, str(tmp_path / "one.jsonl")]) == 3
    assert run([*again, str(tmp_path / "old.jsonl")]) == 3


def test_a_missing_score_is_told_beside_the_baseline(
    folders: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict names the pair and the metric if only the baseline has the score."""
    assert run(["compare", *folders, "--metric", "psnr,ms-ssim", "-o", str(tmp_path / "old.csv")]) == 3
    text = (tmp_path / "old.csv").read_text().splitlines()
    cells = text[2].split(",")
    (tmp_path / "old.csv").write_text("\n".join([*text[:2], ",".join([*cells[:6], "0.5", ""])]) + "\n")
    assert run(["compare", *folders, *METRICS, "--baseline", str(tmp_path / "old.csv")]) == 3
    said = "".join(capsys.readouterr())
    assert "only in" in said and "small.png (ms-ssim)" in said


def test_the_report_and_the_maps_have_what_is_there(folders: Sequence[str], tmp_path: Path) -> None:
    """The report holds null for the missing score, and the reason. The plot leaves the pair out of one panel."""
    page, plot = tmp_path / "page.html", tmp_path / "plot.svg"
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    assert run(["compare", *folders, *METRICS, "--report", str(page), "--plot", str(plot)]) == 3
    text = page.read_text()
    assert '["score","' in text.replace('", "', '","') and REASON in text
    assert "1 missing, not drawn" in plot.read_text()


def test_the_library_returns_both(folders: Sequence[str]) -> None:
    """`eyediff.compare` returns a ScoredPair with scores and reasons. The data frame has nan for the missing score."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    result = eyediff.compare(*folders, metrics=["ms-ssim", "psnr"])
    large, small = result.rows
    assert isinstance(small, ScoredPair) and list(small.scores) == ["psnr"]
    assert small.reasons == {"ms-ssim": REASON.partition(": ")[2]}
    assert isinstance(large, ScoredPair) and not large.reasons and large.message == ""
    frame = result.to_pandas()
    assert np.isnan(frame["ms-ssim"][1]) and frame["error"][1] == f"score: {REASON}"
    assert REASON in result._repr_html_()


def test_votes_judge_each_metric_by_the_items_that_it_scored(tmp_path: Path) -> None:
    """`eval` judges psnr by all items, and ms-ssim only by the items with large images.

    The items with large images also judge ms-ssim against psnr.
    """
    random = np.random.default_rng(2)
    lines = ["reference,a,b,votes_a,votes_b"]
    for number, size in enumerate((30, 200, 200)):
        names = [f"{number}{side}.png" for side in ("r", "a", "b")]
        for name in names:
            Image.fromarray(random.integers(0, 255, (size, size, 3), np.uint8)).save(tmp_path / name)
        lines.append(",".join([*names, "2", "1"]))
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    output = tmp_path / "out.json"
    call = [
        "eval",
        "2afc",
        str(tmp_path / "votes.csv"),
        *METRICS,
        "-o",
        str(output),
        "--by-item",
        str(tmp_path / "i.csv"),
    ]
    assert run(call) == 3
    rows = json.loads(output.read_text())["rows"]
    items = {(row["metric"], row["against"]): row["items"] for row in rows if row["item"] is None}
    assert items["psnr", None] == 3 and items["ms-ssim", None] == 2 and items["ms-ssim", "psnr"] == 2
    assert [row["error"] for row in rows if row["item"]] == [f"score: {REASON}"]
    with (tmp_path / "i.csv").open() as file:
        small, *large = csv.DictReader(file)
    assert small["psnr a"] and not small["ms-ssim a"] and all(row["ms-ssim a"] for row in large)
