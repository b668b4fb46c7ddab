"""Tests of the comparison with an earlier run: the rules for worse scores."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.errors import UsageError
from eyediff.gates import Baseline, format_verdict
from eyediff.records import Summary
from tests.unit.output.samples import HEADER

from .made import Scores, against, earlier

SAME: Scores = {f"{i:03}.png": (0.1 + i / 1000, 30.0 + i / 10) for i in range(100)}


def changed(by: float, pairs: int = 1, better: float = 0) -> Scores:
    """Return scores in which the first pairs are worse by `by` in LPIPS, and all other pairs are better by `better`."""
    return {
        name: (lpips + by if i < pairs else lpips - better, psnr)
        for i, (name, (lpips, psnr)) in enumerate(SAME.items())  # type: ignore[misc]
    }


def test_the_same_run_again_passes(tmp_path: Path) -> None:
    """A second run with the same 100 scores passes: no pair is worse, and no pair is missing."""
    verdict = against(earlier(tmp_path, SAME), SAME).verdict()
    assert not verdict.failed and not verdict.gaps and verdict.compared == 100
    assert all(drift.shift.interval == (0, 0) and drift.shift.p == 1 for drift in verdict.drifts)


def test_one_pair_of_a_hundred_that_is_worse_is_caught(tmp_path: Path) -> None:
    """A pair that is worse by more than the tolerance is found, in the direction of the metric.

    Smaller losses and improvements pass.
    """
    before = earlier(tmp_path, SAME)
    verdict = against(before, changed(0.0002)).verdict()
    (worse,) = verdict.worse
    assert verdict.failed and (worse.pair, worse.metric) == ("000.png", "lpips")
    assert worse.worsening == pytest.approx(0.0002) and worse.tolerance == defaults.TOLERANCE
    assert not against(before, changed(0.00005)).verdict().failed
    assert not against(before, changed(-0.05)).verdict().failed
    assert not against(before, changed(0.0002), lpips=0.001).verdict().failed
    louder = {**SAME, "007.png": (SAME["007.png"][0], 29.0)}  # type: ignore[index]
    assert [found.metric for found in against(before, louder).verdict().worse] == ["psnr"]
    assert not against(before, louder, psnr=math.inf).verdict().failed


def test_many_losses_within_the_tolerance_are_a_loss(tmp_path: Path) -> None:
    """If every pair is worse by half the tolerance, the mean fails but no pair does.

    A loss below the differences between machines passes. A metric with an infinite tolerance is not checked.
    """
    before = earlier(tmp_path, SAME)
    verdict = against(before, changed(0.005, 100), lpips=0.01).verdict()
    assert not verdict.worse and [drift.fails for drift in verdict.drifts] == [True, False] and verdict.failed
    assert not against(before, changed(0.00005, 100), lpips=0.01).verdict().failed
    assert not against(before, changed(0.005, 100), lpips=math.inf).verdict().failed


def test_a_summary_is_completed_with_the_result(tmp_path: Path) -> None:
    """A worse mean or pair makes the summary `crossed`.

    Pairs that only one run has make it `incomplete`. Otherwise it is `pass`.
    """
    before, plain = earlier(tmp_path, SAME), Summary(100, 0, {})
    assert against(before, SAME).complete(plain) == plain and plain.verdict == "pass"
    for tolerance, words in ((0.01, "mean worse by lpips"), (0.0001, "100 pairs worse beyond tolerance, mean worse")):
        found = against(before, changed(0.005, 100), lpips=tolerance).complete(plain)
        assert found.verdict == "crossed" and words in found.regressions[0] and not found.gaps
    found = against(before, dict(list(SAME.items())[1:])).complete(plain)
    assert (found.verdict, found.gaps) == ("incomplete", (f"1 pair with a score only in {before.path}",))


def test_chance_does_not_make_a_mean_worse(tmp_path: Path) -> None:
    """Noise within the tolerance around no change rarely makes a mean worse.

    The two tests (2.5 % each, and not independent) together fail in one run of forty or fewer. Five or more failures in
    40 runs would occur once in 300 such tests.
    """
    before, rng = earlier(tmp_path, SAME), np.random.default_rng(1)
    failed = 0
    for _ in range(40):
        now = {name: (scores[0] + rng.normal(0, 0.002), scores[1]) for name, scores in SAME.items()}  # type: ignore[index]
        failed += against(before, now, lpips=0.1).verdict().failed
    assert failed < 5


def test_pairs_of_one_run_only_are_listed(tmp_path: Path) -> None:
    """Pairs that are gone, new, failed in this run or failed in the earlier run are listed and not compared.

    Pairs that a stopped run did not reach are not listed.
    """
    before = earlier(
        tmp_path, {"both.png": (0.1, 30), "gone.png": (0.1, 30), "torn now.png": (0.1, 30), "torn.png": None}
    )
    now: Scores = {"both.png": (0.1, 30), "new.png": (0.9, 3), "torn now.png": None, "torn.png": (0.9, 3)}
    verdict = against(before, now).verdict()
    assert (verdict.compared, verdict.gone, verdict.new) == (1, ("gone.png", "torn now.png"), ("new.png", "torn.png"))
    old = before.path
    assert not verdict.failed
    assert verdict.gaps == (f"2 pairs with a score only in {old}", "2 pairs with a score only in this run")
    stopped = against(before, {}).complete(Summary(0, 0, {}, interrupted=True))
    assert (stopped.gaps, stopped.verdict) == ((), "interrupted"), "not reached is not gone"


def test_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    """Another version, other weights, another size policy and a missing metric are refused with the difference.

    Another engine is accepted.
    """
    before = earlier(tmp_path, SAME)
    lpips = HEADER.metrics["lpips"]

    def refused(match: str, **changes: object) -> None:
        with pytest.raises(UsageError, match=match):
            Baseline(before, replace(HEADER, **changes))  # type: ignore[arg-type]

    refused(
        "lpips has version 0.1, but in this run it has version 0.0", metrics={"lpips": replace(lpips, version="0.0")}
    )
    refused(
        "weights 0123456789ab, but in this run it has weights ffff",
        metrics={"lpips": replace(lpips, weights_sha256="f" * 64)},
    )
    refused("size='refuse', but this run has size='crop'", size="crop")
    refused("has no scores of ssim, only of lpips, psnr", metrics={"ssim": lpips})
    Baseline(before, replace(HEADER, metrics={"lpips": replace(lpips, engine="another")}, eyediff="9"))


def test_the_verdict_is_told_with_figures(tmp_path: Path) -> None:
    """The verdict states each loss and the limit that it exceeds.

    Long lists are cut, and the number of omitted lines is stated.
    """
    now = {**changed(0.01, 30), "000.png": (0.1101, 30.0)}
    lines = list(format_verdict(against(earlier(tmp_path, SAME), now).verdict(), most=2))
    assert lines[0].endswith("old.jsonl: 100 pairs, 30 pairs worse beyond tolerance, mean worse by lpips")
    assert lines[1] == "  worse: lpips 0.10000 -> 0.11010, worse by 0.010100 (tolerance 0.0001)  000.png"
    assert lines[3] == "  ... and 28 more like it"
    assert lines[4].startswith("  worse: mean lpips worse by 0.0030010 (95 % 0.00")
    assert lines[4].endswith("30 worse, 0 better, sign test p 1.86e-09")
    assert lines[5] == "  mean psnr unchanged; 0 worse, 0 better, sign test p 1"
    better = list(format_verdict(against(earlier(tmp_path, SAME), changed(-0.01, 30)).verdict()))
    assert better[1].startswith("  mean lpips better by 0.0030000 (95 % 0.00") and len(better) == 3


def test_the_worst_is_told_first(tmp_path: Path) -> None:
    """The worst losses come first.

    Losses are compared in tolerances, so that metrics of different units have one order.
    """
    now = {**changed(0.01), "001.png": (0.5, 30.1), "002.png": (0.102, 29.0)}
    lines = list(format_verdict(against(earlier(tmp_path, SAME), now, psnr=0.5).verdict()))
    assert [line.split()[-1] for line in lines[1:4]] == ["001.png", "000.png", "002.png"]
