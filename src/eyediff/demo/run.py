"""Run the demo: distort pictures, compare them, and record which candidate each metric prefers."""

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
from .figure import draw_figure
from .trials import CLASSICAL, LEARNED, TRIALS, Demo, Trial, TrialResult

REFERENCE, CANDIDATE, FIGURE, PAGE = "reference", "candidate", "demo.png", "report.html"


def run_demo(folder: Path) -> Demo:
    """Run the demo and write its files.

    Parameters
    ----------
    folder : Path
        Folder to which the demo writes the folders `reference` and `candidate`, the figure demo.png, and the page
        report.html.

    Returns
    -------
    Demo
        The scores, and the paths of the figure and of the page.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    EyediffError
        If the folders `reference` and `candidate` contain other pictures.
    """
    for trial in TRIALS:
        scene = read_scene(trial.scene)
        for candidate in trial.candidates:
            name = trial.file_name(candidate)
            _save(PILImage.fromarray(scene), folder / REFERENCE / name)
            _save(PILImage.fromarray(candidate.distort(scene)), folder / CANDIDATE / name)
    metrics = (*CLASSICAL, *LEARNED)
    result = compare_folders(folder, metrics)
    higher = result.header.higher_is_better
    scores = {row.pair.name: row.scores for row in result.rows if isinstance(row, ScoredPair)}
    verdicts = [_judge(trial, scores, higher) for trial in TRIALS]
    demo = Demo(metrics, verdicts, folder / FIGURE, folder / PAGE)
    _save(draw_figure(demo, folder / REFERENCE, folder / CANDIDATE), demo.picture)
    return demo


def read_scene(name: str) -> Picture:
    """Read a picture that the package contains. Return it as an array H x W x 3.

    `scripts/draw_scenes.py` draws these pictures.
    """
    with (files(__package__) / "scenes" / f"{name}.png").open("rb") as file, PILImage.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def compare_folders(folder: Path, metrics: Sequence[str]) -> api.Result:
    """Do the same as `eyediff compare FOLDER/reference FOLDER/candidate --report FOLDER/report.html`."""
    result = api.compare(folder / REFERENCE, folder / CANDIDATE, metrics, report=folder / PAGE)
    if result.summary.failed or result.summary.unmatched:
        raise EyediffError(f"{shown(folder)} contains pictures that are not from the demo; give an empty folder")
    return result


def _judge(trial: Trial, scores: Mapping[str, Mapping[str, float]], higher: Mapping[str, bool]) -> TrialResult:
    slight, coarse = (scores[trial.file_name(candidate)] for candidate in trial.candidates)
    closer = {
        name: trial.slight if (slight[name] > coarse[name]) == better else trial.coarse
        for name, better in higher.items()
    }
    return TrialResult(trial, (slight, coarse), closer)


def _save(picture: PILImage.Image, path: Path) -> None:
    """Write a PNG file atomically. Raises OutputError if the file cannot be written."""
    with atomic_path(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(part, "PNG", optimize=True)
