"""Images of one shape, in batches, through every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import numpy as np

from .. import defaults
from ..errors import EyediffError
from ..images import grounds
from ..interfaces import Engine, Looking
from ..records import Failure, Header, Image, Numbers, Pixels, Row, Score, Stage
from .loading import Loaded, why
from .references import Reference, References


class Scorer:
    """Turns loaded pairs into rows. What an engine cannot do for one pair costs that pair alone."""

    def __init__(self, engines: Mapping[str, Engine], header: Header) -> None:
        self._engines, self._references = engines, References()
        self._worse = {name: min if higher else max for name, higher in header.higher_is_better.items()}

    def refusal(self, loaded: Loaded) -> Failure | None:
        """A Failure where the images are smaller than a metric takes."""
        for name, engine in self._engines.items():
            if min(loaded.width, loaded.height) < engine.smallest:
                needed = f"{name} needs sides of at least {engine.smallest} pixels"
                return _failure(loaded, "size", f"{needed}, these are {loaded.width}x{loaded.height}; leave it out")
        return None

    def rows(self, batch: Sequence[Loaded]) -> list[Row]:
        """A row for each, all of one shape and storage type.

        Where an engine raises, every pair is tried alone, so that what is wrong with one, or too much at once, is told
        of that one.
        """
        try:
            return self._together(batch)
        except (_EngineError, MemoryError) as error:
            if len(batch) == 1:
                return [_failure(batch[0], "score", why(error))]
        return [row for loaded in batch for row in self.rows([loaded])]

    def _together(self, batch: Sequence[Loaded]) -> list[Row]:
        samples = [grounds(loaded.reference, loaded.candidate) for loaded in batch]  # one or two of each pair
        a, b = (_stack([sample[side] for pair in samples for sample in pair]) for side in (0, 1))
        starts = np.cumsum([0] + [len(pair) for pair in samples[:-1]])
        references = self._references.arrange([picture for pair in samples for picture, _ in pair])
        scores: dict[str, list[float]] = {}
        for name, engine in self._engines.items():
            found = _all(name, engine, a, b, references).tolist()
            worse = self._worse[name]
            scores[name] = [
                worse(found[start : start + len(pair)]) for start, pair in zip(starts, samples, strict=True)
            ]
        return [self._row(loaded, {name: scores[name][i] for name in scores}) for i, loaded in enumerate(batch)]

    def _row(self, loaded: Loaded, scores: Mapping[str, float]) -> Row:
        for name, score in scores.items():
            if np.isnan(score):
                return _failure(loaded, "score", f"{name}: the score is not a number")
        notes = _notes(loaded.reference, loaded.candidate)
        return Score(loaded.pair, loaded.width, loaded.height, scores, notes)


class _EngineError(EyediffError):
    """An engine raised; names the metric."""


def capacity(width: int, height: int) -> int:
    """How many pairs of images of this size go through an engine at once."""
    return max(1, defaults.BATCH_PIXELS // (2 * width * height))


def _all(name: str, engine: Engine, a: Pixels, b: Pixels, references: Sequence[tuple[Reference, list[int]]]) -> Numbers:
    """The score of each pair; of a reference that comes again from what was seen of it."""
    found, rest = np.empty(len(a)), list[int]()
    try:
        for reference, places in references:
            seen = reference.seen(name, engine)
            if seen is None or not isinstance(engine, Looking):
                rest += places
            else:
                found[places] = _distances(name, partial(engine.against, seen), _picked(b, places))
    except _EngineError:
        raise
    except Exception as error:  # as below
        raise _EngineError(f"{name}: {why(error)}") from error
    if rest:
        rest.sort()
        found[rest] = _distances(name, engine.distances, _picked(a, rest), _picked(b, rest))
    return found


def _distances(name: str, compute: Callable[..., Numbers], *sides: Pixels) -> Numbers:
    step, count = capacity(sides[0].shape[2], sides[0].shape[1]), len(sides[0])
    try:
        parts = [compute(*(side[i : i + step] for side in sides)) for i in range(0, count, step)]
    except Exception as error:  # what a runtime raises is its own affair; it becomes rows that say so
        raise _EngineError(f"{name}: {why(error)}") from error
    found: Numbers = np.concatenate(parts)
    if found.shape != (count,):
        raise _EngineError(f"{name}: {count} pairs gave scores of shape {found.shape}")
    return found


def _picked(images: Pixels, places: Sequence[int]) -> Pixels:
    """The images at these places, which ascend; all of them, which may be large, are not copied."""
    return images if len(places) == len(images) else images[list(places)]


def _stack(images: Sequence[Pixels]) -> Pixels:
    """One array of all; a single image, which may be large, is not copied."""
    if len(images) == 1:
        return images[0][None]
    return cast(Pixels, np.stack(images))


def _notes(reference: Image, candidate: Image) -> tuple[str, ...]:
    """What a person should know of the two images; of which one, where it is not both."""
    both = [note for note in reference.notes if note in candidate.notes]
    sides = (("reference", reference), ("candidate", candidate))
    single = [f"{side}: {note}" for side, image in sides for note in image.notes if note not in both]
    return (*both, *single)


def _failure(loaded: Loaded, stage: Stage, message: str) -> Failure:
    return Failure(loaded.pair, stage, message, loaded.width, loaded.height)
