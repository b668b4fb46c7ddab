"""What a failed comparison leaves to look at: a folder with both pictures, their difference and the figures."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from .. import comparison as api
from ..output.schema import dump, encodable, number

REFERENCE, CANDIDATE, DIFFERENCE, SCORES = "reference.png", "candidate.png", "difference.png", "scores.json"
PAGE = "report.html"


@dataclass(frozen=True)
class Failed:
    """A comparison that failed; `golden` is None where there is none yet."""

    reason: str
    golden: Path | None
    candidate: PILImage.Image
    scores: Mapping[str, float]
    max: Mapping[str, float]
    min: Mapping[str, float]


class FailureFolder:
    """The folder of one test and golden, below that of all failures."""

    def __init__(self, root: Path, test: str, golden: str) -> None:
        self._test, self._golden = test, golden
        self._folder = root / _safe(test) / _safe(golden)

    def clear(self) -> None:
        """Remove what an earlier run left of this one: what lies there is of the latest run."""
        for name in (REFERENCE, CANDIDATE, DIFFERENCE, SCORES, PAGE):
            (self._folder / name).unlink(missing_ok=True)

    def write(self, failed: Failed) -> Path:
        """Write everything, and return the folder; a page too, where there are scores to show on it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        failed.candidate.save(self._folder / CANDIDATE)
        if failed.golden is not None:
            shutil.copyfile(failed.golden, self._folder / REFERENCE)
            self._write_difference(failed.golden, failed.candidate)
            if failed.scores:
                self._write_page(list(failed.scores))
        record = {
            "test": encodable(self._test),
            "golden": encodable(self._golden),
            "reason": encodable(failed.reason),
            "scores": {name: number(score) for name, score in failed.scores.items()},
            "max": {name: number(limit) for name, limit in failed.max.items()},
            "min": {name: number(limit) for name, limit in failed.min.items()},
        }
        (self._folder / SCORES).write_text(dump(record) + "\n", encoding="utf-8")
        return self._folder

    def _write_page(self, metrics: list[str]) -> None:
        """The pair as `eyediff compare --report` shows it. Metrics that are loaded already cost no second loading."""
        api.compare(self._folder / REFERENCE, self._folder / CANDIDATE, metrics, report=self._folder / PAGE)

    def _write_difference(self, golden: Path, candidate: PILImage.Image) -> None:
        """Absolute differences, stretched so that the largest is white; none where the sizes differ."""
        with PILImage.open(golden) as picture:
            before = np.asarray(picture.convert("RGBA"), np.float32)
        after = np.asarray(candidate.convert("RGBA"), np.float32)
        if before.shape == after.shape:
            apart = np.abs(before - after)
            apart = np.maximum(apart[..., :3], apart[..., 3:])
            stretched = apart * (255 / max(1.0, float(apart.max())))
            PILImage.fromarray(np.rint(stretched).astype(np.uint8)).save(self._folder / DIFFERENCE)


def _safe(name: str) -> str:
    """A folder's name for any text: readable, and different for different texts."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-80:]
    return f"{readable}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
