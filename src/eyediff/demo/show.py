"""Distort the scenes, compare them, and say which candidate each metric calls closer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from .. import comparison as api
from ..distortions.ops import Picture
from ..errors import EyediffError, shown
from ..output.atomic_write import atomic_path
from ..records import ScoredPair
from .figure import figure
from .trials import CLASSICAL, LEARNED, TRIALS, Demo, Trial, Verdict

REFERENCE, CANDIDATE, FIGURE, PAGE = "reference", "candidate", "demo.png", "report.html"


def make(folder: Path) -> Demo:
    """Write the pictures to `folder`/reference and `folder`/candidate, compare them, draw `folder`/demo.png, and write
    the page `folder`/report.html.

    Raises OutputError where the folder cannot be written.
    """
    for trial in TRIALS:
        scene = read_scene(trial.scene)
        for candidate in trial.candidates:
            name = trial.file(candidate)
            _save(PILImage.fromarray(scene), folder / REFERENCE / name)
            _save(PILImage.fromarray(candidate.of(scene)), folder / CANDIDATE / name)
    metrics = (*CLASSICAL, *LEARNED)
    result = compared(folder, metrics)
    higher = result.header.higher_is_better
    found = {row.pair.name: row.scores for row in result.rows if isinstance(row, ScoredPair)}
    verdicts = [_judged(trial, found, higher) for trial in TRIALS]
    demo = Demo(metrics, verdicts, folder / FIGURE, folder / PAGE)
    _save(figure(demo, folder / REFERENCE, folder / CANDIDATE), demo.picture)
    return demo


def read_scene(name: str) -> Picture:
    """Return a scene of the package, which `scripts/draw_scenes.py` draws: H x W x 3."""
    with (files(__package__) / "scenes" / f"{name}.png").open("rb") as file, PILImage.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def compared(folder: Path, metrics: Sequence[str]) -> api.Result:
    """What `eyediff compare FOLDER/reference FOLDER/candidate --report FOLDER/report.html` finds."""
    result = api.compare(folder / REFERENCE, folder / CANDIDATE, metrics, report=folder / PAGE)
    if result.summary.failed or result.summary.unmatched:
        raise EyediffError(f"{shown(folder)}: holds pictures of something else; name an empty folder")
    return result


def _judged(trial: Trial, found: Mapping[str, Mapping[str, float]], higher: Mapping[str, bool]) -> Verdict:
    slight, coarse = (found[trial.file(candidate)] for candidate in trial.candidates)
    closer = {
        name: trial.slight if (slight[name] > coarse[name]) == better else trial.coarse
        for name, better in higher.items()
    }
    return Verdict(trial, (slight, coarse), closer)


def _save(picture: PILImage.Image, path: Path) -> None:
    """Whole, or not at all. Raises OutputError."""
    with atomic_path(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(part, "PNG", optimize=True)
