"""Functions that train on the simulated study and read its logs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from eyediff.metrics import lpips
from eyediff.metrics.backbones import Trunk
from eyediff.training.distillation.log import LOG
from eyediff.training.distillation.student_network import initial_parameters, weights
from eyediff.training.ranking.data import VoteSplit
from eyediff.training.ranking.initial_metric import InitialMetric, initial_metric_of_network
from eyediff.training.ranking.train import train
from eyediff.training.ranking.train_config import TrainConfig

COUNT, REFERENCES, PART = 400, 100, 0.4

RECIPE = ("--rate", "1e-2", "--epochs", "20", "--decay", "20", "--hold-out", str(PART))

OPTIONS = ("--trunk", "mini", *RECIPE, "--no-plot")


def last(folder: Path) -> dict[str, object]:
    return json.loads((folder / LOG).read_text().splitlines()[-1])


def first(folder: Path) -> dict[str, object]:
    return json.loads((folder / LOG).read_text().splitlines()[0])


def seeded(trunk: Trunk, seed: int = 5) -> InitialMetric:
    """Return a backbone whose parameters are drawn from a seed, so that no file is needed."""
    parts = weights(initial_parameters(trunk, seed))
    own = {name: array for name, array in parts.items() if name in trunk.shapes}
    return initial_metric_of_network(lpips.Network(trunk, own, None), official=False)


def of(path: Path) -> torch.Tensor:
    """Return an image as the modules accept it, with values from 0 to 255."""
    return torch.from_numpy(np.asarray(Image.open(path), np.float32)).permute(2, 0, 1)


def go(votes: VoteSplit, start: InitialMetric, folder: Path, recipe: TrainConfig, resume: bool = False) -> Path:
    outcome = train(votes, start, folder, recipe, resume=resume, workers=2, device="cpu", progress=lambda *what: None)
    return outcome.metric
