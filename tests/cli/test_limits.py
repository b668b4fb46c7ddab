"""Tests of limits on the command line: on good scores, on the mean, and with another name of the metric."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run

SIDE = 24


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Write two folders of three pairs with increasing differences."""
    rng = np.random.default_rng(5)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
    for number, noise in enumerate((2, 8, 32)):
        levels = rng.integers(40, 216, (SIDE, SIDE, 3)).astype(np.int64)
        other = levels + rng.integers(-noise, noise + 1, levels.shape)
        Image.fromarray(levels.astype(np.uint8)).save(tmp_path / "a" / f"{number}.png")
        Image.fromarray(other.astype(np.uint8)).save(tmp_path / "b" / f"{number}.png")
    return [str(tmp_path / "a"), str(tmp_path / "b")]


@pytest.mark.parametrize(
    ("option", "limit", "words"),
    [
        ("--max", "ssim=0.9", "a higher ssim is better"),
        ("--min", "gmsd=0.1", "a lower gmsd is better"),
        ("--max-mean", "psnr=30", "a higher psnr is better"),
        ("--min-mean", "l2=0.1", "a lower l2 is better"),
    ],
)
def test_a_limit_on_the_good_side_is_refused(
    option: str, limit: str, words: str, folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit on the good side of a metric is refused, because it would pass unrelated images."""
    metrics = "ssim,gmsd,psnr,l2"
    assert run(["compare", *folders, "-m", metrics, option, limit]) == 2
    assert words in capsys.readouterr().err


def test_the_mean_has_a_limit(folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit just below the mean score passes, and a limit just above it fails.

    JSON, JUnit, the text and standard error report the failure.
    """
    out, cases = tmp_path / "out.json", tmp_path / "cases.xml"
    words = ["compare", *folders, "-m", "psnr", "-o", str(out), "--junit", str(cases)]
    assert run(words) == 0
    mean = json.loads(out.read_text())["summary"]["metrics"]["psnr"]["mean"]
    assert run([*words, "--min-mean", f"psnr={mean - 0.1}"]) == 0
    assert "mean_crossings" not in json.loads(out.read_text())["summary"]
    capsys.readouterr()
    assert run([*words, "--min-mean", f"psnr={mean + 0.1}"]) == 1
    assert "mean psnr beyond its limit" in capsys.readouterr().err
    (crossing,) = json.loads(out.read_text())["summary"]["mean_crossings"]
    assert crossing == {"metric": "psnr", "limit": mean + 0.1, "mean": mean}
    root = ET.fromstring(cases.read_text())  # noqa: S314  # ours
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == [
        "the mean of psnr"
    ]
    assert run(["compare", *folders, "-m", "psnr", "--min-mean", f"psnr={mean + 0.1}"]) == 1
    assert "the mean of psnr" in capsys.readouterr().out


@pytest.mark.parametrize(("column", "other"), [("ssim", "ssim@wang"), ("ssim@wang", "ssim"), ("psnr@1", "psnr")])
def test_a_metric_has_several_names(column: str, other: str, folders: list[str], tmp_path: Path) -> None:
    """Limits, the baseline and its tolerance accept each name of the same metric."""
    words = ["compare", *folders, "-m", column]
    assert run([*words, "--min", f"{other}=1000"]) == 1
    earlier = str(tmp_path / "earlier.jsonl")
    assert run(["compare", *folders, "-m", other, "-o", earlier]) == 0
    assert run([*words, "--baseline", earlier]) == 0
    assert run([*words, "--baseline", earlier, "--tolerance", f"{other}=0.1"]) == 0
    assert run([*words, "--min", f"{column}=0", "--min", f"{other}=0"]) == 2
    assert run([*words, "--baseline", earlier, "--tolerance", "l2=0.1"]) == 2


def test_another_variant_is_another_metric(folders: list[str], tmp_path: Path) -> None:
    earlier = str(tmp_path / "earlier.jsonl")
    assert run(["compare", *folders, "-m", "ssim@skimage", "-o", earlier]) == 0
    assert run(["compare", *folders, "-m", "ssim", "--baseline", earlier]) == 2
    assert run(["compare", *folders, "-m", "ssim", "--min", "ssim@skimage=0.5"]) == 2
