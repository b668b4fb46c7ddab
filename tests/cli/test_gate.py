"""Tests of --gate, --tolerate-shift, NAME@peak and changed regions, on the command line and in every format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import defaults
from eyediff.cli import run
from eyediff.errors import UsageError
from eyediff.output.read_rows import ReadableFormat, parse_record, split_records
from eyediff.output.schema import regions_from
from eyediff.records import ScoredPair


@pytest.fixture
def pages(tmp_path: Path) -> tuple[str, str]:
    """Write three pairs of pages: equal pages, a word that moves by a pixel, and a button that is removed."""
    word = np.random.RandomState(0).randint(0, 2, (12, 60, 1)).repeat(3, 2).astype(np.uint8) * 200
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        for name in ("gone.png", "moved.png", "same.png"):
            page = np.full((100, 160, 3), 245, np.uint8)
            right = int(side == "after" and name == "moved.png")
            page[20:32, 30 + right : 90 + right] = word
            if side == "before" or name != "gone.png":
                page[60:80, 30:70] = (20, 90, 200)
            Image.fromarray(page).save(tmp_path / side / name)
    return str(tmp_path / "before"), str(tmp_path / "after")


def rows_of(path: Path) -> dict[str, dict[str, object]]:
    return {row["pair"]: row for row in map(json.loads, path.read_text().splitlines()) if "pair" in row}


def test_gate_ui_fails_what_has_changed_and_says_where(pages: tuple[str, str], tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    assert run(["compare", *pages, "--gate", "ui", "--tolerate-shift", "1", "-o", str(output)]) == 1
    rows = rows_of(output)
    ((box,),) = rows["gone.png"]["regions"].values()  # type: ignore[union-attr]
    assert (box["x"], box["y"], box["width"], box["height"], box["pixels"]) == (30, 60, 40, 20, 800)
    assert "shift" not in box
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "gone.png": "fail",
        "moved.png": "moved",
        "same.png": "pass",
    }
    assert rows["same.png"]["regions"] == {}
    header = json.loads(output.read_text().splitlines()[0])
    assert list(header["metrics"]) == list(defaults.GATES["ui"]) and header["tolerate_shift"] == 1


def test_what_is_moved_crosses_no_limit(pages: tuple[str, str]) -> None:
    files = [f"{side}/moved.png" for side in pages]
    assert run(["compare", *files, "-m", "changed-pixels", "--max", "changed-pixels=0"]) == 1
    assert run(["compare", *files, "-m", "changed-pixels", "--max", "changed-pixels=0", "--tolerate-shift", "1"]) == 0
    result = eyediff.compare(*files, ["changed-pixels"], tolerate_shift=1)
    assert {region.shift for region in result.rows[0].regions["changed-pixels"]} == {(1.0, 0.0)}


def test_a_limit_that_is_waived_is_told(
    pages: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A waived limit is reported in the row, in the verdict, in the text and in JUnit. Merged parts report it, too."""
    command = ["compare", *pages, "-m", "changed-pixels", "--max", "changed-pixels=0", "--tolerate-shift", "1"]
    output, junit = tmp_path / "out.jsonl", tmp_path / "j.xml"
    assert run([*command, "-o", str(output), "--junit", str(junit)]) == 1
    rows = rows_of(output)
    score = rows["moved.png"]["scores"]["changed-pixels"]  # type: ignore[index]
    assert rows["moved.png"]["waived"] == [{"metric": "changed-pixels", "limit": 0.0, "score": score}]
    assert (rows["moved.png"]["crossed"], rows["gone.png"]["waived"]) == ([], [])
    line = f"waived, only moved: changed-pixels {score:#.5g} > 0  moved.png"
    said = capsys.readouterr().err
    assert f"  {line}\n" in said and "1 limit waived" in said
    assert line.removesuffix("  moved.png").replace(">", "&gt;") in junit.read_text()
    assert run([*command, "-f", "text"]) == 1
    assert "beyond a limit that does not count, because the regions only moved\n" in capsys.readouterr().out
    parts = [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    for number, part in enumerate(parts, 1):
        assert run([*command, "--shard", f"{number}/2", "-o", str(part)]) in (0, 1)
    capsys.readouterr()
    assert run(["merge", *map(str, parts), "--max", "changed-pixels=0", "-f", "jsonl"]) == 1
    assert capsys.readouterr().out.splitlines()[1:] == output.read_text().splitlines()[1:]


def test_a_mean_counts_what_has_moved(pages: tuple[str, str]) -> None:
    """A limit of the mean also counts regions that only moved, as docs/ci.md says."""
    moved = ["compare", *(f"{side}/moved.png" for side in pages), "-m", "changed-pixels", "--tolerate-shift", "1"]
    assert run([*moved, "--max", "changed-pixels=0"]) == 0
    assert run([*moved, "--max-mean", "changed-pixels=0"]) == 1


def test_metrics_that_cannot_tell_what_has_moved(pages: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """--tolerate-shift is refused if no metric can detect moved regions.

    If another metric can detect them, the limits of these metrics still apply to moved regions, and a message says so.
    """
    moved = ["compare", *(f"{side}/moved.png" for side in pages), "--tolerate-shift", "1"]
    for metrics in ("l2", "l2,ssim@peak"):
        assert run([*moved, "-m", metrics]) == 2
        named = f"--tolerate-shift 1 has no effect, because {metrics.replace(',', ', ')} cannot detect moved regions; "
        assert named in capsys.readouterr().err
    assert run([*moved, "-m", "l2,changed-pixels", "--max", "l2=0", "--max", "changed-pixels=0"]) == 1
    assert (
        "l2 cannot detect moved regions, so the limits also apply to regions that only moved" in capsys.readouterr().out
    )
    with pytest.raises(UsageError, match=r"tolerate_shift=1 .*psnr cannot detect"):
        eyediff.compare(*pages, "psnr", tolerate_shift=1)


def test_a_gate_adds_its_metrics_and_yields_to_a_limit(
    pages: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = [f"{side}/gone.png" for side in pages]
    assert run(["compare", *gone, "--gate", "ui", "-m", "psnr", "-f", "json"]) == 1
    assert list(json.loads(capsys.readouterr().out)["metrics"]) == ["psnr", "visible-difference"]
    assert run(["compare", *gone, "--gate", "ui", "--max", "visible-difference=1000"]) == 0
    assert run(["compare", *gone, "--gate", "photo"]) == 1
    assert run(["compare", *gone, "--gate", "painting"]) == 2


@pytest.mark.parametrize("shift", ["-1", "17"])
def test_a_shift_beyond_reason_is_refused(
    pages: tuple[str, str], shift: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["compare", *pages, "--tolerate-shift", shift]) == 2
    assert f"--tolerate-shift {shift} is out of range; expected 0 to 16" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_regions_are_read_back(pages: tuple[str, str], tmp_path: Path, kind: ReadableFormat) -> None:
    """Regions are read back exactly from each format of rows."""
    metrics = ["changed-pixels", "l2"]
    output = tmp_path / f"out.{kind}"
    assert run(["compare", *pages, "-m", ",".join(metrics), "--tolerate-shift", "1", "-o", str(output)]) == 0
    first, *records = split_records(output, kind)
    rows = eyediff.compare(*pages, metrics, tolerate_shift=1).rows
    for row, text in zip(rows, records, strict=True):
        assert parse_record(text, kind, metrics).regions == row.regions
    if kind == "csv":
        assert first.rstrip().split(",")[-2:] == ["notes", "regions"]


def test_resume_keeps_regions(pages: tuple[str, str], tmp_path: Path) -> None:
    """A resumed run keeps the regions of the recalled rows. A run with another tolerance is not resumed."""
    output = tmp_path / "out.jsonl"
    command = ["compare", *pages, "-m", "changed-pixels", "-o", str(output), "--resume"]
    assert run([*command, "--tolerate-shift", "1"]) == 0
    before = output.read_text()
    assert run([*command, "--tolerate-shift", "1"]) == 0
    assert output.read_text() == before and '"shift": [1.0, 0.0]' in before
    assert run(command) == 2


@pytest.mark.parametrize("value", [[], {"a": 3}, {"a": [{}]}, {"a": [{"x": 1, "y": 2, "width": "3", "height": 4}]}])
def test_what_are_no_regions_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="region"):
        regions_from(value)


def test_peak_by_name(pages: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The score of the worst window is worse than the mean score. A metric without a map has no worst window."""
    gone = [f"{side}/gone.png" for side in pages]
    names = ["lpips-mini", "lpips-mini@peak", "ssim@wang", "ssim@wang@peak", "gmsd@peak", "changed-pixels@peak"]
    assert run(["compare", *gone, "-m", ",".join(names), "-f", "json"]) == 0
    scores = json.loads(capsys.readouterr().out)["rows"][0]["scores"]
    assert list(scores) == names
    assert scores["lpips-mini@peak"] > scores["lpips-mini"] and scores["ssim@wang@peak"] < scores["ssim@wang"]
    assert eyediff.Metric("lpips-mini@peak").distance(*gone) == pytest.approx(scores["lpips-mini@peak"], rel=1e-5)
    for name in ("psnr@peak", "ms-ssim@peak", "lpips@peak@peak"):
        assert run(["compare", *gone, "-m", name]) == 2
        assert "has no map" in capsys.readouterr().err
    assert run(["compare", *gone, "-m", "lpips@peak,lpips-alex@peak"]) == 2


def test_a_peak_is_not_its_metric_elsewhere(pages: tuple[str, str], tmp_path: Path) -> None:
    """Commands that need the network or the formula of a metric refuse its worst window."""
    for command in (
        ["export", "-m", "lpips-mini@peak", "-o", str(tmp_path / "x.onnx")],
        ["matrix", pages[0], "-m", "lpips-mini@peak"],
        ["optimize", f"{pages[0]}/same.png", "-m", "lpips-mini@peak", "-o", str(tmp_path / "x.png")],
    ):
        assert run(command) == 2


@pytest.mark.parametrize("metric", ["visible-difference", "changed-pixels", "ssim@peak"])
def test_what_is_ignored_is_no_change(pages: tuple[str, str], metric: str) -> None:
    """An ignored rectangle around the removed button gives the score of equal pages and no region."""
    rows = {row.pair.name: row for row in eyediff.compare(*pages, [metric], ignore=[(30, 60, 40, 20)]).rows}
    assert isinstance(gone := rows["gone.png"], ScoredPair)
    assert gone.scores[metric] == rows["same.png"].scores[metric] and not gone.regions
    assert rows["moved.png"].scores[metric] != gone.scores[metric]


@pytest.mark.parametrize("metric", ["ms-ssim@peak", "lpips@peak@peak", "dists@peak"])
def test_metrics_without_a_map_have_no_worst_window(pages: tuple[str, str], metric: str) -> None:
    assert run(["compare", *pages, "-m", metric]) == 2


@pytest.mark.parametrize("twice", [["--gate", "ui", "--gate", "photo"], ["--region", "0,0,9,9", "--region", "1,1,9,9"]])
def test_what_counts_is_said_once(twice: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An option that sets what the gate checks is refused if it is given twice.

    The parser would use only the last value, and the gate would check less than the user asked for.
    """
    assert run(["compare", "examples/before", "examples/after", "-m", "psnr", *twice]) == 2
    assert f"{twice[0]} was given 2 times" in capsys.readouterr().err


@pytest.fixture
def resized(tmp_path: Path) -> tuple[str, str]:
    """Write pairs of checkerboard pages, of which one image lacks rows or columns of the other image."""
    levels = ((np.indices((90, 120)).sum(0) % 2) * 255).astype(np.uint8)
    sizes = {"lower.png": (120, 60), "narrower.png": (119, 90), "both.png": (100, 80), "same.png": (120, 90)}
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        for name, (width, height) in sizes.items():
            cut = levels if side == "before" else levels[:height, :width]
            Image.fromarray(cut).save(tmp_path / side / name)
    Image.fromarray(levels[:60]).save(tmp_path / "before" / "crossed.png")
    Image.fromarray(levels[:, :100]).save(tmp_path / "after" / "crossed.png")
    return str(tmp_path / "before"), str(tmp_path / "after")


@pytest.mark.parametrize("turned", [1, -1])
@pytest.mark.parametrize("shift", ["0", "2"])
def test_a_change_of_size_fails_gate_ui_with_what_is_new_or_missing(
    resized: tuple[str, str], tmp_path: Path, turned: int, shift: str
) -> None:
    """The regions contain exactly the added or missing rows and columns, for any page content.

    Neither a blur nor a displacement can explain a missing row.
    """
    output = tmp_path / "out.jsonl"
    command = ["compare", *resized[::turned], "--gate", "ui", "-m", "changed-pixels", "--tolerate-shift", shift]
    assert run([*command, "-o", str(output)]) == 1
    boxes = {
        name: {tuple(box[side] for side in ("x", "y", "width", "height")) for box in boxes}
        for name, row in rows_of(output).items()
        for boxes in [row["regions"].get("visible-difference", [])]  # type: ignore[attr-defined]
    }
    assert boxes == {
        "lower.png": {(0, 60, 120, 30)},
        "narrower.png": {(119, 0, 1, 90)},
        "both.png": {(100, 0, 20, 90), (0, 80, 100, 10)},
        "crossed.png": {(100, 0, 20, 60), (0, 60, 100, 30)},
        "same.png": set(),
    }
    shares = {name: row["scores"]["changed-pixels"] for name, row in rows_of(output).items()}  # type: ignore[index]
    assert shares == {
        "lower.png": 1 / 3,
        "narrower.png": 1 / 120,
        "both.png": pytest.approx(2800 / 10800),
        "crossed.png": pytest.approx(4200 / 10800),
        "same.png": 0,
    }
    assert {name: row["verdict"] for name, row in rows_of(output).items()} == {
        name: "pass" if name == "same.png" else "fail" for name in boxes
    }


def test_only_gate_ui_pads_by_itself(
    resized: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only --gate ui pads images by default. Without a gate and with --gate photo, different sizes are an error.

    --size replaces the padding. Ignored pixels are not a change of size.
    """
    lower = [f"{side}/lower.png" for side in resized]
    assert run(["compare", *lower, "-m", "changed-pixels"]) == 3
    assert run(["compare", *lower, "--gate", "photo"]) == 3
    assert run(["compare", *lower, "--gate", "ui", "--size", "refuse"]) == 3
    assert run(["compare", *lower, "--gate", "ui", "--size", "top-left"]) == 0
    mask = tmp_path / "mask.png"
    Image.new("L", (120, 90), 255).save(mask)
    assert run(["compare", *lower, "--gate", "ui", "--mask", str(mask)]) == 1
    capsys.readouterr()
    assert run(["compare", *lower, "--gate", "ui", "--ignore", "0,60,120,30", "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["regions"] == {}
    Image.new("L", (120, 60), 255).save(mask)  # the mask has the smaller size: the added pixels count
    assert run(["compare", *lower[::-1], "--gate", "ui", "--mask", str(mask)]) == 1
    assert run(["compare", *lower[::-1], "--gate", "ui", "--mask", str(mask), "--crop-border", "3"]) == 1


@pytest.mark.parametrize("way", ["ignore", "mask"])
def test_what_does_not_count_by_option(pages: tuple[str, str], tmp_path: Path, way: str) -> None:
    """With --gate ui, --ignore and --mask exclude the removed button, but not the moved word."""
    mask = Image.new("L", (160, 100), 255)
    mask.paste(0, (30, 60, 70, 80))
    mask.save(tmp_path / "mask.png")
    option = {"ignore": ["--ignore", "30,60,40,20"], "mask": ["--mask", str(tmp_path / "mask.png")]}[way]
    output = tmp_path / "out.jsonl"
    assert run(["compare", *pages, "--gate", "ui", *option, "-m", "changed-pixels", "-o", str(output)]) == 0
    rows = rows_of(output)
    assert rows["gone.png"]["verdict"] == "pass" and rows["gone.png"]["regions"] == {}
    assert "changed-pixels" in rows["moved.png"]["regions"]  # type: ignore[operator]
