"""All distances between the images of a set, or of two: N passes through the network, then matrix products."""

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
from .job import Failed, Job, Source
from .pairwise_distance import Block, block_count, blocks
from .reading import common_shape, fill
from .store import Store, mapped, place, scratch


@dataclass(frozen=True, slots=True)
class Matrix:
    """Distances of `rows` to `columns`, which are the same images where there is one set only.

    `distances` is mapped from a scratch file; it lives as long as that. What failed is neither a row nor a column.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    distances: Numbers
    failed: Sequence[Failed]


@contextmanager
def matrix(
    job: Job,
    source: Source,
    other: Source | None = None,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Iterator[Matrix]:
    """Embed every image once, then multiply; points and distances wait in scratch files in `folder`.

    Symmetric with a diagonal of exact zeros where there is no other set; each distance right to
    `squares.PRECISION` of itself. `progress` is told images, then blocks. Raises UsageError for a set of fewer
    than two images, ImageError, SizeError and OutputError.
    """
    if other is None and len(source.names) < 2:
        raise UsageError(f"{shown(source.folder)} holds a single image; a matrix needs two, or a second folder")
    sources = (source,) if other is None else (source, other)
    shape = common_shape(job, *sources)
    failed: list[Failed] = []
    with scratch(folder) as first, scratch(folder) as second, scratch(folder) as result:
        rows = Store(first, place(folder))
        names = fill(rows, job, source, shape, failed, progress)
        columns, column_names = rows, names
        if other is not None:
            columns = Store(second, place(folder))
            column_names = fill(columns, job, other, shape, failed, progress)
        if not names or not column_names:
            raise UsageError(f"no image of {shown(sources[-1].folder)} can be compared: {failed[-1].message}")
        grid = _Grid(result, len(names), len(column_names), place(folder))
        others = None if other is None else columns.points()
        steps = block_count(len(names), None if others is None else len(others))
        for done, block in enumerate(blocks(rows.points(), others), 1):
            grid.put(block)
            if others is None and block.column > block.row:
                grid.put(Block(block.column, block.row, block.distances.T))
            if progress:
                progress(done, steps)
        yield Matrix(names, column_names, grid.figures(), failed)


class _Grid:
    """R x C figures in a file, laid down block by block. Methods raise OutputError."""

    def __init__(self, file: BinaryIO, rows: int, columns: int, name: str) -> None:
        self._file, self._shape, self._name = file, (rows, columns), name

    def put(self, block: Block) -> None:
        """Write a block, a piece of each of its rows."""
        figures = np.ascontiguousarray(block.distances, "<f8")
        try:
            for row, piece in enumerate(figures, block.row):
                self._file.seek(8 * (row * self._shape[1] + block.column))
                written = self._file.write(piece.data)
                if written != piece.nbytes:  # what a disk does that is nearly full: the rest says why
                    self._file.write(piece.data.cast("B")[written:])
        except OSError as error:
            raise output_error(self._name, error) from error

    def figures(self) -> Numbers:
        """All of it, mapped."""
        return cast(Numbers, mapped(self._file, "<f8", 0, self._shape))
