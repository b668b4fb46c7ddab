"""Decoding ahead: files are read in worker threads while the main thread computes, and arrive in input order."""

from __future__ import annotations

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..errors import EyediffError
from ..records import Failure, Image, Pair, Row, Score, Side
from ..run.job import Fit, Job
from .prefetch import ahead, reading


@dataclass(frozen=True, slots=True)
class Loaded:
    """A pair whose images are in memory, of one size and storage type; `known` is its row in an earlier run."""

    pair: Pair
    reference: Image
    candidate: Image
    known: Score | None = None

    @property
    def width(self) -> int:
        return int(self.reference.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.reference.pixels.shape[0])

    @property
    def nbytes(self) -> int:
        images = (self.reference, self.candidate)
        return sum(image.pixels.nbytes * (1 if image.over_white is None else 2) for image in images)


def load(job: Job, recall: Callable[[Pair], Score | None], again: bool = False) -> Generator[Loaded | Row]:
    """Every pair in input order: its images, the row that `recall` knows already, or a Failure. See `ahead`.

    With `again` the images of a known row are read too, since somebody wants to see them; where that fails, the row
    comes alone.
    """
    with reading(job.workers) as pool:
        reader = _Reader(job, pool)

        def start(pair: Pair) -> Callable[[], Loaded | Row]:
            known = recall(pair)
            return reader.start(pair, known).result if known is None or again else lambda: known

        # Until the size of the first is known, one at a time: it may fill the window.
        yield from ahead(job.pairs, start, _nbytes, window=job.window, first=job.window)


def _nbytes(item: Loaded | Row) -> int | None:
    return item.nbytes if isinstance(item, Loaded) else None


class _Reader:
    """Hands files to the pool. A file that was read for the pair before, on the same side, is not read again."""

    def __init__(self, job: Job, pool: ThreadPoolExecutor) -> None:
        self._job, self._pool = job, pool
        self._last: dict[Side, tuple[Path, Future[Image]]] = {}

    def start(self, pair: Pair, known: Score | None) -> Future[Loaded | Row]:
        """Begin to read.

        The third task waits for the first two, in a worker. Since the pool begins tasks in the order in which it gets
        them, those are done by then, or under way in other workers; so this ends with a single worker, too.
        """
        reference = self._image("reference", pair.reference)
        candidate = self._image("candidate", pair.candidate)
        return self._pool.submit(_join, pair, reference, candidate, self._job.fit, known)

    def _image(self, side: Side, path: Path) -> Future[Image]:
        known = self._last.get(side)
        if known is not None and known[0] == path:
            return known[1]
        image = self._pool.submit(self._job.read, path)
        self._last[side] = (path, image)
        return image


def _join(
    pair: Pair, reference: Future[Image], candidate: Future[Image], fit: Fit, known: Score | None
) -> Loaded | Row:
    try:
        images = reference.result(), candidate.result()
    except Exception as error:  # noqa: BLE001  # decoders of foreign files raise anything; one file must be one row
        return known or Failure(pair, "read", why(error))
    try:
        return Loaded(pair, *fit(*images), known)
    except Exception as error:  # noqa: BLE001  # as above: no memory for the larger size, say
        return known or Failure(pair, "size", why(error))


def why(error: Exception) -> str:
    """An error as the one line of a row: our own messages as they are, others with the error's name before them."""
    text = " ".join(str(error).split())
    if isinstance(error, EyediffError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
