"""Tests of the parts of a step: dropout, ranking network, rate, order, division of the votes, and patches."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from eyediff.errors import UsageError
from eyediff.metrics.backbones import MINI
from eyediff.training.ranking import features as source
from eyediff.training.ranking import network
from eyediff.training.ranking.data import hold_out, read_patch, read_votes
from eyediff.training.ranking.run import TrainingRun
from eyediff.training.ranking.train import EpochAgreement, TrainingResult, margin
from eyediff.training.ranking.train_config import TrainConfig

from ...votes.studies import bapps
from .runs import COUNT, REFERENCES, seeded
from .simulated import Simulated, mini


def test_a_mask_a_channel_has_the_mean_and_variance_of_a_mask_a_square() -> None:
    """Dropout with one mask for each channel has the mean and variance of dropout of single squares.

    The means and variances of 20,000 samples are within five standard errors: sqrt(v / n) and about v sqrt(2 / n).
    """
    trunk, chance, p, draws = seeded(MINI).module, torch.Generator().manual_seed(1), 0.3, 20_000
    pixels = torch.randint(0, 256, (1, 3, 32, 32, 3), dtype=torch.uint8, generator=chance)
    heads = torch.rand(sum(MINI.taps), generator=chance)
    means, roots = (part.numpy() for part in source.moments(trunk, pixels))
    assert (roots <= means * (1 + 1e-6)).all()
    kept = source.CachedFeatures(means.repeat(draws, 0), roots.repeat(draws, 0), torch.device("cpu"))
    ours = kept.with_dropout(heads, range(draws), p, chance)[:, 0]
    squared = [tap[0] for tap in source.squared_differences(trunk, pixels)]
    parts = [
        (tap / tap[0].numel() * head.reshape(-1, 1, 1)).flatten()
        for tap, head in zip(squared, heads.split(MINI.taps), strict=True)
    ]
    mean = torch.cat(parts).sum().item()
    variance = p / (1 - p) * torch.cat(parts).square().sum().item()
    assert ours.mean().item() == pytest.approx(mean, abs=5 * (variance / draws) ** 0.5)
    assert ours.var().item() == pytest.approx(variance, abs=5 * variance * (2 / draws) ** 0.5)
    seen = source.OnlineFeatures(trunk, pixels.numpy().repeat(64, 0), list(MINI.taps), torch.device("cpu"))
    by_one = torch.cat([seen.with_dropout(heads, range(64), p, chance)[:, 0] for _ in range(8)]).detach()
    assert by_one.mean().item() == pytest.approx(mean, abs=5 * (variance / 512) ** 0.5)
    assert by_one.var().item() == pytest.approx(variance, abs=5 * variance * (2 / 512) ** 0.5)
    torch.testing.assert_close(seen.distances(heads, [0]), kept.distances(heads, [0]), rtol=1e-5, atol=0)


def test_ranking_network_as_published() -> None:
    """The ranking network and its loss agree with numpy in double precision, to the rounding of float32.

    The inputs are d0, d1, their difference and both ratios, with 0.1 added to the denominators. The leaky ReLUs have a
    slope of 0.2. The loss is the cross-entropy with the share of votes.
    """
    parts = network.initial_parameters(0)
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
    """The rate is 1e-4 for five epochs. It is then 1, 0.8, 0.6, 0.4 and 0.2 times 1e-4, as in the published code."""
    rates = [TrainConfig().rate_of(epoch) / 1e-4 for epoch in range(10)]
    assert rates == pytest.approx([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_every_epoch_takes_every_judgement_once(study: Simulated) -> None:
    """Every epoch uses every judgement once, in an order of its own. The last batch has the remaining judgements."""
    shares = np.zeros(23, np.float32)
    run = TrainingRun(TrainConfig(batch=10), mini(), None, shares, {}, torch.device("cpu"))
    epochs = []
    for epoch in range(2):
        taken = []
        for step in range(3):
            run.step = epoch * 3 + step
            taken.append(run.batch_indices())
        assert sorted(chain.from_iterable(taken)) == list(range(23))
        epochs.append(taken)
    assert epochs[0] != epochs[1]


def test_no_reference_is_both_trained_on_and_tested_with(study: Simulated) -> None:
    """Votes are divided by references. A fraction that leaves one part empty is refused."""
    votes = hold_out(study.triplets, 0.25, 3)
    assert len(votes.train) + len(votes.val) == COUNT
    assert len({t.reference for t in votes.val}) == REFERENCES / 4
    assert {t.reference for t in votes.val}.isdisjoint(t.reference for t in votes.train)
    with pytest.raises(UsageError, match="of 1 references is 0"):
        hold_out(study.triplets[:1], 0.2, 0)


def test_the_votes_for_testing_are_not_trained_on(tmp_path: Path) -> None:
    """The split `val` of BAPPS is refused, and so is one of its subsets or a link to it.

    The folder of both splits is used.
    """
    items = [(90, 80, 0.0), (95, 60, 0.2)]
    for split in ("train", "val"):
        bapps(tmp_path / "BAPPS", {"cnn": items}, split=split)
    folder = tmp_path / "BAPPS" / "2afc"
    (tmp_path / "link").symlink_to(folder / "val")
    for path in (folder / "val", folder / "val" / "cnn", tmp_path / "link"):
        with pytest.raises(UsageError, match="belongs to the split val, whose votes are for testing"):
            read_votes(path, None, 0)
    votes = read_votes(tmp_path / "BAPPS", None, 0)
    assert (len(votes.train), len(votes.val)) == (2, 2)
    assert read_votes(folder / "train", 0, 0).train == votes.train


def test_patches_are_squares_of_bytes(tmp_path: Path) -> None:
    """An image of any shape is resized by Pillow's bilinear filter. An image of the right size does not change."""
    picture = np.random.default_rng(0).integers(0, 256, (40, 64, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    expected = np.asarray(Image.fromarray(picture).resize((32, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(read_patch(tmp_path / "a.png", 32), expected)


def test_too_few_votes_are_told() -> None:
    """A change by training that is smaller than the margin is reported as too few votes.

    The margin is 1.96 standard errors of the mean of the subsets' means. The scores here have a known variance.
    """
    half, whole = np.array([0.0, 1.0] * 50), np.ones(100)
    error = 0.5 * np.sqrt(100 / 99) / 10
    assert margin([half]) == pytest.approx(1.96 * error)
    assert margin([half, whole]) == pytest.approx(1.96 * error / 2)
    assert margin([half, whole[:1]]) is None
    first, path = EpochAgreement(0, {"a": 0.70}, 0.70, 0.04), Path("metric.safetensors")
    near, far, single = (
        EpochAgreement(9, {"a": mean}, mean, edge) for mean, edge in ((0.73, 0.04), (0.75, 0.04), (0.8, None))
    )
    assert (
        "known to within 4.0 points (95 %), and training changed it by +3.0"
        in TrainingResult(path, first, near, near).too_few_votes
    )
    assert TrainingResult(path, first, far, far).too_few_votes is None and TrainingResult(path).too_few_votes is None
    assert "one judgement" in TrainingResult(path, first, single, single).too_few_votes
