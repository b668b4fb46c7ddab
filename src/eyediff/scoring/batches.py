"""Score pairs of loaded images in batches with the engines of all metrics. No other file scores images."""

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
from .frames import merge_frames, worst_note
from .loading import ImageLoader, Loaded, Recall, describe_error
from .metric_set import MetricSet
from .references import Reference, ReferenceCache

Stop: TypeAlias = Callable[[], bool]
"""A function that returns whether the run should end."""

Observe: TypeAlias = Callable[[Loaded, Row], None]
"""A function that is called with each pair and its row, while the pixels of the pair are in memory."""

InputResult: TypeAlias = npt.NDArray[Any] | str
"""The result for one input, or a text that says why there is no result."""


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
        Pairs to score. The memory that is needed does not depend on the number of pairs.
    metrics
        Metrics to compute.
    loader
        Loader that reads the images of the pairs.
    recall
        Function that returns the row of a pair from an earlier run, or `None`. It is called once for each pair, in
        input order, before the files of the pair are read.
    stop
        Function that says whether the run should end. When it returns true, the rows that are complete are yielded, and
        then KeyboardInterrupt is raised.
    observe
        Function that is called with the images and the row of every pair. If it is given, the files of pairs with a row
        from an earlier run are read, too.
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
    """Yield one row for each item, in input order. An item is a pair with its images, or a row. Rows are passed on.

    A batch has pairs of one shape and one storage type. It is computed when it is full. When `waiting` pairs are in
    memory, or when the input ends, the batch with the oldest pair is computed, even if it is not full. The content of a
    batch therefore depends on the order of the pairs, and not on the time for reading their files. So two runs of the
    same input compute the same batches.
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
    """A pair in the order of the input. It has its images until it is computed, and then its row."""

    loaded: Loaded | None
    row: Row | None = None


class _ReorderBuffer:
    """Pairs that wait, in input order, until they are computed and all earlier pairs are finished.

    A pair without a row is also in a batch, with other pairs of the same shape and storage type.
    """

    def __init__(self, metrics: MetricSet, observe: Observe | None, stop: Stop) -> None:
        self._metrics, self._observe, self._stop, self._references = metrics, observe, stop, ReferenceCache()
        self._slots: deque[_Slot] = deque()
        self._batches: dict[object, list[_Slot]] = {}

    def __len__(self) -> int:
        return len(self._slots)

    def push(self, item: Loaded | Row) -> None:
        """Add one pair or row. Then compute the batch of the pair if the batch is full."""
        if not isinstance(item, Loaded):
            self._slots.append(_Slot(None, item))
        elif item.later:  # a row of an earlier run does not say which frame the pictures show
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
        """Yield the rows that come before the first unfinished pair."""
        while self._slots and (row := self._slots[0].row) is not None:
            self._slots.popleft()
            yield row

    def done(self) -> list[Row]:
        """Return all rows that have been computed and not yet yielded."""
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
    """Return how many inputs an engine gets in one call. Each input has `images` images of this width and height."""
    return max(1, defaults.BATCH_PIXELS // (images * width * height))


def score_images(frames: Sequence[tuple[Image, Image, Mask | None]], metrics: MetricSet) -> Row:
    """Return the row of two prepared images.

    `frames` has, for each frame, two images of one size and a mask, or `None` if there is no mask.
    """
    reference, candidate, _ = frames[0]
    pair = Pair("the images", Path(reference.name), Path(candidate.name))
    first, *later = (Loaded(pair, a, b, counted=counted) for a, b, counted in frames)
    return score_loaded(replace(first, later=tuple(later)), metrics, ReferenceCache())[0]


def score_loaded(
    loaded: Loaded, metrics: MetricSet, references: ReferenceCache, stop: Stop = lambda: False
) -> tuple[Row, Loaded]:
    """Return the row of a pair, computed from all its frames, and the frame that the pictures of a report show.

    Raises
    ------
    KeyboardInterrupt
        If `stop` returns true.
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
    return row, replace(frames[shown], frame=shown + 1)


def score_batch(batch: Sequence[Loaded], metrics: MetricSet, references: ReferenceCache) -> list[Row]:
    """Return a row for each pair of a batch.

    The pairs must have one shape and one storage type. Either all of them or none of them have masks. If a metric
    cannot score a pair, the row says why, and has the scores of the other metrics.
    """
    # For each pair: its images on black, and on white if one of them is transparent.
    grounds = [composites(loaded.reference, loaded.candidate) for loaded in batch]
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
            reason = f"needs sides of at least {engine.smallest} pixels, but the images are {size}"
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
    """Return the changed regions of a pair for each metric, and notes about regions that could not be computed.

    For transparent images, the regions are those on the background with the worst score. Positions are those in the
    images before the border is cut off, as in the settings of the comparison.
    """
    border = metrics.header.conventions.crop_border
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
            except Exception as error:  # noqa: BLE001  # if memory runs out, only the regions are lost, not the scores
                notes.append(f"the regions of {names[0]} were not computed: {describe_error(error)}")
                continue
            if found:
                regions[names[0]] = tuple(region.translate(border) for region in found)
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
    grounds = {name: _ground(scores[name], present[name]) for name in scored if len(scores[name]) > 1}
    missing = {name: reasons[name] for name in metrics.names if name in reasons}
    regions, failed = _locate(metrics, loaded, scores)
    chosen = [worst_note("black and white", grounds)] if grounds else []
    notes = (*_notes(loaded.reference, loaded.candidate), *chosen, *failed)
    row = ScoredPair(loaded.pair, loaded.width, loaded.height, present, notes, missing, regions=regions)
    if present:
        return row
    return Failure(loaded.pair, stage, row.message, loaded.width, loaded.height)


def _ground(on_black_and_white: Sequence[float], worst: float) -> str:
    black, white = on_black_and_white
    return "both" if black == white else "black" if worst == black else "white"


def compute_each(compute: Callable[[Sequence[int]], npt.NDArray[Any]], places: Sequence[int]) -> list[InputResult]:
    """Return the result of `compute` for each input, or a text that says why there is no result.

    Parameters
    ----------
    compute
        Function that takes indices of inputs, and returns an array with one row for each index.
    places
        Indices of the inputs. There must be at least one.

    Notes
    -----
    If `compute` raises an error, it is called again for each input alone. A bad input, or a batch that is too large for
    the memory, therefore affects only the inputs that also fail alone. `compute` may raise any exception, and the text
    describes this exception.
    """
    try:
        results = compute(places)
        if len(results) != len(places):
            raise EyediffError(
                f"the engine returned results of shape {results.shape} for {len(places)} inputs, "
                "but it must return one row for each input"
            )
    except Exception as error:  # noqa: BLE001
        if len(places) == 1:
            return [describe_error(error)]
        return [result for place in places for result in compute_each(compute, [place])]
    return list(results)


class _Samples:
    """The images of a batch, their masks, and the cached features of the references."""

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
        """Return the scores of the pairs of images with the indices `places`: N scores, or N x K scores for K names.

        If a reference occurs several times, its features are computed only once.
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
                raise EyediffError(
                    f"the engine returned scores of shape {values.shape} for {len(part)} pairs and {len(names)} metrics"
                )
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
        """Return the features of references that occur several times, by the index of the pair of images.

        The references of single pairs are not included, because a comparison from pixels is faster for them. References
        are also not included if their features need too much memory.
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
        """Return the images with the indices `places` as one array. `side` is 0 for references and 1 for candidates.

        A single image is not copied, because it may be large. The array of all images is built once and serves all
        engines.
        """
        images = self._sides[side]
        if len(places) == 1:
            return images[places[0]][None]
        if len(places) < len(images):
            return cast(Pixels, np.stack([images[place] for place in places]))
        if side not in self._stacks:
            self._stacks[side] = cast(Pixels, np.stack(images))
        return self._stacks[side]


def _notes(reference: Image, candidate: Image) -> tuple[str, ...]:
    """Return the notes of two images. A note of a single image is preceded by "reference" or "candidate"."""
    both = [note for note in reference.notes if note in candidate.notes]
    sides = (("reference", reference), ("candidate", candidate))
    single = [f"{side}: {note}" for side, image in sides for note in image.notes if note not in both]
    return (*both, *single)
