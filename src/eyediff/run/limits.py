"""Limits of scores, which a run checks for every pair."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..errors import Setting, UsageError
from ..records import Crossing, Row


@dataclass(frozen=True, slots=True)
class Limits:
    """The highest and the lowest score that is allowed, by metric. Scores beyond are reported, not refused."""

    maxima: Mapping[str, float] = field(default_factory=dict)
    minima: Mapping[str, float] = field(default_factory=dict)

    def check(self, names: Sequence[str]) -> None:
        """Raise UsageError if a limit is not a number, or its metric is not one of these."""
        for option, limits in (("max", self.maxima), ("min", self.minima)):
            for name, limit in limits.items():
                stated = Setting(option, f"{name}={limit:g}")
                if name not in names:
                    raise UsageError(stated, f": {name} is not computed here; add it to ", Setting("metrics"))
                if math.isnan(limit):
                    raise UsageError(stated, ": not a number; give one")

    def crossings(self, row: Row) -> Iterator[Crossing]:
        """Yield the limits that the scores of a row are beyond."""
        for name, score in row.scores.items():
            highest, lowest = self.maxima.get(name), self.minima.get(name)
            if highest is not None and score > highest:
                yield Crossing(row.pair.name, name, score, highest)
            if lowest is not None and score < lowest:
                yield Crossing(row.pair.name, name, score, lowest)


NO_LIMITS = Limits()
