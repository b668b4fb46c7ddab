"""Engines, readers and sinks without image files. Every value follows from the names of the files."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eyediff.errors import ImageError, SizeError
from eyediff.records import Failure, Header, Image, MetricHeader, Numbers, Pair, Pixels, Row, ScoredPair, Summary
from eyediff.run import ComparisonPlan, Limits
from eyediff.scoring.loading import ImageLoader
from eyediff.scoring.metric_set import MetricSet

VALUES = {"mse": False, "sim": True}
"""The fake metrics, and whether a higher score is better."""


def header(names: Iterable[str] = VALUES, **changes: object) -> Header:
    """Return a header with fake metrics."""
    metrics = {name: MetricHeader("1", "ab" * 32 if name == "mse" else None, "fake 1.0 cpu") for name in names}
    fields: dict[str, object] = {"eyediff": "0.1.0", "metrics": metrics, "size": "refuse"}
    return Header(**{**fields, "higher_is_better": {name: VALUES[name] for name in names}, **changes})  # type: ignore[arg-type]


def pairs(count: int, folder: Path = Path("x")) -> list[Pair]:
    """Return the pairs p00, p01, ... of a reference folder and a candidate folder."""
    return [Pair(f"p{i:02}.png", folder / f"a/p{i:02}.png", folder / f"b/p{i:02}.png") for i in range(count)]


def level(path: Path) -> int:
    """Return the gray level that `Reader` gives to a file."""
    return zlib.crc32(str(path).encode()) % 200


class Reader:
    """A reader of flat gray images whose level follows from the path.

    It records the files that it read, and the largest number of images in memory.
    """

    def __init__(self, size: Callable[[Path], tuple[int, int]] = lambda path: (4, 4), delay: float = 0) -> None:
        self.size, self.delay = size, delay
        self.seen: list[Path] = []
        self.alive = self.most = 0
        self._lock = threading.Lock()
        self._random = np.random.default_rng(1)

    def __call__(self, path: Path) -> Image:
        with self._lock:
            self.seen.append(path)
            wait = float(self._random.uniform(0, self.delay))
        time.sleep(wait)
        if "broken" in path.name:
            raise ImageError(f"{path}: truncated after 12 of 40 rows")
        height, width = self.size(path)
        return Image(str(path), self.tracked(height, width, level(path)))

    def tracked(self, height: int, width: int, gray: int) -> Pixels:
        """Return pixels that report when they are deleted."""
        pixels = np.full((height, width, 3), gray, np.uint8).view(_Tracked)
        pixels.owner = self
        with self._lock:
            self.alive += 1
            self.most = max(self.most, self.alive)
        return pixels

    def gone(self) -> None:
        with self._lock:
            self.alive -= 1


class _Tracked(np.ndarray):  # type: ignore[type-arg]
    owner: Reader | None = None

    def __del__(self) -> None:
        if self.owner is not None:
            self.owner.gone()


def fit(a: Image, b: Image) -> tuple[Image, Image]:
    """Refuse images of different sizes, as the default policy does."""
    if a.pixels.shape != b.pixels.shape:
        raise SizeError(f"{a.name} and {b.name} differ in size")
    return a, b


class Engine:
    """An engine for the mean squared difference, or its negative. It records the shapes of its batches."""

    description = "fake 1.0 cpu"

    def __init__(self, higher: bool = False, smallest: int = 1) -> None:
        self.higher, self.smallest = higher, smallest
        self.batches: list[tuple[int, ...]] = []

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        self.batches.append(a.shape)
        found: Numbers = ((a.astype(np.float64) - b.astype(np.float64)) ** 2).mean((1, 2, 3))
        return -found if self.higher else found


def expected(pair: Pair) -> float:
    """Return the score "mse" of a pair that `Reader` read."""
    return float((level(pair.reference) - level(pair.candidate)) ** 2)


def job(found: Iterable[Pair], reader: Callable[[Path], Image] | None = None, **changes: Any) -> ComparisonPlan:
    """Return a plan with the fake engine "mse", unless `changes` have other values."""
    engines = changes.pop("engines", None) or {"mse": Engine()}
    groups = tuple(((name,), engine) for name, engine in engines.items())
    metrics = MetricSet(groups, changes.pop("header", header(engines)))
    loader = ImageLoader(reader or Reader(), changes.pop("fit", fit), changes.pop("workers", 3))
    limits = Limits(changes.pop("maxima", {}), changes.pop("minima", {}))
    return ComparisonPlan(found, metrics, loader, limits=limits, **changes)


class Kept:
    """A sink that keeps its rows. It can raise an error at one of them."""

    def __init__(self, fail_at: int | None = None, error: BaseException | None = None) -> None:
        self.rows: list[Row] = []
        self.summary: Summary | None = None
        self.fail_at, self.error = fail_at, error
        self.opened = 0
        self.abandoned = False

    def open(self, header: Header) -> None:
        self.opened += 1

    def write(self, row: Row) -> None:
        if self.fail_at == len(self.rows) and self.error is not None:
            raise self.error
        self.rows.append(row)

    def close(self, summary: Summary) -> None:
        self.summary = summary

    def abandon(self) -> None:
        self.abandoned = True

    @property
    def names(self) -> list[str]:
        return [row.pair.name for row in self.rows]

    @property
    def scores(self) -> list[Mapping[str, float] | None]:
        return [row.scores if isinstance(row, ScoredPair) else None for row in self.rows]

    @property
    def failures(self) -> list[Failure]:
        return [row for row in self.rows if isinstance(row, Failure)]
