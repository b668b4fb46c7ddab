"""The only place that scores images. It computes rows from pairs of loaded images, in batches, with every engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..errors import EyediffError
from ..images import composites, describe_one_sided, is_one_sided
from ..interfaces import Engine, Locator, Looking, MaskedEngine, PaddedEngine
from ..records import Failure, Features, Image, Mask, Pair, Pixels, Region, Row, ScoredPair, Stage
from .frames import merge_frames
from .loading import ImageLoader, Loaded, Recall, describe_error
from .metric_set import MetricSet
from .references import Reference, ReferenceCache

Stop: TypeAlias = Callable[[], bool]
"""A function that returns whether the run should end."""

Observe: TypeAlias = Callable[[Loaded, Row], None]
"""A function that is called with a pair that has its row, while its pixels are in memory."""

InputResult: TypeAlias = npt.NDArray[Any] | str
"""The result for one input, or the reason why there is none."""


def score_pairs(
    pairs: Iterable[Pair],
    metrics: MetricSet,
    loader: ImageLoader,
    *,
    recall: Recall | None = None,
    stop: Stop = lambda: False,
    observe: Observe | None = None,
) -> Generator[Row]:
    """Yield one row for each pair, in input order.

    Parameters
    ----------
    pairs
        Pairs to score. There may be any number of them: memory use does not grow with it.
    metrics
        Metrics to compute.
    loader
        Reads the images of pairs.
    recall
        Returns the row of a pair that an earlier run has computed, or None. It is called once for each pair, in input
        order, before the files of the pair are read.
    stop
        When it returns true, the rows that are complete are yielded, and then KeyboardInterrupt is raised.
    observe
        Called with the pixels of every pair that was read. Files of recalled rows are read again for it.
    """
    items = loader.load(pairs, recall or (lambda _: None), again=observe is not None)
    with closing(items):
        yield from score_batches(items, metrics, waiting=loader.waiting, stop=stop, observe=observe)


def score_batches(
    items: Iterable[Loaded | Row],
    metrics: MetricSet,
    *,
    waiting: int,
    stop: Stop = lambda: False,
    observe: Observe | None = None,
) -> Generator[Row]:
    """Yield the rows of loaded pairs in input order. Rows among the items are passed on.

    A batch has pairs of one shape and storage type. It is computed when it is full. When `waiting` pairs are in memory,
    or the input ends, the batch with the oldest pair is computed, even if it is not full. So the content of a batch
    depends only on the order of the pairs, and not on the time of reading. Two runs compute the same batches.
    """
    buffer = _ReorderBuffer(metrics, observe, stop)
    try:
        for item in items:
            _check(stop)
            buffer.push(item)
            yield from buffer.pop_ready()
            if len(buffer) >= waiting:
                buffer.compute_first()
                yield from buffer.pop_ready()
        while buffer:
            _check(stop)
            buffer.compute_first()
            yield from buffer.pop_ready()
    except KeyboardInterrupt:
        yield from buffer.done()
        raise


def _check(stop: Stop) -> None:
    if stop():
        raise KeyboardInterrupt


@dataclass(slots=True)
class _Slot:
    """The position of a pair in the order of the rows."""

    loaded: Loaded | None
    row: Row | None = None


class _ReorderBuffer:
    """Pairs in input order. Pairs without a row are also in a batch for their shape and storage type."""

    def __init__(self, metrics: MetricSet, observe: Observe | None, stop: Stop) -> None:
        self._metrics, self._observe, self._stop, self._references = metrics, observe, stop, ReferenceCache()
        self._slots: deque[_Slot] = deque()
        self._batches: dict[object, list[_Slot]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def push(self, item: Loaded | Row) -> None:
        """Add one pair, and compute its batch if it is full now."""
        if not isinstance(item, Loaded):
            self._slots.append(_Slot(None, item))
        elif item.later:  # a known row does not say which frame is to be shown
            row, shown = score_loaded(item, self._metrics, self._references, self._stop)
            self._slots.append(_Slot(None, row))
            self._show(shown, row)
        elif item.known is not None:
            self._slots.append(_Slot(None, item.known))
            self._show(item, item.known)
        else:
            slot = _Slot(item)
            self._slots.append(slot)
            batch = self._batches.setdefault(_kind(item), [])
            batch.append(slot)
            if len(batch) >= batch_capacity(item.width, item.height):
                self._compute(item)

    def compute_first(self) -> None:
        """Compute the batch with the oldest pair."""
        first = self._slots[0].loaded
        if first is not None:
            self._compute(first)

    def pop_ready(self) -> Iterator[Row]:
        """Yield the rows that have no unfinished pair before them."""
        while self._slots and (row := self._slots[0].row) is not None:
            self._slots.popleft()
            yield row

    def done(self) -> list[Row]:
        """Return every row that has been computed."""
        return [slot.row for slot in self._slots if slot.row is not None]

    def _compute(self, one: Loaded) -> None:
        slots = self._batches.pop(_kind(one))
        batch = [slot.loaded for slot in slots if slot.loaded is not None]
        rows = score_batch(batch, self._metrics, self._references)
        for slot, row in zip(slots, rows, strict=True):
            slot.loaded, slot.row = None, row
        for loaded, row in zip(batch, rows, strict=True):
            self._show(loaded, row)

    def _show(self, loaded: Loaded, row: Row) -> None:
        if self._observe is not None:
            self._observe(loaded, row)


def _kind(loaded: Loaded) -> object:
    pixels = loaded.reference.pixels
    padded = loaded.reference.extent is not None or loaded.candidate.extent is not None
    return pixels.shape, pixels.dtype, loaded.counted is None, padded


def batch_capacity(width: int, height: int, images: int = 2) -> int:
    """Return how many inputs of this size go through an engine in one call. An input has `images` images."""
    return max(1, defaults.BATCH_PIXELS // (images * width * height))


def score_images(frames: Sequence[tuple[Image, Image, Mask | None]], metrics: MetricSet) -> Row:
    """Return the row of two prepared images: for each frame two images of one size, and the mask or None."""
    reference, candidate, _ = frames[0]
    pair = Pair("the images", Path(reference.name), Path(candidate.name))
    first, *later = (Loaded(pair, a, b, counted=counted) for a, b, counted in frames)
    return score_loaded(replace(first, later=tuple(later)), metrics, ReferenceCache())[0]


def score_loaded(
    loaded: Loaded, metrics: MetricSet, references: ReferenceCache, stop: Stop = lambda: False
) -> tuple[Row, Loaded]:
    """Return the row of a pair with all its frames, and the frame that pictures show.

    Raises KeyboardInterrupt once `stop` returns true.
    """
    frames = [replace(loaded, later=()), *loaded.later]
    rows: list[Row] = []
    for _, of_kind in groupby(frames, key=_kind):
        alike = list(of_kind)
        capacity = batch_capacity(alike[0].width, alike[0].height)
        for start in range(0, len(alike), capacity):
            _check(stop)
            rows += score_batch(alike[start : start + capacity], metrics, references)
    if len(rows) == 1:
        return rows[0], frames[0]
    row, shown = merge_frames(rows, metrics.header)
    return row, frames[shown]


def score_batch(batch: Sequence[Loaded], metrics: MetricSet, references: ReferenceCache) -> list[Row]:
    """Return a row for each pair. The pairs have one shape and storage type, and either all or none have masks.

    Metrics are independent. If a metric cannot score a pair, the row has the reason, and the scores of other metrics.
    """
    grounds = [composites(loaded.reference, loaded.candidate) for loaded in batch]  # one or two for each pair
    owners = [index for index, of_pair in enumerate(grounds) for _ in of_pair]
    reference, candidate = ([sample[side] for of_pair in grounds for sample in of_pair] for side in (0, 1))
    counted = [own for owner in owners if (own := batch[owner].counted) is not None]
    absent = [own for owner in owners if (own := batch[owner].absent) is not None]
    samples = _Samples(reference, candidate, references.track(reference), counted, absent)
    scores: list[dict[str, list[float]]] = [{} for _ in batch]  # one score for each background
    reasons: list[dict[str, str]] = [{} for _ in batch]
    shortest = min(batch[0].width, batch[0].height)
    for names, engine in metrics.groups:
        if shortest < engine.smallest:
            size = f"{batch[0].width}x{batch[0].height}"
            reason = f"needs sides of at least {engine.smallest} pixels, these are {size}"
            results: list[InputResult] = [reason] * len(owners)
        else:
            results = compute_each(partial(samples.distances, engine, names), range(len(owners)))
        for owner, result in zip(owners, results, strict=True):
            for column, name in enumerate(names):
                if isinstance(result, str):
                    reasons[owner][name] = result
                    continue
                score = float(np.atleast_1d(result)[column])
                if np.isnan(score):
                    reasons[owner][name] = "the score is not a number"
                    continue
                scores[owner].setdefault(name, []).append(score)
    stage: Stage = "size" if all(shortest < engine.smallest for _, engine in metrics.groups) else "score"
    return [_row(metrics, loaded, scores[index], reasons[index], stage) for index, loaded in enumerate(batch)]


def _locate(
    metrics: MetricSet, loaded: Loaded, scores: dict[str, list[float]]
) -> tuple[dict[str, tuple[Region, ...]], tuple[str, ...]]:
    """Return the changed regions for each metric, on the background with the worst score, and notes on failures."""
    regions: dict[str, tuple[Region, ...]] = {}
    notes: list[str] = []
    for names, engine in metrics.groups:
        if isinstance(engine, Locator) and (of_grounds := scores.get(names[0])):
            worst = (min if metrics.header.higher_is_better[names[0]] else max)(of_grounds)
            a, b = composites(loaded.reference, loaded.candidate)[of_grounds.index(worst)]
            try:
                shift, counted = metrics.header.tolerate_shift, loaded.counted
                if isinstance(engine, PaddedEngine):
                    found = engine.locate(a, b, shift, counted, loaded.absent)
                else:
                    found = engine.locate(a, b, shift, counted)
            except Exception as error:  # noqa: BLE001  # as for scores: if memory lacks, only the regions are lost
                notes.append(f"the regions of {names[0]} were not computed: {describe_error(error)}")
                continue
            if found:
                regions[names[0]] = found
    return regions, tuple(notes)


def _row(
    metrics: MetricSet, loaded: Loaded, scores: dict[str, list[float]], reasons: dict[str, str], stage: Stage
) -> Row:
    higher = metrics.header.higher_is_better
    scored = [name for name in metrics.names if name not in reasons]
    if scored and is_one_sided(loaded.reference, loaded.candidate):
        message = describe_one_sided(loaded.reference, {name: scores[name] for name in scored})
        return Failure(loaded.pair, "score", message, loaded.width, loaded.height)
    present = {name: (min if higher[name] else max)(scores[name]) for name in scored}
    missing = {name: reasons[name] for name in metrics.names if name in reasons}
    regions, failed = _locate(metrics, loaded, scores)
    notes = (*_notes(loaded.reference, loaded.candidate), *failed)
    row = ScoredPair(loaded.pair, loaded.width, loaded.height, present, notes, missing, regions=regions)
    if present:
        return row
    return Failure(loaded.pair, stage, row.message, loaded.width, loaded.height)


def compute_each(compute: Callable[[Sequence[int]], npt.NDArray[Any]], places: Sequence[int]) -> list[InputResult]:
    """Return the result of `compute` for each input, or the reason why there is none.

    Parameters
    ----------
    compute
        Takes indices of inputs, and returns an array with one row for each index.
    places
        Indices of the inputs. There must be at least one.

    Notes
    -----
    If `compute` raises an error, every input is tried alone. So a bad input, or a batch that is too large for the
    memory, affects only inputs that also fail alone. Engines may raise any exception; it becomes the reason.
    """
    try:
        results = compute(places)
        if len(results) != len(places):
            raise EyediffError(f"{len(places)} inputs gave results of shape {results.shape}")
    except Exception as error:  # noqa: BLE001
        if len(places) == 1:
            return [describe_error(error)]
        return [result for place in places for result in compute_each(compute, [place])]
    return list(results)


class _Samples:
    """The images of a batch, and their references in the cache."""

    def __init__(
        self,
        a: Sequence[Pixels],
        b: Sequence[Pixels],
        references: Sequence[Reference],
        counted: Sequence[Mask],
        absent: Sequence[Mask],
    ) -> None:
        self._sides, self._references, self._counted, self._absent = (a, b), references, counted, absent
        self._stacks: dict[int, Pixels] = {}
        self._capacity = batch_capacity(a[0].shape[1], a[0].shape[0])

    def distances(self, engine: Engine, names: tuple[str, ...], places: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return N scores (N x K for K names) of the samples at these places.

        The features of references that occur several times are computed only once.
        """
        parts: list[tuple[Sequence[int], npt.NDArray[np.float64]]] = []
        looks = isinstance(engine, Looking) and not self._counted
        featured = self._with_features(cast(Looking, engine), names, places) if looks else {}
        for part in self._parts([place for place in places if place not in featured]):
            parts.append((part, self._compare(engine, part)))
        for part in self._parts(list(featured)):
            known = [featured[place] for place in part]
            same = all(features is known[0] for features in known)
            features = known[0] if same else tuple(np.concatenate(taps) for taps in zip(*known, strict=True))
            parts.append((part, cast(Looking, engine).against(features, self._pick(1, part))))
        shape = (len(names),) if len(names) > 1 else ()
        row_of = {place: row for row, place in enumerate(places)}
        scores = np.empty((len(places), *shape))
        for part, values in parts:
            if values.shape != (len(part), *shape):
                raise EyediffError(f"{len(part)} pairs gave scores of shape {values.shape}")
            scores[[row_of[place] for place in part]] = values
        return scores

    def _compare(self, engine: Engine, places: Sequence[int]) -> npt.NDArray[np.float64]:
        a, b = self._pick(0, places), self._pick(1, places)
        padded = self._absent and isinstance(engine, PaddedEngine)
        if not self._counted and not padded:
            return engine.distances(a, b)
        counted = np.stack([self._counted[place] for place in places]) if self._counted else np.ones(a.shape[:3], bool)
        if padded:
            absent = np.stack([self._absent[place] for place in places])
            return cast(PaddedEngine, engine).padded_distances(a, b, counted, absent)
        return cast(MaskedEngine, engine).masked_distances(a, b, counted)

    def _with_features(self, engine: Looking, names: tuple[str, ...], places: Sequence[int]) -> dict[int, Features]:
        """Return the features of the references that occur several times, by place; none if they need too much memory.

        For a single pair, a comparison from pixels is faster than one from features.
        """
        repeated = {place: self._references[place] for place in places if self._references[place].times > 1}
        unseen = {id(each): place for place, each in repeated.items() if names not in each.features}
        if unseen:
            looked = engine.look(self._pick(0, list(unseen.values())))
            for row, place in enumerate(unseen.values()):
                own = None if looked is None else tuple(tap[row : row + 1].copy() for tap in looked)
                repeated[place].features[names] = own
        known = {place: each.features[names] for place, each in repeated.items()}
        return {place: features for place, features in known.items() if features is not None}

    def _parts(self, places: Sequence[int]) -> Iterator[Sequence[int]]:
        return (places[start : start + self._capacity] for start in range(0, len(places), self._capacity))

    def _pick(self, side: int, places: Sequence[int]) -> Pixels:
        """Return the images at these places as one array. `side` is 0 for references and 1 for candidates.

        A single image is not copied, because it may be large. The array of all images is made once for all engines."""
        images = self._sides[side]
        if len(places) == 1:
            return images[places[0]][None]
        if len(places) < len(images):
            return cast(Pixels, np.stack([images[place] for place in places]))
        if side not in self._stacks:
            self._stacks[side] = cast(Pixels, np.stack(images))
        return self._stacks[side]


def _notes(reference: Image, candidate: Image) -> tuple[str, ...]:
    """Return the notes of two images. A note about only one image begins with "reference" or "candidate"."""
    both = [note for note in reference.notes if note in candidate.notes]
    sides = (("reference", reference), ("candidate", candidate))
    single = [f"{side}: {note}" for side, image in sides for note in image.notes if note not in both]
    return (*both, *single)
