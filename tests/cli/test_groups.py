"""Tests of `compare --groups`: means of groups in each format, with --resume, --shard and `merge`."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import errors
from eyediff.cli import run


@pytest.fixture(autouse=True)
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two scenes, with one and two pairs of images.

    Each pair has a constant error, so that its PSNR is 20 log10(255 / error).
    """
    monkeypatch.chdir(tmp_path)
    for name, error in (("a/0", 51), ("b/0", 85), ("b/1", 15)):
        for side, level in (("gt", 100), ("out", 100 + error)):
            path = Path(side, name).with_suffix(".png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((16, 16, 3), level, np.uint8)).save(path)


EXPECTED = {name: 20 * float(np.log10(255 / error)) for name, error in (("a/0", 51), ("b/0", 85), ("b/1", 15))}
MEANS = {"a": EXPECTED["a/0"], "b": (EXPECTED["b/0"] + EXPECTED["b/1"]) / 2}
OF_SCENES = (MEANS["a"] + MEANS["b"]) / 2
COMPARE = ["compare", "gt", "out", "-m", "psnr", "--groups"]


def test_text_has_a_line_for_each_group(capsys: pytest.CaptureFixture[str]) -> None:
    """The summary in text has a line for each group, and the mean of the groups."""
    assert run([*COMPARE, "subfolder"]) == 0
    said = capsys.readouterr().out
    assert re.search(rf"{MEANS['b']:.3f}  b \(2 pairs\)\n +{OF_SCENES:.3f}  mean of 2 groups", said)


def test_json_has_a_summary_of_each_group() -> None:
    """The header names the rule of the groups. Each row names its group. The summary has the values of each group."""
    assert run([*COMPARE, "subfolder", "-o", "all.json"]) == 0
    record = json.loads(Path("all.json").read_text())
    assert record["groups"] == "subfolder"
    assert [row["group"] for row in record["rows"]] == ["a", "b", "b"]
    groups = record["summary"]["groups"]
    assert {name: group["metrics"]["psnr"]["mean"] for name, group in groups.items()} == pytest.approx(MEANS)
    assert groups["b"]["count"] == 2
    assert record["summary"]["means_of_groups"]["psnr"] == pytest.approx(OF_SCENES)


def test_rows_of_other_formats_name_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    """CSV, JSON lines, Parquet and pandas have the group of each row.

    Standard error reports the mean of the groups, because these formats have no field for it.
    """
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    for name in ("all.csv", "all.jsonl", "all.parquet"):
        assert run([*COMPARE, "^(.)/", "-o", name]) == 0
        assert f"{OF_SCENES:.3f}  mean of 2 groups" in capsys.readouterr().err
    lines = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert lines[0]["groups"] == "^(.)/"
    for groups in (
        [row["group"] for row in csv.DictReader(Path("all.csv").read_text().splitlines())],
        [row["group"] for row in lines[1:]],
        list(pandas.read_parquet("all.parquet")["group"]),
        list(eyediff.compare("gt", "out", ["psnr"], groups="^(.)/").to_pandas()["group"]),
    ):
        assert groups == ["a", "b", "b"]


@pytest.mark.parametrize("name", ["all.csv", "all.jsonl"])
def test_a_run_in_groups_goes_on_and_is_a_baseline(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A resumed run keeps the groups of the rows in the journal, and refuses another rule.

    The file can also be a baseline.
    """
    call = [*COMPARE, "subfolder", "-o", name, "--resume"]
    assert run(call) == 0
    first = Path(name).read_bytes()
    assert run(call) == 0
    assert Path(name).read_bytes() == first
    capsys.readouterr()
    assert run([*COMPARE, "(.)/", "-o", name, "--resume"]) == 2
    assert "groups: 'subfolder' before" in capsys.readouterr().err
    assert run([*COMPARE, "subfolder", "--baseline", name]) == 0


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_shards_keep_their_groups(kind: str) -> None:
    """Merged shards have the same rows and the same summary as a single run."""
    parts = [f"part{number}.{kind}" for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        assert run([*COMPARE, "subfolder", "--shard", f"{number}/2", "-o", part]) == 0
    assert run(["merge", *parts, "-o", "merged.json"]) == 0
    assert run([*COMPARE, "subfolder", "-o", "whole.json"]) == 0
    assert json.loads(Path("merged.json").read_text()) == json.loads(Path("whole.json").read_text())


def test_a_list_names_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """A list of pairs names the groups of all its pairs or of none.

    A rule in addition to the list is refused, because it would replace the groups of the list.
    """
    rows = [f"gt/{name}.png,out/{name}.png,{group}" for name, group in zip(EXPECTED, ("x", "x", "y"), strict=True)]
    Path("list.csv").write_text("\n".join(["reference,candidate,group", *rows]))
    found = eyediff.compare(pairs="list.csv", metrics=["psnr"]).summary
    assert {name: group.count for name, group in found.groups.items()} == {"x": 2, "y": 1}
    Path("list.csv").write_text("\n".join(["reference,candidate,group", *rows[:2], rows[2][:-1]]))
    assert run(["compare", "--pairs", "list.csv", "-m", "psnr"]) == 2
    assert "1 of 3 pairs have no group" in capsys.readouterr().err
    with pytest.raises(errors.UsageError, match="the list of pairs already has groups"):
        eyediff.compare(pairs="list.csv", metrics=["psnr"], groups=r"/(\w)/")


@pytest.mark.parametrize(("rule", "said"), [("(", "--groups '('"), ("^a/", "finds no group in the name b/0.png")])
def test_a_rule_that_fits_not_every_pair(rule: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A rule that is not valid or does not fit every pair is refused before any work.

    A mean of scenes that leaves out images would mislead.
    """
    assert run([*COMPARE, rule]) == 2
    assert said in capsys.readouterr().err


def test_scenes_that_papers_average(shared: Path) -> None:
    """The mean of scenes is 24.724, and the mean of images is 25.446 (computed with numpy from the files)."""
    cases = shared / "inputs/cases"
    found = eyediff.compare(cases / "scenes_gt", cases / "scenes_ours", ["psnr"], groups="subfolder").summary
    assert found.means_of_groups["psnr"] == pytest.approx(24.724, abs=5e-4)
    assert found.metrics["psnr"].mean == pytest.approx(25.446, abs=5e-4)
