"""Read the images of a set, bring them to one size, and compute their embeddings in batches.

Threads read images ahead. The results are in the order of the names.
"""

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
from .job import EmbeddingJob, FailedImage, ImageSet
from .store import PointStore

AHEAD = defaults.WINDOW // 2
"""Number of images that may be decoded before they are needed."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The size to which all images of a set are brought, in pixels. `name` is the image that determined the size."""

    height: int
    width: int
    name: str


@dataclass(frozen=True, slots=True)
class Batch:
    """The embeddings of N images.

    `indices` has the indices of the images in `ImageSet.names`, and `points` has their N x D embeddings.
    """

    indices: Sequence[int]
    points: Array


def common_shape(job: EmbeddingJob, *sources: ImageSet) -> Shape:
    """Return the size to which all images of the sets are brought.

    This is the size of the first image that can be read. If the size policy of the job is "crop", it is the smallest
    height and the smallest width of all images.

    Raises
    ------
    ImageError
        If no image can be read.
    SizeError
        If the size is too small for the metric.
    """
    shape: Shape | None = None
    problem = ""
    for image in _every_image(job, sources):
        if isinstance(image, FailedImage):
            problem = problem or image.message
            continue
        height, width = image.pixels.shape[:2]
        if shape is not None:
            height, width = min(height, shape.height), min(width, shape.width)
        shape = Shape(height, width, image.name)
        if job.header.size != "crop":
            break
    if shape is None:
        raise ImageError(f"no image of {shown(sources[0].folder)} can be read; the first error is: {problem}")
    if min(shape.height, shape.width) < job.embedder.smallest:
        raise SizeError(
            f"{job.metric} needs sides of at least {job.embedder.smallest} pixels, but all images would get the size "
            f"{shape.width}x{shape.height} of {shown(shape.name)}; use larger images, or another metric"
        )
    return shape


def _every_image(job: EmbeddingJob, sources: Iterable[ImageSet]) -> Generator[Image | FailedImage]:
    """Yield every image of the sets.

    Images are read ahead only if the size policy is "crop", because the caller then reads all of them.
    """
    for source in sources:
        if job.header.size == "crop":
            yield from _read_ahead(job, source, source.names, _unchanged, AHEAD)
        else:
            yield from (_read(job, source, name, _unchanged) for name in source.names)


def embed_images(
    job: EmbeddingJob,
    source: ImageSet,
    shape: Shape,
    indices: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Generator[Batch | FailedImage]:
    """Yield the embeddings of images in batches, and the images that failed.

    All images of a batch have the same storage type, such as 8-bit integers.

    Parameters
    ----------
    job
        Settings with which images are read and embedded.
    source
        Set of images.
    shape
        Size to which the images are brought.
    indices
        Indices in `source.names` of the images to embed, in the order of the results. None selects all images.
    progress
        Function that is called with the number of finished images and the number of all images.

    Raises
    ------
    SizeError
        If sizes differ, and the policy refuses different sizes.
    """
    order = range(len(source.names)) if indices is None else indices
    most = batch_capacity(shape.width, shape.height, images=1)
    waiting: list[tuple[int, Image]] = []
    names = (source.names[index] for index in order)
    with closing(_read_ahead(job, source, names, partial(_fit, job, shape), max(most, AHEAD))) as images:
        for done, (index, image) in enumerate(zip(order, images, strict=True), 1):
            if isinstance(image, FailedImage):
                yield image
            else:
                if waiting and (len(waiting) == most or waiting[0][1].pixels.dtype != image.pixels.dtype):
                    yield from _embed(job, source, waiting)
                    waiting.clear()
                waiting.append((index, image))
            if progress:
                progress(done, len(order))
        yield from _embed(job, source, waiting)


def _read_ahead(
    job: EmbeddingJob, source: ImageSet, names: Iterable[str], fit: Callable[[Image], Image], most: int
) -> Generator[Image | FailedImage]:
    with reading(job.workers) as pool:

        def start(name: str) -> Callable[[], Image | FailedImage]:
            return pool.submit(_read, job, source, name, fit).result

        window = defaults.WINDOW_BYTES
        yield from ahead(names, start, _nbytes, window=window, first=window // job.workers, most=most)


def _read(job: EmbeddingJob, source: ImageSet, name: str, fit: Callable[[Image], Image]) -> Image | FailedImage:
    try:
        image = job.read(source.folder / name)
    except Exception as error:  # noqa: BLE001  # a decoder may raise any error; a bad file must become one row
        return FailedImage(name, "read", describe_error(error))
    try:
        return fit(image)
    except SizeError:
        raise
    except Exception as error:  # noqa: BLE001  # for example, the memory may be too small for the new size
        return FailedImage(name, "size", describe_error(error))


def _unchanged(image: Image) -> Image:
    return image


def _fit(job: EmbeddingJob, shape: Shape, image: Image) -> Image:
    return fit_to(image, shape.height, shape.width, job.header.size, shape.name)


def _nbytes(item: Image | FailedImage) -> int | None:
    return item.pixels.nbytes if isinstance(item, Image) else None


def _embed(job: EmbeddingJob, source: ImageSet, images: Sequence[tuple[int, Image]]) -> Generator[Batch | FailedImage]:
    """Compute the embeddings of one batch of images. Yield the images that failed, and then the embeddings."""
    if not images:
        return

    def embed(rows: Sequence[int]) -> Array:
        return job.embedder.embeddings(cast(Pixels, np.stack([images[row][1].pixels for row in rows])))

    indices, points = [], []
    for (index, _), result in zip(images, compute_each(embed, range(len(images))), strict=True):
        if isinstance(result, str):
            yield FailedImage(source.names[index], "score", result)
        elif not np.isfinite(result).all():
            yield FailedImage(source.names[index], "score", f"{job.metric}: a value of the embedding is not finite")
        else:
            indices.append(index)
            points.append(result)
    if indices:
        yield Batch(indices, np.stack(points))


def fill_store(
    store: PointStore,
    job: EmbeddingJob,
    source: ImageSet,
    shape: Shape,
    failed: list[FailedImage],
    progress: Progress | None = None,
) -> list[str]:
    """Compute the embeddings of a set of images and append them to `store`.

    Return the names of the images whose embeddings were appended. The images that failed are appended to the list
    `failed`.
    """
    names: list[str] = []
    with closing(embed_images(job, source, shape, progress=progress)) as items:
        for item in items:
            if isinstance(item, FailedImage):
                failed.append(item)
            else:
                store.append(item.points)
                names += [source.names[index] for index in item.indices]
    return names
