"""Tests of --baseline, --junit and --plot of `eyediff compare`, as CI uses them."""

from __future__ import annotations

import io
import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run

from .test_compare import AFTER, BEFORE, call, one_line

__all__ = ["call"]  # the fixture


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 100 pictures with texture and edges, and copies that were JPEG of quality 90. Compare them.

    The copies are decoded and saved as PNG.
    """
    root, rng = tmp_path_factory.mktemp("hundred"), np.random.default_rng(0)
    for side in ("before", "after"):
        (root / side).mkdir()
    for i in range(100):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)
        picture.save(root / "before" / f"{i:03}.png")
        recoded(picture, 90).save(root / "after" / f"{i:03}.png")
    assert run(["compare", f"{root}/before", f"{root}/after", "-o", f"{root}/old.jsonl"]) == 0
    return root


def recoded(picture: Image.Image, quality: int) -> Image.Image:
    """Return the picture after JPEG compression of this quality."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)


def test_the_gate_passes_a_hundred_identical_and_catches_one_slightly_worse(call, hundred: Path) -> None:
    """A hundred unchanged pairs pass. One picture of quality 85 instead of 90 gives exit code 1.

    The text and JUnit name only this picture.
    """
    arguments = ("compare", hundred / "before", hundred / "after", "--baseline", hundred / "old.jsonl")
    said = call(*arguments, "--junit", hundred / "out.xml")
    assert said.code == 0 and "100 pairs, none worse beyond tolerance" in said.out
    assert ET.parse(hundred / "out.xml").getroot().get("failures") == "0"  # noqa: S314
    victim = hundred / "after" / "042.png"
    kept = victim.read_bytes()
    with Image.open(hundred / "before" / "042.png") as picture:
        recoded(picture, 85).save(victim)
    try:
        said = call(*arguments, "--junit", hundred / "out.xml", "-o", hundred / "new.jsonl")
    finally:
        victim.write_bytes(kept)
    assert said.code == 1 and said.out == ""
    worse = [line for line in said.err.splitlines() if line.startswith("  worse: ")]
    assert worse and all(line.endswith("042.png") for line in worse)
    failed = [
        case.get("name")
        for case in ET.parse(hundred / "out.xml").iter("testcase")  # noqa: S314
        if case.find("failure") is not None
    ]
    assert failed == ["042.png"]


def test_pairs_that_only_one_run_has_give_3(call, hundred: Path, tmp_path: Path) -> None:
    """No pair is worse, but the exit code is 3 because some pairs could not be compared with the baseline.

    These pairs are in only one of the two runs.
    """
    call("compare", BEFORE, AFTER, "-m", "psnr", "-o", tmp_path / "old.csv")
    said = call("compare", f"{BEFORE}/cat.png", f"{AFTER}/cat.png", "-m", "psnr", "--baseline", tmp_path / "old.csv")
    assert said.code == 3 and "only in" in said.out and "coffee.png" in said.out
    assert "versions" in said.err, "a CSV says no versions: that they were not checked is told"


def test_a_gate_that_cannot_be_is_refused_before_any_work(call, hundred: Path, tmp_path: Path) -> None:
    """Each mistake gives one line and exit code 2, and no output is written."""
    old = hundred / "old.jsonl"
    other = tmp_path / "other.jsonl"
    header = json.loads(old.read_text().splitlines()[0])
    header["metrics"]["psnr"]["version"] = "0"
    other.write_text(json.dumps(header) + "\n")

    def refused(*arguments: object, words: tuple[str, ...]) -> None:
        one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "-o", tmp_path / "new.csv", *arguments), *words)

    refused("--baseline", other, words=("other.jsonl", "version 0", "make a new baseline"))
    refused("--baseline", old, "--size", "crop", words=("old.jsonl", "--size"))
    refused("--baseline", old, "--alpha", "white", words=("old.jsonl, alpha is worst, but in this run it is white",))
    refused("--baseline", old, "--bits", "12", words=("range or bits is none, but in this run it is 0,4095",))
    refused("--baseline", f"{BEFORE}/cat.png", words=("cat.png", "not a result of eyediff"))
    refused("--tolerance", "0.1", words=("--tolerance", "--baseline"))
    refused("--baseline", old, "--tolerance", "psnr=", words=("--tolerance psnr=", "NAME=X"))
    refused("--baseline", old, "--tolerance", "-1", words=("--tolerance -1", "0 or larger"))
    refused("--baseline", old, "--tolerance", "ssim=1", words=("ssim", "--metric"))
    refused("--baseline", old, "--tolerance", "1", "--tolerance", "2", words=("twice",))
    refused("--baseline", tmp_path / "new.csv", words=("--output", "--baseline", "same file"))
    refused("--junit", tmp_path / "no" / "out.xml", words=("out.xml",))
    refused("--plot", tmp_path / "out.jpg", words=("out.jpg", ".png", ".svg"))
    refused("--plot", tmp_path / "no" / "out.svg", words=("out.svg",))
    assert [path.name for path in tmp_path.iterdir()] == ["other.jsonl"]


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv"])
def test_a_baseline_knows_the_settings_of_its_pixels(call, tmp_path: Path, suffix: str) -> None:
    """The baseline must have the same background and range as the run.

    CSV does not store these settings. The scores are then compared, and the run fails with exit code 1.
    """
    old, run = (
        tmp_path / f"old.{suffix}",
        ("compare", BEFORE, AFTER, "-m", "psnr", "--alpha", "white", "--range", "-1,255"),
    )
    assert call(*run, "-o", old).code == 0
    assert call(*run, "--baseline", old).code == 0
    assert call(*run[:-2], "--baseline", old).code == (1 if suffix == "csv" else 2)


def test_the_tolerance_is_for_all_or_by_metric(call, tmp_path: Path) -> None:
    """A number alone is the tolerance of every metric. NAME=X takes precedence for its metric."""
    old = tmp_path / "old.jsonl"
    call("compare", f"{BEFORE}/cat.png", f"{AFTER}/cat.png", "-m", "l2,ssim", "-o", old)
    text = old.read_text()
    shifted = text.replace('"l2": 0.00', '"l2": 0.000')
    assert shifted != text
    old.write_text(shifted)
    again = ("compare", f"{BEFORE}/cat.png", f"{AFTER}/cat.png", "-m", "l2,ssim", "--baseline", old)
    assert call(*again).code == 1
    assert call(*again, "--tolerance", "0.1").code == 0
    assert call(*again, "--tolerance", "l2=0.1", "--tolerance", "0").code == 0
    assert call(*again, "--tolerance", "l2=0", "--tolerance", "0.1").code == 1


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_plot_is_drawn(call, tmp_path: Path, suffix: str) -> None:
    """The plot shows every metric and pair of metrics and has the same bytes in each run.

    No other file is written to the folder.
    """
    for name in ("one", "two"):
        assert call("compare", BEFORE, AFTER, "-m", "psnr,ssim", "--plot", tmp_path / f"{name}.{suffix}").code == 0
    one, two = (tmp_path / f"{name}.{suffix}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [one.name, two.name]
    if suffix == "svg":
        text = one.read_text()
        assert "psnr (higher is better)" in text and "rank correlation" in text
    else:
        with Image.open(one) as picture:
            assert min(picture.size) > 500


def test_without_matplotlib_a_plot_is_one_line_before_any_work(
    call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib, --plot is refused with one line that says what to install. No file is written."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    said = call("compare", BEFORE, AFTER, "-m", "psnr", "-o", tmp_path / "out.csv", "--plot", tmp_path / "out.png")
    one_line(said, "pip install 'eyediff[plot]'")
    assert list(tmp_path.iterdir()) == []
