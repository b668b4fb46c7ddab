"""From the files of a set to points: decoded ahead, brought to one size, embedded in batches, in the order of names."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np

from .. import defaults
from ..errors import ImageError, SizeError, shown
from ..images import fit_to
from ..interfaces import Progress
from ..metrics.ops import Array
from ..records import Image, Pixels
from ..scoring.batches import batch_capacity, compute_each
from ..scoring.loading import describe_error
from ..scoring.prefetch import ahead, reading
from .job import Failed, Job, Source
from .store import Store

AHEAD = defaults.WINDOW // 2
"""Images that are decoded ahead."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size that all images of a set have; `name` says whose it is."""

    height: int
    width: int
    name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Images by their places in `Source.names`, and their points, N x D."""

    places: Sequence[int]
    points: Array


def common_shape(job: Job, *sources: Source) -> Shape:
    """The size to bring all images to: of the first that can be read; to be cropped, the least height and width of all.

    Raises ImageError where none can be read, SizeError where that size is too small for the metric.
    """
    shape: Shape | None = None
    problem = ""
    for image in _every_image(job, sources):
        if isinstance(image, Failed):
            problem = problem or image.message
            continue
        height, width = image.pixels.shape[:2]
        if shape is not None:
            height, width = min(height, shape.height), min(width, shape.width)
        shape = Shape(height, width, image.name)
        if job.header.size != "crop":
            break
    if shape is None:
        raise ImageError(f"no image of {shown(sources[0].folder)} can be read; the first: {problem}")
    if min(shape.height, shape.width) < job.embedder.smallest:
        raise SizeError(
            f"{job.metric} needs sides of at least {job.embedder.smallest} pixels, and these images would be "
            f"{shape.width}x{shape.height} ({shown(shape.name)}): take larger images, or another metric"
        )
    return shape


def _every_image(job: Job, sources: Iterable[Source]) -> Generator[Image | Failed]:
    """Ahead only where all will be looked at."""
    for source in sources:
        if job.header.size == "crop":
            yield from _read_ahead(job, source, source.names, _as_it_is, AHEAD)
        else:
            yield from (_read(job, source, name, _as_it_is) for name in source.names)


def embedded(
    job: Job,
    source: Source,
    shape: Shape,
    places: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Generator[Batch | Failed]:
    """The images at `places` (None: all) in that order, in batches of one storage type; those that fail, in between.

    Raises SizeError where sizes differ and the policy is to refuse that.
    """
    order = range(len(source.names)) if places is None else places
    most = batch_capacity(shape.width, shape.height, images=1)
    waiting: list[tuple[int, Image]] = []
    names = (source.names[place] for place in order)
    with closing(_read_ahead(job, source, names, partial(_fitted, job, shape), max(most, AHEAD))) as images:
        for done, (place, image) in enumerate(zip(order, images, strict=True), 1):
            if isinstance(image, Failed):
                yield image
            else:
                if waiting and (len(waiting) == most or waiting[0][1].pixels.dtype != image.pixels.dtype):
                    yield from _embed(job, source, waiting)
                    waiting.clear()
                waiting.append((place, image))
            if progress:
                progress(done, len(order))
        yield from _embed(job, source, waiting)


def _read_ahead(
    job: Job, source: Source, names: Iterable[str], fit: Callable[[Image], Image], most: int
) -> Generator[Image | Failed]:
    with reading(job.workers) as pool:

        def start(name: str) -> Callable[[], Image | Failed]:
            return pool.submit(_read, job, source, name, fit).result

        window = defaults.WINDOW_BYTES
        yield from ahead(names, start, _nbytes, window=window, first=window // job.workers, most=most)


def _read(job: Job, source: Source, name: str, fit: Callable[[Image], Image]) -> Image | Failed:
    try:
        image = job.read(source.folder / name)
    except Exception as error:  # noqa: BLE001  # decoders of foreign files raise anything; one file must be one row
        return Failed(name, "read", describe_error(error))
    try:
        return fit(image)
    except SizeError:
        raise
    except Exception as error:  # noqa: BLE001  # as above: no memory for the larger size, say
        return Failed(name, "size", describe_error(error))


def _as_it_is(image: Image) -> Image:
    return image


def _fitted(job: Job, shape: Shape, image: Image) -> Image:
    return fit_to(image, shape.height, shape.width, job.header.size, shape.name)


def _nbytes(item: Image | Failed) -> int | None:
    return item.pixels.nbytes if isinstance(item, Image) else None


def _embed(job: Job, source: Source, images: Sequence[tuple[int, Image]]) -> Generator[Batch | Failed]:
    """Yield the points of one batch, and the images that have none."""
    if not images:
        return

    def embed(rows: Sequence[int]) -> Array:
        return job.embedder.embeddings(cast(Pixels, np.stack([images[row][1].pixels for row in rows])))

    places, points = [], []
    for (place, _), result in zip(images, compute_each(embed, range(len(images))), strict=True):
        if isinstance(result, str):
            yield Failed(source.names[place], "score", result)
        elif not np.isfinite(result).all():
            yield Failed(source.names[place], "score", f"{job.metric}: the figures are not finite")
        else:
            places.append(place)
            points.append(result)
    if places:
        yield Batch(places, np.stack(points))


def fill(
    store: Store, job: Job, source: Source, shape: Shape, failed: list[Failed], progress: Progress | None = None
) -> list[str]:
    """All points of a set into a store; returns the names that they belong to, in order, and adds those that failed."""
    names: list[str] = []
    with closing(embedded(job, source, shape, progress=progress)) as items:
        for item in items:
            if isinstance(item, Failed):
                failed.append(item)
            else:
                store.append(item.points)
                names += [source.names[place] for place in item.places]
    return names
