"""Every image pair of a study through every metric: files decoded ahead, each reference looked at once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from .. import defaults
from ..errors import EyediffError, shown
from ..interfaces import Engine, Looking
from ..records import Features, Image, Numbers, Pixels
from ..scoring.batches import capacity
from ..scoring.loading import why
from ..scoring.prefetch import ahead, reading
from ..sets import Failed
from ..votes import Item

Read: TypeAlias = Callable[[Path], Image]
Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Scored:
    """By metric the scores of N items, N x P: of an item's first image with each of its P others, as the metric gives
    them. Items in `failed`, by their place, have nan from all metrics, so that metrics are compared on the same."""

    scores: Mapping[str, Numbers]
    failed: Mapping[int, Failed]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The images of the item at a place, all of one shape and storage type."""

    place: int
    first: Path
    pixels: Sequence[Pixels]

    @property
    def kind(self) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
        return self.pixels[0].shape, self.pixels[0].dtype


def scored(
    items: Sequence[Item], engines: Mapping[str, Engine], read: Read, workers: int, progress: Progress | None = None
) -> Scored:
    """What every metric says of every item. One that cannot be read or scored is among `failed`, and says why."""
    columns = max((len(item.images) for item in items), default=2) - 1
    scores = {name: np.full((len(items), columns), np.nan) for name in engines}
    failed: dict[int, Failed] = {}
    again = len({item.images[0] for item in items}) < columns * len(items)
    scorer, waiting = _Scorer(engines, look=again), list[_Loaded]()

    def flush() -> None:
        for place, found in scorer.rows(waiting):
            if isinstance(found, str):
                failed[place] = Failed(items[place].name, "score", found)
                continue
            for name, row in found.items():
                scores[name][place] = row
        waiting.clear()

    with closing(_loaded(items, engines, read, workers)) as loaded:
        for done, each in enumerate(loaded, 1):
            if isinstance(each, tuple):
                failed[each[0]] = each[1]
            else:
                height, width = each.pixels[0].shape[:2]
                if waiting and (len(waiting) >= capacity(width, height) or waiting[0].kind != each.kind):
                    flush()
                waiting.append(each)
            if progress:
                progress(done, len(items))
    flush()
    return Scored(scores, failed)


def _loaded(
    items: Sequence[Item], engines: Mapping[str, Engine], read: Read, workers: int
) -> Generator[_Loaded | tuple[int, Failed]]:
    """The images of every item, those of one reference together; or why there are none."""
    order = sorted(range(len(items)), key=lambda place: items[place].images[0])
    smallest = {name: engine.smallest for name, engine in engines.items()}
    with reading(workers) as pool:
        last: dict[Path, Future[Image]] = {}

        def start(place: int) -> Callable[[], _Loaded | tuple[int, Failed]]:
            nonlocal last
            last = {path: last.get(path) or pool.submit(read, path) for path in items[place].images}
            futures = [last[path] for path in items[place].images]
            return lambda: _joined(place, items[place], futures, smallest)

        yield from ahead(
            order, start, _nbytes, window=defaults.WINDOW_BYTES, first=defaults.WINDOW_BYTES // workers, most=AHEAD
        )


AHEAD = 2 * defaults.WINDOW
"""Items that are decoded ahead. Patches are small; the bytes of larger images are bounded by WINDOW_BYTES."""


def _nbytes(item: _Loaded | tuple[int, Failed]) -> int | None:
    return sum(pixels.nbytes for pixels in item.pixels) if isinstance(item, _Loaded) else None


def _joined(
    place: int, item: Item, futures: Sequence[Future[Image]], smallest: Mapping[str, int]
) -> _Loaded | tuple[int, Failed]:
    try:
        pixels = [future.result().pixels for future in futures]
    except Exception as error:  # noqa: BLE001  # decoders of foreign files raise anything; one item must be one row
        return place, Failed(item.name, "read", why(error))
    first = pixels[0]
    for path, other in zip(item.images[1:], pixels[1:], strict=True):
        if (other.shape, other.dtype) != (first.shape, first.dtype):
            found, wanted = (f"{each.shape[1]}x{each.shape[0]} {each.dtype}" for each in (other, first))
            return place, Failed(item.name, "size", f"{shown(path)} is {found}, what it is compared with {wanted}")
    for name, side in smallest.items():
        if min(first.shape[:2]) < side:
            message = f"{name} needs sides of at least {side} pixels, these are {first.shape[1]}x{first.shape[0]}"
            return place, Failed(item.name, "size", message)
    return _Loaded(place, item.images[0], pixels)


class _Scorer:
    """Batches through every engine, sorted by reference.

    What an engine sees of the last reference is kept, since the next batch may begin with it. Without `look` no
    reference comes twice, and comparing at once is faster than to look first.
    """

    def __init__(self, engines: Mapping[str, Engine], look: bool) -> None:
        self._engines, self._look = engines, look
        self._kept: dict[str, tuple[Path, Features]] = {}

    def rows(self, batch: Sequence[_Loaded]) -> Iterator[tuple[int, dict[str, Numbers] | str]]:
        """Places, and their P scores by metric or why there are none. Where an engine gives up on a batch, each item is
        tried alone, so that one costs itself only."""
        if not batch:
            return
        try:
            found = self._together(batch)
        except (_EngineError, MemoryError) as error:
            if len(batch) > 1:
                for each in batch:
                    yield from self.rows([each])
            else:
                yield batch[0].place, why(error)
            return
        for row, each in enumerate(batch):
            bad = next((name for name, scores in found.items() if np.isnan(scores[row]).any()), None)
            if bad is None:
                yield each.place, {name: scores[row] for name, scores in found.items()}
            else:
                yield each.place, f"{bad}: the score is not a number"

    def _together(self, batch: Sequence[_Loaded]) -> dict[str, Numbers]:
        """N x P scores by metric. All metrics see the very same arrays in turn: some share their work by that."""
        firsts = {each.first: each.pixels[0] for each in batch}
        references = np.stack([each.pixels[0] for each in batch])
        row_of = {path: row for row, path in enumerate(firsts)}
        places = [row_of[each.first] for each in batch]
        found: dict[str, list[Numbers]] = {name: [] for name in self._engines}
        seen: dict[str, Features | None] = {}
        for column in range(1, len(batch[0].pixels)):
            others = np.stack([each.pixels[column] for each in batch])
            for name, engine in self._engines.items():
                try:
                    if name not in seen:
                        seen[name] = self._seen(name, engine, firsts)
                    looked = seen[name]
                    if looked is None or not isinstance(engine, Looking):
                        scores = engine.distances(cast(Pixels, references), cast(Pixels, others))
                    else:
                        scores = engine.against(tuple(tap[places] for tap in looked), cast(Pixels, others))
                except Exception as error:  # what a runtime raises is its own affair; it becomes rows that say so
                    raise _EngineError(f"{name}: {why(error)}") from error
                found[name].append(scores)
        return {name: np.stack(scores, 1) for name, scores in found.items()}

    def _seen(self, name: str, engine: Engine, firsts: Mapping[Path, Pixels]) -> Features | None:
        """What an engine sees of these references, none of them a second time; None where it cannot look."""
        if not (self._look and isinstance(engine, Looking)):
            return None
        kept = self._kept.pop(name, None)
        known = [kept[1]] if kept is not None and kept[0] in firsts else []
        fresh = [pixels for path, pixels in firsts.items() if not known or kept is None or path != kept[0]]
        if fresh:
            looked = engine.look(cast(Pixels, np.stack(fresh)))
            if looked is None:
                return None
            known.append(looked)
        seen = tuple(np.concatenate(taps) for taps in zip(*known, strict=True))
        self._kept[name] = list(firsts)[-1], tuple(tap[-1:].copy() for tap in seen)
        return seen


class _EngineError(EyediffError):
    """An engine raised; names the metric."""
