"""What is to be done, checked before any of it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from .. import defaults
from ..errors import UsageError
from ..interfaces import Engine, Mapper
from ..records import Crossing, Header, Image, Pair, Score, Unmatched

Read: TypeAlias = Callable[[Path], Image]
"""From a file to its picture; called from several threads. Raises ImageError."""

Fit: TypeAlias = Callable[[Image, Image], tuple[Image, Image]]
"""Two pictures brought to one size and storage type. Raises SizeError."""


@dataclass(frozen=True, slots=True)
class Job:
    """Pairs, what to compute of them, and how.

    `pairs` may be endless for all that the memory cares; its length, where it has one, is only for the progress.
    `engines` and `header.metrics` have the same names in the same order. `maxima` and `minima` are limits by metric:
    scores beyond them are counted, not refused. `window`: bytes of pixels that may be decoded ahead. `mapper` makes the
    maps that viewers get; None: they get none. Raises UsageError where this does not fit together.
    """

    pairs: Iterable[Pair]
    engines: Mapping[str, Engine]
    header: Header
    read: Read
    fit: Fit
    unmatched: Sequence[Unmatched] = ()
    maxima: Mapping[str, float] = field(default_factory=dict)
    minima: Mapping[str, float] = field(default_factory=dict)
    workers: int = field(default_factory=defaults.workers)
    window: int = field(default_factory=lambda: defaults.WINDOW_BYTES)
    mapper: Mapper | None = None

    def __post_init__(self) -> None:
        names = list(self.engines)
        if names != list(self.header.metrics) or set(names) != set(self.header.higher_is_better):
            raise UsageError(f"the header speaks of {list(self.header.metrics)}, the engines are {names}")
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers were asked for; at least 1 is needed")
        for option, limits in (("max", self.maxima), ("min", self.minima)):
            for name, limit in limits.items():
                if name not in self.engines:
                    raise UsageError(f"--{option} {name}={limit:g}: {name} is not computed here; add it to --metric")
                if math.isnan(limit):
                    raise UsageError(f"--{option} {name}={limit:g}: not a number; give one")

    def crossings(self, row: Score) -> Iterator[Crossing]:
        """The limits that a row lies beyond."""
        for name, score in row.scores.items():
            highest, lowest = self.maxima.get(name), self.minima.get(name)
            if highest is not None and score > highest:
                yield Crossing(row.pair.name, name, score, highest)
            if lowest is not None and score < lowest:
                yield Crossing(row.pair.name, name, score, lowest)
