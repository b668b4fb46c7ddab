"""Groups with their teacher's values, on disk: made once, by several processes, and read in every epoch."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap

from .. import lpips
from ..distortions.photos import loaded
from ..distortions.tools import Picture
from ..engines.torch_verbs import TorchVerbs
from ..errors import ResumeError
from .groups import MEMBERS, PAIRS, group
from .measure import cells, of_groups

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


class Deck:
    """A plan, carried out in a folder: pixels, distances and maps as memory-mapped arrays.

    Raises ResumeError where the folder holds a deck of another plan.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        note = folder / "plan.json"
        fresh = not note.exists()
        if fresh:
            folder.mkdir(parents=True, exist_ok=True)
        elif json.loads(note.read_text()) != asdict(plan):
            raise ResumeError(
                f"{folder}: holds pairs of other settings ({note.read_text()}); remove it or name another"
            )
        grid, side, count = cells(plan.side), plan.side, plan.count

        def array(name: str, dtype: type, *shape: int) -> np.memmap:
            path = folder / f"{name}.npy"
            return open_memmap(path, "w+", dtype, (count, *shape)) if fresh else open_memmap(path, "r+")

        self.pixels = array("pixels", np.uint8, MEMBERS, side, side, 3)
        self.totals = array("totals", np.float32, len(PAIRS))
        self.maps = array("maps", np.float32, len(PAIRS), grid, grid)
        self.made = array("made", np.bool_)
        if fresh:
            note.write_text(json.dumps(asdict(plan)))

    def missing(self) -> list[int]:
        """First indices of the chunks that are not made yet."""
        return [start for start in range(0, self.plan.count, CHUNK) if not self.made[start : start + CHUNK].all()]

    def fill(self, photos: list[Path], teacher: lpips.Network, workers: int) -> Iterator[int]:
        """Make what is missing; says after each chunk how many groups are there."""
        starts = self.missing()
        if not starts:
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, _prepare, (self.folder, self.plan, photos, teacher)) as pool:
            for _ in pool.map(_make, starts):
                yield int(self.made.sum())


class _Worker:
    """What each process holds."""

    deck: Deck
    photos: list[Picture]
    teacher: lpips.Network


def _prepare(folder: Path, plan: Plan, photos: list[Path], teacher: lpips.Network) -> None:
    torch.set_num_threads(1)
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
