"""Decode files in worker threads while the main thread computes. Pairs arrive in input order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .. import defaults
from ..errors import EyediffError, UsageError
from ..images import only_in_one, pair_frames
from ..images.region import read_mask
from ..locations import Location
from ..records import Failure, Image, Mask, Pair, Row, ScoredPair, Side
from .prefetch import ahead, reading

Read: TypeAlias = Callable[[Location], Image]
"""A function that reads an image from a file. Several threads call it. Raises ImageError."""

FitPair: TypeAlias = Callable[[Image, Image], tuple[Image, Image]]
"""A function that gives two images one size and storage type. Raises SizeError."""

Prepare: TypeAlias = Callable[[Image, Image, Mask | None], tuple[Image, Image, Mask | None]]
"""A function that prepares two images of one size for scoring. It also returns which pixels count. Raises SizeError."""

Recall: TypeAlias = Callable[[Pair], ScoredPair | None]
"""A function that returns the row of a pair from an earlier run, or None if there is none."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair whose images are in memory, of one size and storage type. `known` is its row from an earlier run.

    If the images cannot be compared, `known` is the failure. Only then may the images differ in size.
    `counted` shows which pixels count, H x W. None means all. Where pixels do not count, the candidate has the pixels
    of the reference. If the images are animations, `later` has their other frames.
    """

    pair: Pair
    reference: Image
    candidate: Image
    known: Row | None = None
    counted: Mask | None = None
    later: tuple[Loaded, ...] = ()

    @property
    def width(self) -> int:
        return int(self.reference.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.reference.pixels.shape[0])

    @property
    def absent(self) -> Mask | None:
        """Return which pixels only one of the two images has; None if none was padded."""
        return only_in_one(self.reference, self.candidate)

    @property
    def nbytes(self) -> int:
        images = (self.reference, self.candidate)
        own = sum(image.pixels.nbytes * (1 if image.over_white is None else 2) for image in images)
        return own + sum(frame.nbytes for frame in self.later)


@dataclass(frozen=True, slots=True)
class ImageLoader:
    """A loader that reads the images of pairs from their files.

    Parameters
    ----------
    read
        Reads one file.
    fit
        Gives the two images of a pair one size and storage type.
    workers
        Number of threads that read.
    window
        Number of pairs in memory: half of them decoded in advance, half waiting until their batch is full.
    window_bytes
        Number of bytes of pixels that may be decoded in advance.
    prepare
        Called after `fit`. It returns the prepared images, and which pixels count.
    read_mask
        Reads the mask of a pair, if it has one.

    Raises
    ------
    UsageError
        If the number of workers is less than 1.
    """

    read: Read
    fit: FitPair
    workers: int = field(default_factory=defaults.workers)
    window: int = defaults.WINDOW
    window_bytes: int = field(default_factory=lambda: defaults.WINDOW_BYTES)
    prepare: Prepare = lambda reference, candidate, mask: (reference, candidate, mask)
    read_mask: Callable[[Location], Mask] = read_mask

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers were given, expected at least 1")

    @property
    def waiting(self) -> int:
        """Number of decoded pairs that may wait for their turn, or until their batch is full."""
        return self.window - self.window // 2

    def load(self, pairs: Iterable[Pair], recall: Recall, again: bool = False) -> Generator[Loaded | Row]:
        """Yield a result for every pair in input order: its images, the row that `recall` returns, or a Failure.

        With `again`, the images of a recalled row are also read. If this fails, only the row is yielded.
        """
        with reading(self.workers) as pool:
            reader = _Reader(self, pool)

            def start(pair: Pair) -> Callable[[], Loaded | Row]:
                known = recall(pair)
                return reader.start(pair, known).result if known is None or again else lambda: known

            # The first pair is read alone, because it may take all of the window. Then its size is known.
            size = self.window_bytes
            yield from ahead(pairs, start, _nbytes, window=size, first=size, most=self.window // 2)


def _nbytes(item: Loaded | Row) -> int | None:
    return item.nbytes if isinstance(item, Loaded) else None


class _Reader:
    """Gives files to the pool. If successive pairs have the same reference or candidate, it is read once."""

    def __init__(self, loader: ImageLoader, pool: ThreadPoolExecutor) -> None:
        self._loader, self._pool = loader, pool
        self._last: dict[Side, tuple[Location, Future[Image]]] = {}
        self._mask: tuple[Location, Future[Mask]] | None = None

    def start(self, pair: Pair, known: ScoredPair | None) -> Future[Loaded | Row]:
        """Start reading a pair.

        The last task waits for the other tasks in a worker thread. The pool starts tasks in order. So the other tasks
        are complete then, or other workers are executing them. This works even with a single worker.
        """
        reference = self._image("reference", pair.reference)
        candidate = self._image("candidate", pair.candidate)
        return self._pool.submit(_join, pair, reference, candidate, self._mask_of(pair), self._loader, known)

    def _mask_of(self, pair: Pair) -> Future[Mask] | None:
        if pair.mask is None:
            return None
        if self._mask is None or self._mask[0] != pair.mask:
            self._mask = pair.mask, self._pool.submit(self._loader.read_mask, pair.mask)
        return self._mask[1]

    def _image(self, side: Side, path: Location) -> Future[Image]:
        known = self._last.get(side)
        if known is not None and known[0] == path:
            return known[1]
        image = self._pool.submit(self._loader.read, path)
        self._last[side] = (path, image)
        return image


def _join(
    pair: Pair,
    reference: Future[Image],
    candidate: Future[Image],
    mask: Future[Mask] | None,
    loader: ImageLoader,
    known: ScoredPair | None,
) -> Loaded | Row:
    try:
        images = reference.result(), candidate.result()
        counted = None if mask is None else mask.result()
    except Exception as error:  # noqa: BLE001  # decoders may raise any exception; a bad file becomes one row
        return known or Failure(pair, "read", describe_error(error))
    frames: list[tuple[Image, Image]] = []
    found: list[Loaded] = []
    try:
        frames = pair_frames(*images)
        for frame in frames:
            first, second, own = loader.prepare(*loader.fit(*frame), counted)
            found.append(Loaded(pair, first, second, known, own))
        return replace(found[0], later=tuple(found[1:]))
    except Exception as error:  # noqa: BLE001  # as above, for example if memory lacks for the larger size
        where = f"frame {len(found) + 1}: " if len(frames) > 1 else ""
        first, second = frames[len(found)] if frames else (replace(image, later=()) for image in images)
        return known or Loaded(pair, first, second, Failure(pair, "size", where + describe_error(error)))


def describe_error(error: Exception) -> str:
    """Return an error as one line. Errors of other libraries begin with the name of their type."""
    text = " ".join(str(error).split())
    if isinstance(error, EyediffError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
