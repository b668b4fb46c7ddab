"""Groups of pictures on disk: made once, by several processes, while the steps that learn from them already run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..distortions.photos import loaded
from .groups import MEMBERS, Sources, group
from .store import Store
from .workers import spread

CHUNK = 64
"""Groups that a process makes at a time; what it makes is lost only if it is stopped within a chunk."""

PAUSE = 0.02
"""Seconds between two looks for groups that are not made yet."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deck holds: `count` groups of `side` pixels, of the pictures with this hash."""

    seed: int
    side: int
    count: int
    pictures: str = ""


class Deck(Store):
    """A plan, carried out in a folder. Raises as `Store` does."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        row = (MEMBERS, plan.side, plan.side, 3)
        super().__init__(folder, asdict(plan), plan.count, {"pixels": (np.uint8, row)})
        self.plan = plan
        self.pixels = self.arrays["pixels"]
        self._ready, self._uploaded, self._held = 0, 0, None

    @property
    def ready(self) -> int:
        """Groups that are made and have no gap before them."""
        while self._ready < self.plan.count and self.made[self._ready]:
            self._ready += CHUNK
        return min(self._ready, self.plan.count)

    def on(self, device: torch.device, count: int) -> Tensor:
        """All groups as bytes on a device, of which the first `count`, made already, can be read."""
        if device.type == "cpu":
            return torch.from_numpy(self.pixels)
        if self._held is None:
            self._held = torch.empty(self.pixels.shape, dtype=torch.uint8, device=device)
        if count > self._uploaded:
            self._held[self._uploaded : count] = torch.from_numpy(self.pixels[self._uploaded : count]).to(device)
            self._uploaded = count
        return self._held


class Makers:
    """Processes that make what decks lack, behind the caller's back: the first groups of every deck first."""

    def __init__(self, decks: Sequence[Deck], sources: Sequence[Sequence[Path]], workers: int) -> None:
        tasks = [
            (start / deck.plan.count, which, start)
            for which, deck in enumerate(decks)
            for start in deck.missing(CHUNK)
        ]
        self._trouble: BaseException | None = None
        if not tasks:
            return
        prepare = partial(_prepare, [(deck.folder, deck.plan) for deck in decks], [list(paths) for paths in sources])
        items = [(which, start) for _, which, start in sorted(tasks)]
        threading.Thread(target=self._make, args=(items, prepare, workers), daemon=True).start()

    def _make(self, items: list[tuple[int, int]], prepare: Callable[[], None], workers: int) -> None:
        try:
            for _ in spread(_make, items, prepare, workers):
                pass
        except BaseException as error:  # noqa: BLE001 - raised where it can be told
            self._trouble = error

    def wait(self, deck: Deck, count: int) -> None:
        """Until the first `count` groups of a deck are made. Raises what kept them from being made."""
        while deck.ready < count:
            if self._trouble is not None:
                raise self._trouble
            time.sleep(PAUSE)


class _Worker:
    """What each process holds."""

    decks: list[Deck]
    sources: Sources


def _prepare(decks: list[tuple[Path, Plan]], sources: list[list[Path]]) -> None:
    _Worker.decks = [Deck(*deck) for deck in decks]
    side = max(plan.side for _, plan in decks)
    _Worker.sources = [loaded(paths, side) for paths in sources]


def _make(task: tuple[int, int]) -> None:
    which, start = task
    deck = _Worker.decks[which]
    plan, stop = deck.plan, min(start + CHUNK, deck.plan.count)
    for index in range(start, stop):
        deck.pixels[index] = group(_Worker.sources, plan.seed, plan.side, index)
    deck.made[start:stop] = True
