"""Tests of the candidates of scripts/compare_networks.py, and of a run of a few steps."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
import torch

from eyediff.metrics.backbones import MINI
from eyediff.training.distillation.pair_dataset import DatasetBuilder, DatasetPlan, PairDataset
from eyediff.training.distillation.recipe import DistillationRecipe
from eyediff.training.distillation.run import BatchSampler, Student
from eyediff.training.distillation.student_network import read_network

from ..distortions.scenes import photos_in
from ..scripts import load_script
from .test_distill import seeded_teacher


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the script as a module."""
    return load_script("compare_networks")


def test_candidates_cost_about_as_much_as_the_shipped_network(script: ModuleType) -> None:
    """A candidate has at most 1.15 times the multiplications of the shipped network, and at most 2 MB.

    Every candidate accepts images from 16 pixels, and the names are unique.
    """
    limit = 1.15 * MINI.multiply_adds(256, 256)
    for candidate in script.CANDIDATES:
        assert candidate.multiply_adds(256, 256) <= limit, candidate.name
        assert candidate.smallest <= 16
        assert sum(torch.empty(shape, device="meta").numel() for shape in candidate.shapes.values()) < 500_000
    assert len({candidate.name for candidate in script.CANDIDATES}) == len(script.CANDIDATES)


def test_times_are_printed(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each candidate has a row with its size and a time."""
    monkeypatch.setattr(script, "ROUNDS", 1)
    script.print_times(1)
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:-2]]
    assert [row[0].removeprefix("| ") for row in rows] == [candidate.name for candidate in script.CANDIDATES]
    assert rows[0][1:3] == ["166.6", "469,184"]
    assert all(float(row[3].removesuffix(" |")) > 0 for row in rows)


@pytest.mark.slow
def test_worse_networks_are_dropped_and_all_can_be_read(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three networks is dropped at once. The weights of each network are written.

    The log has the losses of the networks that remain.
    """
    monkeypatch.setattr(script, "KEEP", ((0.0, 2),))
    monkeypatch.setattr(script, "LOGGED_EVERY", 1)
    recipe = DistillationRecipe(minutes=0.1, sides=(64,), groups=(4,), turns=(64,), batch=2)
    dataset = PairDataset(tmp_path / "groups", DatasetPlan(0, 64, 4))
    (tmp_path / "photos").mkdir()
    with DatasetBuilder([dataset], [sorted(photos_in(tmp_path / "photos", 3, 96).iterdir())], 1) as builder:
        builder.wait(dataset, 4)
    sampler = BatchSampler(recipe, [dataset], DatasetBuilder([dataset], [], 1), seeded_teacher(), torch.device("cpu"))
    students = {c.name: Student(c, recipe, sampler.device) for c in script.CANDIDATES[:3]}
    script.train(sampler, students, tmp_path / "out", 0.03)
    lines = [json.loads(line) for line in (tmp_path / "out/log.jsonl").read_text().splitlines()]
    assert {candidate.name for candidate in script.CANDIDATES[:3]} <= set(lines[0])
    for candidate in script.CANDIDATES[:3]:
        assert read_network(tmp_path / "out" / f"{candidate.name}.safetensors", candidate).trunk is candidate
    if len(lines) > 1:
        assert len(set(lines[-1]) & set(students)) == 2
