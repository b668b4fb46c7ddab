"""Draws the scenes, distorts them, compares, and says which candidate each metric calls closer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PILImage

from .. import comparison as api
from ..errors import EyediffError, shown
from ..output.atomic_write import whole
from ..records import ScoredPair
from .figure import figure
from .scenes import drawn
from .trials import TRIALS, Candidate, Trial

SIDE = 192
"""Pixels of a scene: three side by side, twice, fill the width of a page."""

CLASSICAL = ("psnr", "ssim")
LEARNED = ("lpips", "lpips-mini")

REFERENCE, CANDIDATE, FIGURE, PAGE = "reference", "candidate", "demo.png", "report.html"


@dataclass(frozen=True)
class Verdict:
    """A trial, the scores of both candidates by metric, and which candidate each metric calls closer."""

    trial: Trial
    scores: tuple[Mapping[str, float], Mapping[str, float]]
    closer: Mapping[str, Candidate]

    @property
    def disagrees(self) -> bool:
        """Whether every classical metric prefers another candidate than every LPIPS."""
        old = {candidate.name for name, candidate in self.closer.items() if name in CLASSICAL}
        new = {candidate.name for name, candidate in self.closer.items() if name not in CLASSICAL}
        return len(old) == len(new) == 1 and old != new


@dataclass(frozen=True)
class Shown:
    """What the demo found, the picture of it, and the page of every pair."""

    metrics: tuple[str, ...]
    verdicts: Sequence[Verdict]
    picture: Path
    page: Path


def make(folder: Path) -> Shown:
    """Write the pictures to `folder`/reference and `folder`/candidate, compare them, draw `folder`/demo.png, and write
    the page `folder`/report.html.

    Raises OutputError where the folder cannot be written.
    """
    for trial in TRIALS:
        scene = drawn(trial.scene, SIDE)
        for candidate in trial.candidates:
            name = trial.file(candidate)
            _save(PILImage.fromarray(scene), folder / REFERENCE / name)
            _save(PILImage.fromarray(candidate.of(scene)), folder / CANDIDATE / name)
    metrics = (*CLASSICAL, *LEARNED)
    result = compared(folder, metrics)
    higher = result.header.higher_is_better
    found = {row.pair.name: row.scores for row in result.rows if isinstance(row, ScoredPair)}
    verdicts = [_judged(trial, found, higher) for trial in TRIALS]
    shown_here = Shown(metrics, verdicts, folder / FIGURE, folder / PAGE)
    _save(figure(shown_here, folder / REFERENCE, folder / CANDIDATE), shown_here.picture)
    return shown_here


def compared(folder: Path, metrics: Sequence[str]) -> api.Result:
    """What `eyediff compare FOLDER/reference FOLDER/candidate --report FOLDER/report.html` finds."""
    result = api.compare(folder / REFERENCE, folder / CANDIDATE, metrics, report=folder / PAGE)
    if result.summary.failed or result.summary.unmatched:
        raise EyediffError(f"{shown(folder)}: holds pictures of something else; name an empty folder with -o")
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
    with whole(path) as part:
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(part, "PNG", optimize=True)
