"""Learning from votes: what is known of simulated observers is found again, and nothing else is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eyediff import lpips, nn
from eyediff.cli import run as command
from eyediff.errors import OutputError, ResumeError, UsageError
from eyediff.learn.log import LOG
from eyediff.learn.ranking import network, source
from eyediff.learn.ranking.data import Votes, held_out, patch
from eyediff.learn.ranking.recipe import Recipe
from eyediff.learn.ranking.run import Run
from eyediff.learn.ranking.start import Start, of_network
from eyediff.learn.ranking.train import BEST, METRIC, PLOT, SAVED, train
from eyediff.learn.student import initial, weights
from eyediff.reports.files import Lock
from eyediff.trunks import MINI, SQUEEZE, Trunk
from eyediff.weights import canonical_sha256, read_metric

from .simulated import Simulated, agreement, mini, simulated

COUNT, REFERENCES, PART = 400, 100, 0.4

RECIPE = ("--rate", "1e-2", "--epochs", "20", "--decay", "20", "--hold-out", str(PART))
OPTIONS = ("--trunk", "mini", *RECIPE, "--no-plot")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """400 judgements on 100 generated pictures."""
    return simulated(tmp_path_factory.mktemp("study"), COUNT, REFERENCES)


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in one order, so that figures repeat to the last bit on any machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(study: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training by the command, from beginning to end."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert command(["train", str(study.table), "-o", str(folder), *OPTIONS[:-1]]) == 0
    torch.set_num_threads(before)
    return folder


def last(folder: Path) -> dict[str, object]:
    return json.loads((folder / LOG).read_text().splitlines()[-1])


def first(folder: Path) -> dict[str, object]:
    return json.loads((folder / LOG).read_text().splitlines()[0])


def seeded(trunk: Trunk, seed: int = 5) -> Start:
    """A trunk whose parameters are drawn from a seed: no file is needed."""
    parts = weights(initial(trunk, seed))
    own = {name: array for name, array in parts.items() if name in trunk.shapes}
    return of_network(lpips.Network(trunk, own, None), official=False)


def of(path: Path) -> torch.Tensor:
    """An image as the modules take it, 0 to 255."""
    return torch.from_numpy(np.asarray(Image.open(path), np.float32)).permute(2, 0, 1)


def go(votes: Votes, start: Start, folder: Path, recipe: Recipe, resume: bool = False) -> Path:
    outcome = train(votes, start, folder, recipe, resume=resume, workers=2, device="cpu", report=lambda *what: None)
    return outcome.metric


def test_training_recovers_what_observers_follow(study: Simulated, trained: Path) -> None:
    """Agreement with votes that were held out is within a point of that of the observers' own heads, and far above the
    unweighted trunk's, which is what training begins with."""
    val = held_out(study.triplets, PART, 0).val
    ceiling = study.agreement_of_truth(val)
    assert last(trained)["mean"] >= ceiling - 0.01
    assert last(trained)["mean"] >= first(trained)["mean"] + 0.1
    assert last(trained)["epoch"] == 40
    assert set(last(trained)["subsets"]) == {"even", "odd"}


def test_the_result_is_a_metric_by_its_name(study: Simulated, trained: Path) -> None:
    """What the file says of pairs is what the log says of agreement; it brings heads alone, none below 0, for the
    trunk as it is published."""
    file = trained / METRIC
    found = read_metric(file)
    assert found.parameters is None
    assert found.form.mode == "head"
    assert found.form.provenance["last"]["mean"] == last(trained)["mean"]
    assert min(head.min() for head in found.heads) >= 0
    val = held_out(study.triplets, PART, 0).val
    module = nn.LPIPS(str(file), reduction="none", value_range=(0, 255))
    columns = zip(*((t.reference, t.a, t.b) for t in val), strict=True)
    pictures = [torch.stack([of(path) for path in paths]) for paths in columns]
    distances = torch.stack([module(pictures[0], pictures[1]), module(pictures[0], pictures[2])], 1).numpy()
    assert agreement(distances, val) == pytest.approx(last(trained)["mean"], abs=1e-6)
    assert command(["compare", str(val[0].reference), str(val[0].a), "--metric", str(file)]) == 0
    assert (trained / PLOT).exists() == bool(pytest.importorskip("matplotlib"))


def test_a_killed_training_goes_on_to_the_same_bytes(study: Simulated, trained: Path, tmp_path: Path) -> None:
    """Killed between two steps and gone on with, the files are those of the training that nobody stopped, which is
    also what the same seed gives a second time."""
    folder = tmp_path / "run"
    call = [sys.executable, "-m", "eyediff", "train", str(study.table), "-o", str(folder), *OPTIONS]
    with subprocess.Popen(call, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE) as process:
        while process.poll() is None and (not (folder / LOG).exists() or (folder / LOG).read_bytes().count(b"\n") < 6):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / METRIC).exists()
    assert command(["train", str(study.table), "-o", str(folder), *OPTIONS]) == 2
    assert command(["train", str(study.table), "-o", str(folder), *OPTIONS, "--resume"]) == 0
    for name in (METRIC, BEST, LOG, SAVED):
        assert (folder / name).read_bytes() == (trained / name).read_bytes(), name


def test_a_kill_before_the_first_best_is_made_good(
    study: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the log's first line and the file that belongs to it: the file is written when the run goes on."""

    def interrupted(run: Run) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "advance", interrupted)
    call = ["train", str(study.table), "-o", str(tmp_path / "run"), *OPTIONS]
    assert command(call) == 130
    first = (tmp_path / "run" / BEST).read_bytes()
    (tmp_path / "run" / BEST).unlink()
    assert command([*call, "--resume"]) == 130
    assert (tmp_path / "run" / BEST).read_bytes() == first


@pytest.mark.parametrize("mode", ["head", "tune"])
def test_projection_touches_heads_alone(mode: str, study: Simulated, tmp_path: Path) -> None:
    """No head is below 0 after a training whose first steps would take some there, and SqueezeNet's 1x1 convolutions,
    which the published code projects too, keep their negative weights: in mode head to the last bit."""
    start = seeded(SQUEEZE)
    before = {name: tensor.numpy(force=True).copy() for name, tensor in start.module.named_parameters()}
    recipe = Recipe(mode=mode, epochs=2, decay=0, batch=4, rate=0.03 if mode == "head" else 1e-3)
    found = read_metric(go(Votes(study.triplets[:16], ()), start, tmp_path / "run", recipe))
    heads = np.concatenate(found.heads)
    assert (heads >= 0).all()
    if mode == "head":
        assert (heads == 0).any()
        assert found.form.trunk_sha256 == canonical_sha256(before) == canonical_sha256(found.parameters)
        return
    for name, array in found.parameters.items():
        assert not np.array_equal(array, before[name]) or name.endswith("bias"), name
        # 8 steps of Adam at 1e-3 move a weight by 0.008 or so, and every tenth is within that of 0
        if array.shape[2:] == (1, 1):
            assert (array < 0).mean() == pytest.approx((before[name] < 0).mean(), abs=0.1)
            assert (array != 0).all()


@pytest.mark.parametrize("mode", ["tune", "scratch"])
def test_training_the_trunk_improves_on_its_start(mode: str, study: Simulated, tmp_path: Path) -> None:
    """From its weights, or from chance, a trunk that is trained too agrees better than before: by 2.5 points or more
    where this was written, of which another machine's roundings may cost some."""
    recipe = Recipe(mode=mode, epochs=8, decay=2, batch=20, rate=5e-3, dropout=0.0, side=32)
    start = mini() if mode == "tune" else seeded(MINI)
    votes = held_out(study.triplets, PART, 0)
    found = read_metric(go(votes, start, tmp_path / "run", recipe))
    assert found.form.mode == mode
    assert found.parameters is not None
    assert last(tmp_path / "run")["mean"] > first(tmp_path / "run")["mean"] + 0.01


def test_a_mask_a_channel_has_the_mean_and_variance_of_a_mask_a_square() -> None:
    """Distances drawn from the moments are spread as those are of which squares are dropped one by one: means and
    variances of 20,000 draws are within five standard errors, sqrt(v / n) and about v sqrt(2 / n)."""
    trunk, chance, p, draws = seeded(MINI).module, torch.Generator().manual_seed(1), 0.3, 20_000
    pixels = torch.randint(0, 256, (1, 3, 32, 32, 3), dtype=torch.uint8, generator=chance)
    heads = torch.rand(sum(MINI.taps), generator=chance)
    means, roots = (part.numpy() for part in source.moments(trunk, pixels))
    assert (roots <= means * (1 + 1e-6)).all()
    kept = source.Kept(means.repeat(draws, 0), roots.repeat(draws, 0), torch.device("cpu"))
    ours = kept.drawn(heads, range(draws), p, chance)[:, 0]
    squared = [tap[0, 0] for tap in source.squares(trunk, pixels)]
    parts = [
        (tap / tap[0].numel() * head.reshape(-1, 1, 1)).flatten()
        for tap, head in zip(squared, heads.split(MINI.taps), strict=True)
    ]
    mean = torch.cat(parts).sum().item()
    variance = p / (1 - p) * torch.cat(parts).square().sum().item()
    assert ours.mean().item() == pytest.approx(mean, abs=5 * (variance / draws) ** 0.5)
    assert ours.var().item() == pytest.approx(variance, abs=5 * variance * (2 / draws) ** 0.5)
    seen = source.Seen(trunk, pixels.numpy().repeat(64, 0), list(MINI.taps), torch.device("cpu"))
    by_one = torch.cat([seen.drawn(heads, range(64), p, chance)[:, 0] for _ in range(8)]).detach()
    assert by_one.mean().item() == pytest.approx(mean, abs=5 * (variance / 512) ** 0.5)
    assert by_one.var().item() == pytest.approx(variance, abs=5 * variance * (2 / 512) ** 0.5)
    torch.testing.assert_close(seen.measured(heads, [0]), kept.measured(heads, [0]), rtol=1e-5, atol=0)


def test_ranking_network_as_published() -> None:
    """d0, d1, their difference and both fractions with 0.1 below; leaky ReLUs of 0.2; cross-entropy with the share of
    votes: as numpy says it in double precision, to float32's rounding."""
    parts = network.initial(0)
    assert [tuple(t.shape) for t in parts.values()] == [(32, 5), (32,), (32, 32), (32,), (1, 32), (1,)]
    a, b, shares = np.array([0.1, 0.7]), np.array([0.4, 0.2]), np.array([0.2, 1.0])
    x = np.stack([a, b, a - b, a / (b + 0.1), b / (a + 0.1)], 1)
    for layer in range(3):
        weight, bias = (parts[f"{layer}.{name}"].double().numpy() for name in ("weight", "bias"))
        x = x @ weight.T + bias
        x = np.where(x > 0, x, 0.2 * x) if layer < 2 else x
    said = 1 / (1 + np.exp(-x[:, 0]))
    expected = -(shares * np.log(said) + (1 - shares) * np.log(1 - said)).mean()
    tensors = [torch.tensor(values, dtype=torch.float32) for values in (a, b, shares)]
    assert network.loss(parts, *tensors).item() == pytest.approx(expected, rel=1e-5)


def test_rate_is_level_and_then_falls_in_a_line() -> None:
    """Five epochs at 1e-4, then 1, 0.8, 0.6, 0.4 and 0.2 of it, as the published code steps."""
    rates = [Recipe().rate_of(epoch) / 1e-4 for epoch in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_every_epoch_takes_every_judgement_once(study: Simulated) -> None:
    """In an order of its own, the last batch being what is left."""
    shares = np.zeros(23, np.float32)
    run = Run(Recipe(batch=10), mini(), None, shares, {}, torch.device("cpu"))
    epochs = []
    for epoch in range(2):
        taken = []
        for step in range(3):
            run.step = epoch * 3 + step
            taken.append(run.chosen())
        assert sorted(chain.from_iterable(taken)) == list(range(23))
        epochs.append(taken)
    assert epochs[0] != epochs[1]


def test_no_reference_is_both_trained_on_and_tested_with(study: Simulated) -> None:
    """Parts are of references; where that leaves a side empty it is said."""
    votes = held_out(study.triplets, 0.25, 3)
    assert len(votes.train) + len(votes.val) == COUNT
    assert len({t.reference for t in votes.val}) == REFERENCES / 4
    assert {t.reference for t in votes.val}.isdisjoint(t.reference for t in votes.train)
    with pytest.raises(UsageError, match="of 1 references is 0"):
        held_out(study.triplets[:1], 0.2, 0)


def test_patches_are_squares_of_bytes(tmp_path: Path) -> None:
    """An image of any form is resized by Pillow's bilinear filter; one of the right size is left alone."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(patch(tmp_path / "a.png", 32), expected)


def test_heads_on_a_module_of_ones_own(
    study: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--trunk file:factory` is found from where the command is called; the file goes with that module in Python."""
    (tmp_path / "ownnet.py").write_text(
        "import torch\ndef make():\n    torch.manual_seed(0)\n"
        "    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, 2), torch.nn.ReLU())\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    call = ["train", str(study.table), "-o", "run", "--trunk", "ownnet:make", *RECIPE, "--no-plot"]
    assert command(call) == 2
    assert "--taps names submodules" in capsys.readouterr().err
    assert command([*call, "--taps", "nowhere"]) == 2
    assert not (tmp_path / "run").exists()
    assert command([*call, "--taps", "1"]) == 0
    module = sys.modules.pop("ownnet").make()
    metric = nn.LPIPS.from_module(module, ["1"], heads="run/metric.safetensors", side=64, value_range=(0, 255))
    triplet = study.triplets[0]
    assert metric(of(triplet.reference)[None], of(triplet.a)[None]).item() > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("r5.png", "gone.png"), "gone.png: missing"),
        (("votes_b", "votes"), "no votes_b"),
        ((",even", ",-1,even"), "cells"),
    ],
)
def test_votes_that_are_not_whole_train_nothing(
    change: tuple[str, str], says: str, study: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing image, a missing column, a row of another shape: one line, exit code 2, and no folder."""
    bad = study.table.with_name("bad.csv")
    bad.write_text(study.table.read_text().replace(*change))
    assert command(["train", str(bad), "-o", str(tmp_path / "run"), *OPTIONS]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mode", "tune", "--init", "gaussian"], "use --mode scratch"),
        (["--mode", "scratch", "--init", "x.safetensors"], "gaussian or kmeans"),
        (["--photos", "."], "leave them out"),
        (["--side", "8"], "needs 15 pixels"),
        (["--rate", "0"], "more than 0"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], says: str, study: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each is one line that says what to give instead."""
    assert command(["train", str(study.table), "-o", str(tmp_path / "run"), "--trunk", "mini", *options]) == 2
    assert says in capsys.readouterr().err


def test_first_weights_alone_need_no_votes(tmp_path: Path) -> None:
    """`--init gaussian` without DATA writes the metric of a trunk that learned nothing."""
    assert command(["train", "-o", str(tmp_path), "--trunk", "mini", "--init", "gaussian"]) == 0
    assert read_metric(tmp_path / METRIC).form.mode == "gaussian"


class _Hostile:
    def __reduce__(self):
        return os.system, (f"touch {_Hostile.mark}",)


def test_what_does_not_belong_is_refused_by_one_line(
    study: Simulated, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A saved run of another trunk, of another recipe or of other votes, a pickle in its place, one whose figures are
    damaged; somebody's file under a name of ours; another process at work: exit code 2, a line that names the file,
    and not a byte is changed."""
    import pickle
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(trained, folder)

    def refused(*options: str, says: str, votes: Path = study.table, resume: bool = True) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        call = ["train", str(votes), "-o", str(folder), *OPTIONS, *options, *(["--resume"] if resume else [])]
        assert command(call) == 2
        said = capsys.readouterr().err.splitlines()
        assert says in said[-1], said
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    refused(says="holds a run already", resume=False)
    refused("--batch", "25", says="batch 50, not 25")
    shutil.rmtree(folder / "cache")
    fewer = study.table.with_name("fewer.csv")
    fewer.write_text("".join(study.table.read_text().splitlines(keepends=True)[:200]))
    capsys.readouterr()
    lock = Lock(folder / SAVED)
    with pytest.raises(OutputError, match="another run"):
        go(Votes(study.triplets, ()), mini(), folder, Recipe(), resume=True)
    lock.release()
    with pytest.raises(ResumeError, match="trunk mini, not squeeze"):
        go(Votes(study.triplets[:2], ()), seeded(SQUEEZE), folder, Recipe(), resume=True)
    shutil.rmtree(folder / "cache")
    with pytest.raises(ResumeError, match="trunk_sha256"):
        go(Votes(study.triplets[:2], ()), seeded(MINI), folder, Recipe(), resume=True)
    shutil.rmtree(folder / "cache")
    with pytest.raises(ResumeError, match="train "):
        go(Votes(study.triplets[:2], ()), mini(), folder, Recipe(), resume=True)
    _Hostile.mark = tmp_path / "ran"
    shutil.rmtree(folder / "cache")
    (folder / SAVED).write_bytes(pickle.dumps(_Hostile(), protocol=2))
    with pytest.raises(ResumeError, match="is no saved run"):
        go(Votes(study.triplets[:2], ()), mini(), folder, Recipe(), resume=True)
    assert not _Hostile.mark.exists()
    (folder / SAVED).unlink()
    with pytest.raises(ResumeError, match="there is no run"):
        go(Votes(study.triplets[:2], ()), mini(), folder, Recipe(), resume=True)
