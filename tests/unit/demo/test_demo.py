"""Tests of `eyediff demo`: it has its own images, works offline and without torch, and shows that metrics disagree."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
from PIL import Image

from eyediff import comparison as api
from eyediff.demo import TrialResult, run_demo
from eyediff.demo.run import read_scene
from eyediff.demo.trials import TRIALS, Trial
from eyediff.errors import EyediffError, OutputError
from eyediff.records import ScoredPair

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "draw_scenes.py"

CALL = """
import sys
from eyediff.cli import run
code = run(["demo", "-o", sys.argv[1]])
sys.exit(code or 9 * bool({"torch", "matplotlib"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the demo in its own process, without weights to find and without a network.

    Return the folder and the output.
    """
    root = tmp_path_factory.mktemp("demo")
    hidden = {"EYEDIFF_OFFLINE": "1", "EYEDIFF_HOME": f"{root}/home", "TORCH_HOME": f"{root}/torch"}
    environment = {name: value for name, value in os.environ.items() if name != "EYEDIFF_WEIGHTS"} | hidden
    call = [sys.executable, "-c", CALL, f"{root}/out"]
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return root / "out", done.stdout


def test_the_metrics_disagree_in_every_trial(shown: tuple[Path, str]) -> None:
    """PSNR and SSIM rate the candidate without detail as closer, and LPIPS rates the other one.

    The table says so four times.
    """
    lines = shown[1].splitlines()
    assert [lines[6 * i + 4].split()[:3] for i in range(4)] == [
        [trial.coarse.name, trial.coarse.name, trial.slight.name] for trial in TRIALS
    ]
    assert "PSNR and SSIM disagree with LPIPS in 4 of 4" in shown[1] and "lpips-alex" not in shown[1]


def test_compare_says_the_same(shown: tuple[Path, str]) -> None:
    """`eyediff compare` accepts the two folders, and its scores are those that the demo printed.

    The report names every pair.
    """
    result = api.compare(shown[0] / "reference", shown[0] / "candidate", ["psnr"])
    rows = {row.pair.name: row.scores["psnr"] for row in result.rows if isinstance(row, ScoredPair)}
    assert len(rows) == len(result.rows) == 2 * len(TRIALS)
    assert all(f"{score:.3f}" in shown[1] for score in rows.values())
    page = (shown[0] / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in rows) and "report.html" in shown[1].splitlines()[-1]


def test_the_figure_shows_what_was_compared(shown: tuple[Path, str]) -> None:
    """The figure contains all twelve images, pixel for pixel."""
    with Image.open(shown[0] / "demo.png") as picture:
        page = np.asarray(picture.convert("RGB"))
    for path in [*(shown[0] / "reference").iterdir(), *(shown[0] / "candidate").iterdir()]:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
        place = page.tobytes().find(pixels[96].tobytes()) // 3  # find one row, then compare all rows
        assert place > 0, path.name
        y, x = place // page.shape[1] - 96, place % page.shape[1]
        np.testing.assert_array_equal(page[y : y + 192, x : x + 192], pixels)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.scene)
def test_a_scene_is_what_its_script_draws(trial: Trial) -> None:
    """A scene equals the output of its script, up to the rounding of another processor.

    Its levels spread like those of photos.
    """
    script = run_path(str(SCRIPT))
    scene = read_scene(trial.scene)
    assert scene.shape == (192, 192, 3) and scene.dtype == np.uint8 and 25 < scene.std() < 90
    assert np.abs(scene.astype(int) - script["draw"](trial.scene)).mean() < 0.01


def test_agreement_is_not_called_disagreement() -> None:
    """Metrics disagree only if all old metrics prefer one candidate and all LPIPS metrics prefer the other."""
    trial = TRIALS[0]

    def verdict(**closer: bool) -> TrialResult:
        names = {name.replace("_", "-"): trial.slight if slight else trial.coarse for name, slight in closer.items()}
        return TrialResult(trial, ({}, {}), names)

    assert verdict(psnr=False, ssim=False, lpips_mini=True).disagrees
    assert not verdict(psnr=True, ssim=True, lpips_mini=True).disagrees
    assert not verdict(psnr=False, ssim=True, lpips_mini=True).disagrees
    assert not verdict(psnr=False, ssim=False, lpips_mini=True, lpips_alex=False).disagrees


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in place of the folder, or other images in the folder, are refused by name. No false figure is written."""
    monkeypatch.setattr("eyediff.demo.run.read_scene", lambda name: read_scene(name)[:40, :40])
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        run_demo(tmp_path / "file")
    (tmp_path / "out" / "reference").mkdir(parents=True)
    Image.new("RGB", (40, 40)).save(tmp_path / "out" / "reference" / "mine.png")
    with pytest.raises(EyediffError, match="empty folder"):
        run_demo(tmp_path / "out")
    assert not (tmp_path / "out" / "demo.png").exists()
