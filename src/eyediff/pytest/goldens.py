"""Goldens on disk: comparing with them, storing them, and what a failure says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from .. import comparison as api
from .. import defaults
from ..errors import SizeError, UsageError, shown
from ..images import Range, as_image
from ..output.atomic_write import atomic_path
from ..output.text import figure
from ..records import PEAKS, Numbers, Pixels
from ..scoring.metric_spec import parse_metrics
from .failures import Failed, FailureFolder


@dataclass
class Written:
    """The goldens of a run with --eyediff-update: stored anew, or equal already; each with the test that did it."""

    stored: dict[Path, str] = field(default_factory=dict)
    same: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Goldens:
    """The fixture of one test. `written` is None unless goldens are to be stored."""

    folder: Path
    report: Path
    test: str
    written: Written | None

    def __call__(
        self,
        image: Any,
        golden: str,
        *,
        max: Mapping[str, float] | None = None,
        min: Mapping[str, float] | None = None,
        range: Range | None = None,
    ) -> dict[str, float]:
        """See `AssertLooksLike`."""
        __tracebackhide__ = True
        highest = dict(defaults.GOLDEN_MAX if max is None and min is None else max or {})
        lowest = dict(min or {})
        specs = parse_metrics(dict.fromkeys([*highest, *lowest]))
        path, candidate = self._place(golden), flattened(image, range)
        if self.written is not None:
            self._store(path, candidate, self.written)
            return {spec.requested: spec.info.identity for spec in specs}
        failures = FailureFolder(self.report, self.test, golden)
        failures.clear()
        if not path.exists():
            folder = failures.write(Failed(f"{golden} does not exist", None, candidate, {}, highest, lowest))
            raise AssertionError(
                f"there is no golden {shown(path)} yet\n  look at {shown(folder / 'candidate.png')}; "
                "if it is right, store it: pytest --eyediff-update"
            )
        scores: dict[str, float] = {}
        try:
            for spec in specs:
                scores[spec.requested] = api.distance(path, candidate, spec.requested)
            reasons = _crossed(scores, highest, lowest)
        except SizeError as error:
            reasons = [str(error)]
        if reasons:
            said = "; ".join(reasons)
            folder = failures.write(Failed(said, path, candidate, scores, highest, lowest))
            raise AssertionError(
                f"looks unlike {shown(path)}: {said}\n  look at {shown(folder)}\n"
                "  if the new picture is right, store it: pytest --eyediff-update"
            )
        return scores

    def _place(self, golden: str) -> Path:
        name = Path(golden)
        if name.suffix != ".png" or name.is_absolute() or ".." in name.parts:
            raise UsageError(
                f"golden {golden!r}: expected a relative name that ends in .png, which goes below {shown(self.folder)}"
            )
        return self.folder / name

    def _store(self, path: Path, picture: PILImage.Image, written: Written) -> None:
        """Put the picture in place, unless it is there already; two tests that disagree are told."""
        __tracebackhide__ = True
        other = written.stored.get(path) or written.same.get(path)
        same = path.exists() and _equal(path, picture)
        if same:
            if other is None:
                written.same[path] = self.test
            return
        if other is not None:
            raise AssertionError(
                f"{shown(path)} was stored by {other} with another picture; give each a name of its own"
            )
        with atomic_path(path) as part:  # a name of its own: another process may store it too
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(part, "PNG", optimize=True)
        written.stored[path] = self.test


def flattened(image: Any, range: Range | None) -> PILImage.Image:
    """An image as a golden holds it: upright sRGB of 8 bits, with transparency where it has some."""
    found = as_image(image, range=range, name="image")
    black = _levels(found.pixels)
    if found.over_white is None:
        return PILImage.fromarray(np.rint(black).astype(np.uint8))
    # over black: c a, over white: c a + 255 (1 - a); so their difference is 255 (1 - a)
    alpha = 255 - (_levels(found.over_white) - black).mean(-1, keepdims=True).clip(0, 255)
    colours = np.divide(black * 255, alpha, out=np.zeros_like(black), where=alpha > 0.5)
    return PILImage.fromarray(np.rint(np.concatenate([colours.clip(0, 255), alpha], -1)).astype(np.uint8))


def _levels(pixels: Pixels) -> Numbers:
    levels: Numbers = pixels.astype(np.float64) * (255 / PEAKS[pixels.dtype])
    return levels


def _equal(path: Path, picture: PILImage.Image) -> bool:
    """Whether a golden is this very picture. A file that is no image is not."""
    try:
        with PILImage.open(path) as there:
            return there.mode == picture.mode and there.size == picture.size and there.tobytes() == picture.tobytes()
    except (OSError, SyntaxError):  # how Pillow tells of files that are damaged
        return False


def _crossed(scores: Mapping[str, float], highest: Mapping[str, float], lowest: Mapping[str, float]) -> list[str]:
    above = [
        f"{name} {figure(scores[name])} > {limit:g}" for name, limit in highest.items() if not scores[name] <= limit
    ]
    below = [
        f"{name} {figure(scores[name])} < {limit:g}" for name, limit in lowest.items() if not scores[name] >= limit
    ]
    return above + below
