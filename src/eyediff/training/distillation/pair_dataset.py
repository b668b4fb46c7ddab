"""Groups with their teacher's values, on disk: made once, by several processes, and read in every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ...distortions.photos import loaded
from ...distortions.tools import Picture
from ...engines.torch_ops import TorchVerbs
from ...metrics import lpips
from .array_cache import Store
from .groups import MEMBERS, PAIRS, group
from .pair_distances import cells, of_groups
from .workers import spread

CHUNK = 64
"""Groups that a process makes at a time; what it makes is lost only if it is stopped within a chunk."""

AT_ONCE = 8
"""Groups that go through the teacher together: more gain nothing on one core."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deck holds: `count` groups of `side` pixels, of the photos with this hash."""

    seed: int
    side: int
    count: int
    photos: str = ""


class Deck(Store):
    """A plan, carried out in a folder: pixels, distances and maps. Raises as `Store` does."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        grid, side = cells(plan.side), plan.side
        rows = {
            "pixels": (np.uint8, (MEMBERS, side, side, 3)),
            "totals": (np.float32, (len(PAIRS),)),
            "maps": (np.float32, (len(PAIRS), grid, grid)),
        }
        super().__init__(folder, asdict(plan), plan.count, rows)
        self.plan = plan
        self.pixels, self.totals, self.maps = (self.arrays[name] for name in rows)

    def fill(self, photos: list[Path], teacher: lpips.Network, workers: int) -> Iterator[int]:
        """Make what is missing; says after each chunk how many groups are there."""
        starts = self.missing(CHUNK)
        if not starts:
            return
        prepare = partial(_prepare, self.folder, self.plan, photos, teacher)
        for _ in spread(_make, starts, prepare, workers):
            yield int(self.made.sum())


class _Worker:
    """What each process holds."""

    deck: Deck
    photos: list[Picture]
    teacher: lpips.Network


def _prepare(folder: Path, plan: Plan, photos: list[Path], teacher: lpips.Network) -> None:
    _Worker.deck, _Worker.photos, _Worker.teacher = Deck(folder, plan), loaded(photos, plan.side), teacher


def _make(start: int) -> None:
    deck, plan = _Worker.deck, _Worker.deck.plan
    stop = min(start + CHUNK, plan.count)
    for index in range(start, stop):
        deck.pixels[index] = group(_Worker.photos, plan.seed, plan.side, index)
    for first in range(start, stop, AT_ONCE):
        some = slice(first, min(first + AT_ONCE, stop))
        with torch.inference_mode():
            pixels = torch.from_numpy(np.array(deck.pixels[some]))
            totals, maps = of_groups(TorchVerbs(), _Worker.teacher, pixels, cells(plan.side))
        deck.totals[some], deck.maps[some] = totals.numpy(), maps.numpy()
    deck.made[start:stop] = True
