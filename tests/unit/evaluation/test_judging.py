"""Tests from a study to its results: values by hand, and simulated votes with a known truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.errors import SizeError
from eyediff.evaluation.agreement import ShorterSide, judge
from eyediff.evaluation.results import lines
from eyediff.metrics import backbones as trunks
from eyediff.scoring import factory as wiring
from eyediff.scoring.metric_spec import parse_metric
from eyediff.training.init import write_initial_metric
from eyediff.votes import read_study
from eyediff.votes.simulate import TRUTH, Observer, SimulationSettings, simulate

from ...golden.lpips_cases import EXAMPLES
from ..votes.studies import bapps, picture


def test_a_study_by_hand(tmp_path: Path) -> None:
    """Gray levels against 100 give psnr's order: nearer b, tie, nearer a.

    A tie scores 0.5, and votes count as fractions.
    """
    root = bapps(tmp_path, {"cnn": [(120, 110, 0.8), (90, 110, 0.8)], "traditional": [(101, 130, 0.4)]})
    found = judge(read_study(root, "2afc"), ["psnr"], resamples=20)
    assert found.line("psnr", "cnn", "agreement").value == pytest.approx((0.8 + 0.5) / 2, abs=1e-7)  # float32 votes
    assert found.line("psnr", "distortion", "agreement").value == pytest.approx((0.65 + 0.6) / 2, abs=1e-7)
    assert found.line("human", "cnn", "agreement").value == pytest.approx(0.68, abs=1e-7)
    with pytest.raises(SizeError, match="ms-ssim needs sides of at least 161 pixels"):
        judge(read_study(root, "2afc"), ["ms-ssim"])


@pytest.mark.parametrize("side", ["keep", 16])
def test_what_compare_scores_is_judged(tmp_path: Path, side: ShorterSide) -> None:
    """Two transparent images get the worse score, and 16 bits beside 8 bits use the wider type.

    A pair with only one transparent image has no score.
    """
    rng = np.random.default_rng(4)
    levels = rng.integers(0, 256, (2, 32, 32, 4), np.uint8)
    for name, pixels in zip("ab", levels, strict=True):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
        Image.fromarray(pixels[..., :3].copy()).save(tmp_path / f"opaque-{name}.png")
    Image.fromarray(levels[1, ..., 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    Image.fromarray(levels[0, ..., 0].copy()).save(tmp_path / "gray.png")
    pairs = (("a", "b"), ("gray", "deep"), ("a", "opaque-b"))
    table = tmp_path / "votes.csv"
    table.write_text("a,b,same,total\n" + "".join(f"{one}.png,{two}.png,1,3\n" for one, two in pairs))
    found = judge(read_study(table, "jnd"), "psnr", resamples=0, side=side)
    scores = found.scores["psnr"][:, 0]
    assert list(found.failed) == [2] and "only the reference is transparent" in found.failed[2].message
    assert np.isfinite(scores[:2]).all()
    if side == "keep":
        for score, (one, two) in zip(scores[:2], pairs, strict=False):
            assert score == eyediff.distance(tmp_path / f"{one}.png", tmp_path / f"{two}.png", "psnr")


def test_a_reference_is_looked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of a reference are computed once.

    Forty rows of two alternating references compute the features of two images. Eighty images are compared with these
    features.
    """
    lines = ["reference,a,b,votes_a,votes_b"]
    for level in (100, 200):
        picture(tmp_path / f"r{level}.png", level)
    for number in range(40):
        picture(tmp_path / f"{number}.png", number)
        picture(tmp_path / f"{number}b.png", 50 + number)
        lines.append(f"r{100 if number % 2 else 200}.png,{number}.png,{number}b.png,1,1")
    (tmp_path / "votes.csv").write_text("\n".join(lines))
    looked, features = list[int](), NetworkEngine.features
    monkeypatch.setattr(NetworkEngine, "features", lambda self, x: looked.append(len(x)) or features(self, x))
    judge(read_study(tmp_path / "votes.csv", "2afc"), ["lpips-mini"], resamples=0)
    assert sum(looked) == 2


@pytest.mark.slow
def test_simulated_votes_give_what_their_truth_expects(tmp_path: Path) -> None:
    """The observers' metric agrees with the votes as expected.

    The votes of each triplet vary by p (1 - p) / 5, so the standard error of the mean follows from the preferences.
    Four standard errors are allowed. The same plan gives the same bytes.
    """
    wired = wiring.build_metric(parse_metric("psnr"), OnnxRunner("cpu"))
    follows = Observer("psnr", wired.engine, True, wired.header)
    for name in ("one", "two"):
        simulate(tmp_path / name, SimulationSettings(count=40, seed=3), follows)
    files = [{p.relative_to(f): p.read_bytes() for p in f.rglob("*.*") if p.is_file()} for f in
             (tmp_path / "one", tmp_path / "two")]  # fmt: skip
    assert files[0] == files[1]
    truth = json.loads((tmp_path / "one" / TRUTH).read_text())
    found = judge(read_study(tmp_path / "one", "2afc"), ["psnr"], resamples=0)
    for subset, expected in truth["expected"]["val"].items():
        p = np.array(truth["preferences"]["val"][subset])
        error = np.sqrt((p * (1 - p) / 5).sum()) / len(p)
        value = found.line("psnr", subset, "agreement").value
        assert value == pytest.approx(expected["observer"], abs=4 * error)


def test_bad_votes_end_with_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing image gives exit code 2, one line on standard error, an empty standard output and no output file."""
    root = bapps(tmp_path / "d", {"cnn": [(120, 110, 0.8)]})
    (root / "2afc/val/cnn/p1/000000.png").unlink()
    assert run(["eval", "2afc", str(root), "-o", str(tmp_path / "out.json"), "--metric", "psnr"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "p1/000000.png: missing" in said.err
    assert not (tmp_path / "out.json").exists()


def test_observers_follow_a_metrics_file(tmp_path: Path) -> None:
    """The truth of the simulation names the metrics file.

    Users may give their own photos, and a table keeps its image size.
    """
    metric = tmp_path / "mine.safetensors"
    write_initial_metric(metric, trunks.MINI, "gaussian", 0)
    call = ["eval", "simulate", str(tmp_path / "study"), "--count", "2", "--observer", str(metric)]
    assert run([*call, "--photos", str(EXAMPLES / "before")]) == 0
    assert "mine.safetensors" in (tmp_path / "study/simulation.json").read_text()
    assert run(["eval", "2afc", str(tmp_path / "study"), "--metric", "psnr", "--side", "keep"]) == 0


def test_the_figures_of_metrics_that_scored_the_same_items_do_not_depend_on_others(tmp_path: Path) -> None:
    """A metric that scored fewer items changes no value, interval or difference of the other metrics."""
    pairs = [(120, 110, 0.8), (90, 110, 0.8), (101, 130, 0.4), (99, 98, 0.2)]
    study = read_study(bapps(tmp_path, {"cnn": pairs, "traditional": pairs[::-1]}), "2afc")
    alone = judge(study, ["psnr", "l2"], resamples=50)
    scores = {**alone.scores, "less": np.where(np.arange(8)[:, None] % 4 == 1, np.nan, alone.scores["l2"] * 2)}
    higher = {**alone.header.higher_is_better, "less": False}
    more = replace(alone, scores=scores, header=replace(alone.header, higher_is_better=higher))
    found = lines(more)
    assert [line for line in found if "less" not in (line.metric, line.against)] == list(alone.lines)
    (apart,) = [line for line in found if (line.metric, line.against, line.subset) == ("l2", "less", "cnn")]
    assert apart.items == 3 and apart.estimate.value == 0
