"""Tests of learning from votes: training finds what simulated observers follow, and changes nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from eyediff import nn
from eyediff.cli import run as command
from eyediff.metrics.backbones import MINI, SQUEEZE
from eyediff.training.ranking.data import VoteSplit, hold_out
from eyediff.training.ranking.train import METRIC, PLOT
from eyediff.training.ranking.train_config import TrainConfig
from eyediff.weights import canonical_sha256, read_metric

from .runs import PART, RECIPE, first, go, last, of, seeded
from .simulated import Simulated, agreement, mini


def test_training_recovers_what_observers_follow(study: Simulated, trained: Path) -> None:
    """Agreement with held-out votes is within 1.5 points of that of the observers' own linear weights.

    It is far above that of the unweighted backbone, with which training begins. 240 judgements do not determine
    hundreds of weights better.
    """
    val = hold_out(study.triplets, PART, 0).val
    ceiling = study.agreement_of_truth(val)
    assert last(trained)["mean"] >= ceiling - 0.015
    assert last(trained)["mean"] >= first(trained)["mean"] + 0.08
    assert last(trained)["epoch"] == 40
    assert set(last(trained)["subsets"]) == {"even", "odd"}


def test_the_result_is_a_metric_by_its_name(study: Simulated, trained: Path) -> None:
    """The distances of the metric file have the agreement that the log states.

    The file has only linear weights, none below 0, for the published backbone.
    """
    file = trained / METRIC
    found = read_metric(file)
    assert found.parameters is None
    assert found.description.mode == "head"
    assert found.description.provenance["last"]["mean"] == last(trained)["mean"]
    assert min(head.min() for head in found.heads) >= 0
    val = hold_out(study.triplets, PART, 0).val
    module = nn.LPIPS(str(file), reduction="none", value_range=(0, 255))
    columns = zip(*((t.reference, t.a, t.b) for t in val), strict=True)
    pictures = [torch.stack([of(path) for path in paths]) for paths in columns]
    distances = torch.stack([module(pictures[0], pictures[1]), module(pictures[0], pictures[2])], 1).numpy()
    assert agreement(distances, val) == pytest.approx(last(trained)["mean"], abs=1e-6)
    assert command(["compare", str(val[0].reference), str(val[0].a), "--metric", str(file)]) == 0
    assert (trained / PLOT).exists() == bool(pytest.importorskip("matplotlib"))


@pytest.mark.parametrize("mode", ["head", "tune"])
def test_projection_touches_heads_alone(mode: str, study: Simulated, tmp_path: Path) -> None:
    """No linear weight is below 0 after a training whose first steps would make some weights negative.

    SqueezeNet's 1x1 convolutions keep their negative weights, although the published code projects them, too. In the
    mode head, they stay the same to the last bit.
    """
    start = seeded(SQUEEZE)
    before = {name: tensor.numpy(force=True).copy() for name, tensor in start.module.named_parameters()}
    recipe = TrainConfig(mode=mode, epochs=2, decay=0, batch=4, rate=0.03 if mode == "head" else 1e-3)
    found = read_metric(go(VoteSplit(study.triplets[:16], ()), start, tmp_path / "run", recipe))
    heads = np.concatenate(found.heads)
    assert (heads >= 0).all()
    if mode == "head":
        assert (heads == 0).any()
        assert found.description.trunk_sha256 == canonical_sha256(before) == canonical_sha256(found.parameters)
        return
    for name, array in found.parameters.items():
        assert not np.array_equal(array, before[name]) or name.endswith("bias"), name
        # 8 steps of Adam at 1e-3 change a weight by about 0.008, and a tenth of the weights are that close to 0
        if array.shape[2:] == (1, 1):
            assert (array < 0).mean() == pytest.approx((before[name] < 0).mean(), abs=0.1)
            assert (array != 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["tune", "scratch"])
def test_training_the_trunk_improves_on_its_start(mode: str, study: Simulated, tmp_path: Path) -> None:
    """A backbone that is trained agrees better than before, from its own or from random weights.

    The agreement rose by 2.5 points or more where this test was written. Rounding on another machine may cost some of
    it.
    """
    recipe = TrainConfig(mode=mode, epochs=12, decay=3, batch=20, rate=5e-3, dropout=0.0, side=32)
    start = mini() if mode == "tune" else seeded(MINI)
    votes = hold_out(study.triplets, PART, 0)
    found = read_metric(go(votes, start, tmp_path / "run", recipe))
    assert found.description.mode == mode
    assert found.parameters is not None
    assert last(tmp_path / "run")["mean"] > first(tmp_path / "run")["mean"] + 0.01


def test_heads_on_a_module_of_ones_own(
    study: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--trunk file:factory` is found from the current folder.

    In Python, the metric file is used with the module of the factory.
    """
    (tmp_path / "ownnet.py").write_text(
        "import torch\ndef make():\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU())\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    call = ["train", str(study.table), "-o", "run", "--trunk", "ownnet:make", *RECIPE, "--no-plot"]
    assert command(call) == 2
    assert "needs --taps" in capsys.readouterr().err
    assert command([*call, "--taps", "nowhere"]) == 2
    assert not (tmp_path / "run").exists()
    assert command([*call, "--taps", "1"]) == 0
    module = sys.modules.pop("ownnet").make()
    metric = nn.LPIPS.from_module(module, ["1"], heads="run/metric.safetensors", side=64, value_range=(0, 255))
    triplet = study.triplets[0]
    assert metric(of(triplet.reference)[None], of(triplet.a)[None]).item() > 0


def test_first_weights_alone_need_no_votes(tmp_path: Path) -> None:
    """`--init gaussian` without DATA writes the metric of a backbone that has learned nothing."""
    assert command(["train", "-o", str(tmp_path), "--trunk", "mini", "--init", "gaussian"]) == 0
    assert read_metric(tmp_path / METRIC).description.mode == "gaussian"
