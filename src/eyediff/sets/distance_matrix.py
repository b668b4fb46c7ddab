"""Compute all distances within a set of images, or between the images of two sets.

The network computes one embedding for each image. Matrix products of the embeddings then give the distances.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ..errors import UsageError, shown
from ..interfaces import Progress
from ..output.atomic_write import output_error
from ..records import Numbers
from .job import EmbeddingJob, FailedImage, ImageSet
from .pairwise_distance import Block, block_count, blocks
from .reading import common_shape, fill_store
from .store import PointStore, map_array, scratch_file, scratch_name


@dataclass(frozen=True, slots=True)
class DistanceMatrix:
    """The distances from each image of one set to each image of another set, or within one set.

    Attributes
    ----------
    rows, columns
        Names of the images in the rows and columns. For a single set, both are the same.
    distances
        Distances, one row for each of `rows`. This array is a memory map of a temporary file. It must not be used after
        the `with` block of `compute_matrix`.
    failed
        Images that could not be used. They have no row and no column.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    distances: Numbers
    failed: Sequence[FailedImage]


@contextmanager
def compute_matrix(
    job: EmbeddingJob,
    images: ImageSet,
    others_set: ImageSet | None = None,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[DistanceMatrix]:
    """Compute the distances between images. This is a context manager that yields the distance matrix.

    Parameters
    ----------
    job : EmbeddingJob
        Settings with which images are read and embedded.
    images : ImageSet
        Images of the rows.
    others_set : ImageSet, optional
        Images of the columns. By default, they are the images of the rows.
    folder : Path, optional
        Folder for temporary files. By default, it is the temporary folder of the system.
    progress : function, optional
        Called with the number of finished images and the number of all images. Later, it is called with the number of
        finished blocks of the matrix and the number of all blocks.

    Yields
    ------
    DistanceMatrix
        For one set, the matrix is symmetric, and its diagonal is exactly zero. The relative error of each distance is
        at most `pairwise_distance.PRECISION`.

    Raises
    ------
    UsageError
        If only one set is given and it has fewer than two images, or if no image of a set can be compared.
    ImageError
        If no image can be read.
    SizeError
        If the images differ in size and the policy refuses this, or if their size is too small for the metric.
    OutputError
        If a temporary file cannot be written, for example because the disk is full.
    """
    if others_set is None and len(images.names) < 2:
        raise UsageError(
            f"{shown(images.folder)} holds a single image; a matrix needs at least two images, or a second folder"
        )
    sources = (images,) if others_set is None else (images, others_set)
    shape = common_shape(job, *sources)
    failed: list[FailedImage] = []
    with scratch_file(folder) as first, scratch_file(folder) as second, scratch_file(folder) as result:
        rows = PointStore(first, scratch_name(folder))
        names = fill_store(rows, job, images, shape, failed, progress)
        columns, column_names = rows, names
        if others_set is not None:
            columns = PointStore(second, scratch_name(folder))
            column_names = fill_store(columns, job, others_set, shape, failed, progress)
        if not names or not column_names:
            raise UsageError(
                f"no image of {shown(sources[-1].folder)} can be compared; the last error is: {failed[-1].message}"
            )
        grid = _Grid(result, len(names), len(column_names), scratch_name(folder))
        other_points = None if others_set is None else columns.points()
        steps = block_count(len(names), None if other_points is None else len(other_points))
        for done, block in enumerate(blocks(rows.points(), other_points), 1):
            grid.put(block)
            if other_points is None and block.column > block.row:
                grid.put(Block(block.column, block.row, block.distances.T))
            if progress:
                progress(done, steps)
        yield DistanceMatrix(names, column_names, grid.values(), failed)


class _Grid:
    """An R x C matrix of float64 in a file, written block by block. Its methods raise OutputError if writing fails."""

    def __init__(self, file: BinaryIO, rows: int, columns: int, name: str) -> None:
        self._file, self._shape, self._name = file, (rows, columns), name

    def put(self, block: Block) -> None:
        """Write a block at its place in the file."""
        rows = np.ascontiguousarray(block.distances, "<f8")
        try:
            for row, part in enumerate(rows, block.row):
                self._file.seek(8 * (row * self._shape[1] + block.column))
                written = self._file.write(part.data)
                if written != part.nbytes:  # the disk is full: writing the rest raises an error that has the reason
                    self._file.write(part.data.cast("B")[written:])
        except OSError as error:
            raise output_error(self._name, error) from error

    def values(self) -> Numbers:
        """Return the complete matrix as a memory map of the file."""
        return cast(Numbers, map_array(self._file, "<f8", 0, self._shape))
