"""Decode image files in worker threads while the main thread computes. The pairs are yielded in input order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from .. import defaults
from ..errors import EyediffError, Setting, check_count
from ..images import only_in_one, pair_frames
from ..images.region import read_mask
from ..locations import Location
from ..records import Failure, Image, Mask, Pair, Row, ScoredPair, Side
from .prefetch import ahead, reading

Read: TypeAlias = Callable[[Location], Image]
"""A function that reads an image from a file. Several threads call it. It raises ImageError if the file is bad."""

FitPair: TypeAlias = Callable[[Image, Image], tuple[Image, Image]]
"""A function that converts two images to one size and one storage type. It raises SizeError if that is refused."""

Prepare: TypeAlias = Callable[[Image, Image, Mask | None], tuple[Image, Image, Mask | None]]
"""A function that prepares two images of one size for scoring.

It takes the mask of the pair, and returns the images with a mask of the pixels that are compared. It raises SizeError
if no pixels are left.
"""

Recall: TypeAlias = Callable[[Pair], ScoredPair | None]
"""A function that returns the row of a pair from an earlier run, or `None` if the earlier run has no such row."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair with its images in memory, converted to one size and one storage type.

    Attributes
    ----------
    pair : Pair
        The pair.
    reference, candidate : Image
        The two images of the pair. They may differ in size only if `known` is a failure.
    known : Row or None
        Row of the pair from an earlier run, or a failure if the images cannot be compared. `None` if the pair must be
        scored.
    counted : Mask or None
        Mask of the pixels that are compared, H x W. `None` means all pixels. At other pixels, the candidate has the
        pixels of the reference.
    later : tuple of Loaded
        If the images are animations, the second frame and all later ones.
    frame : int or None
        Number, from 1, of the frame of an animation that the pictures show. `None` if the images have one frame.
    """

    pair: Pair
    reference: Image
    candidate: Image
    known: Row | None = None
    counted: Mask | None = None
    later: tuple[Loaded, ...] = ()
    frame: int | None = None

    @property
    def width(self) -> int:
        return int(self.reference.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.reference.pixels.shape[0])

    @property
    def absent(self) -> Mask | None:
        """Mask of the pixels that only one of the two images has, because images of different size were padded.

        `None` if the images were not padded.
        """
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
        Function that reads one image file.
    fit
        Function that converts the two images of a pair to one size and one storage type.
    workers
        Number of threads that read files.
    window
        Largest number of pairs in memory. Half of them are decoded in advance, and half of them wait until their batch
        is full.
    window_bytes
        Largest number of bytes of pixels that are decoded in advance.
    prepare
        Function that is called after `fit`. It returns the prepared images, and a mask of the pixels that are compared.
    read_mask
        Function that reads the mask file of a pair.
    spell
        Function that writes the name and the value of a parameter in the message of a Failure.

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
    spell: Callable[[Setting], str] = str

    def __post_init__(self) -> None:
        check_count("workers", self.workers)

    @property
    def waiting(self) -> int:
        """Largest number of decoded pairs that wait until their batch is full, or until it is their turn."""
        return self.window - self.window // 2

    def load(self, pairs: Iterable[Pair], recall: Recall, again: bool = False) -> Generator[Loaded | Row]:
        """Yield one result for each pair, in input order.

        The result is the row of an earlier run if `recall` returns one. Otherwise, it is the images of the pair, or a
        Failure if they cannot be read. With `again`, the images are read even if there is a row of an earlier run. If
        they cannot be read then, only the row is yielded.
        """
        with reading(self.workers) as pool:
            reader = _Reader(self, pool)

            def start(pair: Pair) -> Callable[[], Loaded | Row]:
                known = recall(pair)
                return reader.start(pair, known).result if known is None or again else lambda: known

            # The first pair is read alone, because its size is unknown: it may take all of `window_bytes`.
            size = self.window_bytes
            yield from ahead(pairs, start, _nbytes, window=size, first=size, most=self.window // 2)


def _nbytes(item: Loaded | Row) -> int | None:
    return item.nbytes if isinstance(item, Loaded) else None


class _Reader:
    """Starts tasks that read files in a pool of threads.

    If successive pairs have the same reference, the same candidate or the same mask, the file is read once.
    """

    def __init__(self, loader: ImageLoader, pool: ThreadPoolExecutor) -> None:
        self._loader, self._pool = loader, pool
        self._last: dict[Side, tuple[Location, Future[Image]]] = {}
        self._mask: tuple[Location, Future[Mask]] | None = None

    def start(self, pair: Pair, known: ScoredPair | None) -> Future[Loaded | Row]:
        """Start tasks that read the files of a pair, and a last task that joins their results. Return the last task.

        The last task waits in a worker thread for the other tasks. The pool starts tasks in order. When the last task
        starts, the other tasks have therefore ended, or other workers are executing them. This works even with a single
        worker.
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
    except Exception as error:  # noqa: BLE001  # decoders may raise any exception, and a bad file becomes one row
        return known or Failure(pair, "read", describe_error(error, loader.spell))
    frames: list[tuple[Image, Image]] = []
    found: list[Loaded] = []
    try:
        frames = pair_frames(*images)
        for frame in frames:
            first, second, own = loader.prepare(*loader.fit(*frame), counted)
            found.append(Loaded(pair, first, second, known, own))
        return replace(found[0], later=tuple(found[1:]))
    except Exception as error:  # noqa: BLE001  # as above; an example is too little memory for padded images
        where = f"frame {len(found) + 1}: " if len(frames) > 1 else ""
        first, second = frames[len(found)] if frames else (replace(image, later=()) for image in images)
        return known or Loaded(pair, first, second, Failure(pair, "size", where + describe_error(error, loader.spell)))


def describe_error(error: Exception, spell: Callable[[Setting], str] = str) -> str:
    """Return the message of an error as one line. For errors of other libraries, the name of the type comes first.

    `spell` writes the parameters that an error of eyediff names.
    """
    if isinstance(error, EyediffError):
        return " ".join(error.spelled(spell).split())
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
