"""Compare images with goldens on disk, store goldens, and describe failures."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from PIL import Image as PILImage

from .. import defaults
from ..errors import EyediffError, ImageError, UsageError, shown
from ..images import Range, as_image, fit
from ..images.region import RectangleLike, as_mask, as_rectangle, prepare, read_mask
from ..images.size import size_of
from ..output.atomic_write import atomic_path
from ..output.text import figure
from ..records import PEAKS, Conventions, Crossing, Mask, Numbers, Pair, Pixels, Rectangle, ScoredPair
from ..run.limits import Limits
from ..run.plan import ComparisonOptions
from ..scoring.batches import score_batch
from ..scoring.loading import Loaded
from ..scoring.metric_set import MetricSet
from ..scoring.metric_spec import content_name, parse_metrics
from ..scoring.references import ReferenceCache
from .failures import Failed, FailureFolder
from .session import Session, StoredGolden

MASK_SUFFIX = ".mask.png"
"""Suffix of masks. The mask `page.mask.png` selects the pixels of the golden `page.png` to compare."""


@dataclass(frozen=True)
class Goldens:
    """The fixture `assert_looks_like` for one test. A call of this object compares an image with a golden."""

    folder: Path
    root: Path
    report: Path
    test: str
    session: Session
    update: bool

    def __call__(
        self,
        image: Any,
        golden: str,
        *,
        gate: str | None = None,
        max: Mapping[str, float] | None = None,
        min: Mapping[str, float] | None = None,
        range: Range | None = None,
        tolerate_shift: int = 0,
        ignore: Sequence[RectangleLike] = (),
        mask: Any = None,
    ) -> dict[str, float]:
        """Compare an image with a golden. `AssertLooksLike` explains the parameters."""
        __tracebackhide__ = True
        try:
            limits, candidate = limits_of(gate, max, min), flattened(image, range)
            return self._hold(candidate, golden, limits, tolerate_shift, tuple(map(as_rectangle, ignore)), mask)
        except (AssertionError, EyediffError) as error:
            raise error.with_traceback(None) from None  # show only the test in the traceback, not this code

    def _hold(
        self,
        candidate: PILImage.Image,
        golden: str,
        limits: Limits,
        tolerate_shift: int,
        ignore: tuple[Rectangle, ...],
        mask: Any,
    ) -> dict[str, float]:
        specs = parse_metrics(dict.fromkeys([*limits.maxima, *limits.minima]))
        path = self._place(golden)
        if path.name.endswith(MASK_SUFFIX):
            raise UsageError(
                f"the golden {golden!r} has the name of a mask, which ends with {MASK_SUFFIX}; give it another name"
            )
        if self.update:
            self._store(path, candidate)
            return {spec.requested: spec.info.identity for spec in specs}
        failures = FailureFolder(self.report, self.test, golden)
        failures.clear()
        self.session.drop_failure(failures.folder)

        def fail(reason: str, advice: str, **found: Any) -> NoReturn:
            said = f"{golden}: {reason}"
            place = path.relative_to(self.root) if path.is_relative_to(self.root) else path
            there = path if path.exists() else None
            failed = Failed(said, there, place.as_posix(), candidate, limits.maxima, limits.minima, **found)
            folder, record = failures.write(failed)
            self.session.add_failure(record)
            raise AssertionError(f"{reason}\n  see {shown(folder)}\n  {advice} with pytest --eyediff-update")

        if not path.exists():
            fail(f"there is no golden {shown(path)} yet", "if the image is correct, store it")
        counted, named = self._mask(mask, path)
        conventions = Conventions(ignore=ignore, mask=named)
        names = tuple((spec.requested, content_name(spec.requested)) for spec in specs)
        metrics = _metrics(names, tolerate_shift, conventions)
        resolved = limits.resolve(metrics.header)
        before, after = as_image(path), as_image(candidate, name="image")
        first, second, counted = prepare(conventions, *fit(before, after, "pad"), counted)
        loaded = Loaded(Pair(golden, path, path), first, second, counted=counted)
        (row,) = score_batch([loaded], metrics, ReferenceCache())
        if not isinstance(row, ScoredPair) or not row.complete:
            raise ImageError(f"{shown(golden)}: {row.message}")
        crossings = list(resolved.crossings(row))
        missing = loaded.absent
        resized = missing is not None and (missing if counted is None else missing & counted).any()
        if crossings or resized:
            reasons = [f"the size was {size_of(before.pixels)}, and is now {size_of(after.pixels)}"] if resized else []
            reasons += map(_describe, crossings)
            fail(
                f"the image differs from {shown(path)}: {'; '.join(reasons)}{_places(row)}",
                "if the new image is correct, store it",
                row=row,
                header=metrics.header,
                crossings=crossings,
                counted=counted,
            )
        return dict(row.scores)

    def _place(self, golden: str) -> Path:
        name = Path(golden)
        if name.suffix != ".png" or name.is_absolute() or ".." in name.parts:
            raise UsageError(
                f"golden {golden!r} is not valid; expected a relative name that ends in .png, for a file in "
                f"{shown(self.folder)}"
            )
        return self.folder / name

    def _mask(self, given: Any, path: Path) -> tuple[Mask | None, str | None]:
        """Return the mask of the pixels to compare, and the path of the mask.

        By default, the mask is the file beside the golden, if it exists. Without a mask, both values are None.
        """
        if given is None:
            beside = path.with_name(f"{path.stem}{MASK_SUFFIX}")
            return (read_mask(beside), str(beside)) if beside.exists() else (None, None)
        if isinstance(given, str):
            given = self._place(given)
        return as_mask(given), str(given) if isinstance(given, Path) else "given"

    def _store(self, path: Path, picture: PILImage.Image) -> None:
        """Store the image as a golden, unless the file has the same image already.

        Raises AssertionError if two tests store different images under the same name.
        """
        same = path.exists() and _equal(path, picture)
        content = hashlib.sha256(f"{picture.mode} {picture.size}".encode() + picture.tobytes()).hexdigest()
        own = StoredGolden(str(path), self.test, content, new=not same)
        first = self.session.claim(own)
        if first.picture != content:
            raise AssertionError(
                f"{shown(path)} was stored by {first.test} with another image; give each golden a different name"
            )
        if first is own and not same:
            with atomic_path(path) as part:  # written under a temporary name
                path.parent.mkdir(parents=True, exist_ok=True)
                picture.save(part, "PNG", optimize=True)


def limits_of(gate: str | None, max: Mapping[str, float] | None, min: Mapping[str, float] | None) -> Limits:
    """Return the limits of a gate. The limits in `max` and `min` replace those of the gate for the same metric."""
    if gate is None and (max is not None or min is not None):
        return Limits(dict(max or {}), dict(min or {}))
    name = gate or defaults.GOLDEN_GATE
    if name not in defaults.GATES:
        raise UsageError(f"gate={name!r} does not exist; expected one of {', '.join(defaults.GATES)}")
    return Limits(defaults.GATES[name] | dict(max or {}), dict(min or {}))


@lru_cache(maxsize=8)
def _metrics(names: tuple[tuple[str, str], ...], tolerate_shift: int, conventions: Conventions) -> MetricSet:
    """Return the metrics, which stay loaded for later calls.

    Each metric has two names: the second one changes if the content of a metric file changes.
    """
    options = ComparisonOptions(tolerate_shift=tolerate_shift, conventions=conventions)
    return options.build_metrics([name for name, _ in names])


def flattened(image: Any, range: Range | None) -> PILImage.Image:
    """Return an image in the form of a golden: upright, sRGB with 8 bits, and with alpha if it is transparent."""
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
    """Return whether the file of a golden has exactly this picture. False if the file is not an image."""
    try:
        with PILImage.open(path) as there:
            return there.mode == picture.mode and there.size == picture.size and there.tobytes() == picture.tobytes()
    except (OSError, SyntaxError):  # the errors of Pillow for damaged files
        return False


def _describe(found: Crossing) -> str:
    sign = ">" if found.score > found.limit else "<"
    return f"{found.metric} {figure(found.score)} {sign} {found.limit:g}"


def _places(row: ScoredPair) -> str:
    """Return the sizes and positions of the worst changed regions, as text for the message of a failure."""
    boxes = [box for found in row.regions.values() for box in found if box.shift is None]
    if not boxes:
        return ""
    first = ", ".join(f"{box.width}x{box.height} at {box.x},{box.y}" for box in boxes[:3])
    return f"\n  changed: {first}" + (f" and {len(boxes) - 3} more regions" if len(boxes) > 3 else "")
