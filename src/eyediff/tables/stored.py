"""Read the scores of a table from a file of JSON lines. No image is needed to make the table from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import defaults
from ..errors import Setting, UsageError, shown, some_of
from ..output.read_rows import read_rows, split_records
from ..output.shards import read_header
from ..output.text import amount
from ..records import Header, Pair, Row, TableHeader
from ..run import StoredRows
from .bitrates import check_curves, find_bitrates
from .bjontegaard import Interpolation
from .methods import TableLayout

_AGAIN = "compute the scores again"


class StoredTable(StoredRows):
    """The scores of a table, read from a file. An earlier run kept them, or they were merged from the parts of a run.

    Parameters
    ----------
    path
        File of JSON lines.
    sizes, interpolation, max_pixels
        See `find_bitrates`. If `sizes` is None, the table has no bitrates.

    Raises
    ------
    UsageError
        If the file cannot be read, if it does not have one row for each image and method, in the order of a run, or if
        a size is missing or cannot be read.
    """

    def __init__(
        self,
        path: Path,
        *,
        sizes: Path | str | None = None,
        interpolation: Interpolation = "pchip",
        max_pixels: int = defaults.MAX_PIXELS,
    ) -> None:
        check_curves(sizes, interpolation)
        self._path = path
        self._header, table = _read_header(path)
        self.unmatched = table.unmatched
        scored = [(row.pair, bool(row.scores)) for row in self]
        pairs, methods = [pair for pair, _ in scored], tuple(table.methods)
        firsts = pairs[:: len(methods)]
        images = [pair.name.removeprefix(f"{methods[0]}/") for pair in firsts]
        self._check(pairs, images, table)
        groups = [] if self._header.groups is None else [str(pair.group) for pair in firsts]
        bitrates = None
        if sizes is not None:
            bitrates = find_bitrates(methods, images, pairs, sizes, interpolation, max_pixels=max_pixels)
            lost = np.isnan(bitrates.bpp.T.ravel()) & [has_scores for _, has_scores in scored]
            if lost.any():
                names = some_of([shown(pairs[place].name) for place in np.flatnonzero(lost)])
                raise UsageError(
                    f"the sizes of {amount(int(lost.sum()), 'image')} cannot be read: {names}; restore the compared "
                    "files, state bits per pixel in a list, or give a larger ",
                    Setting("max_pixels"),
                )
        conventions = replace(self._header.conventions, averaging=table.averaging)
        header = replace(self._header, table=None, conventions=conventions)
        self.layout = TableLayout(header, methods, images, groups, table.left_out, table.unmatched, bitrates)

    def _check(self, pairs: Sequence[Pair], images: Sequence[str], table: TableHeader) -> None:
        """Raise UsageError if the pairs differ from those of the table, or are in another order."""
        expected = table.images * len(table.methods)
        if len(pairs) != expected:
            raise UsageError(
                f"{shown(self._path)} has {amount(len(pairs), 'row')}, but the table has {expected}; "
                "resume the run that wrote this file first"
            )
        names = [f"{method}/{image}" for image in images for method in table.methods]
        grouped = self._header.groups is not None
        if names != [pair.name for pair in pairs] or any((pair.group is None) == grouped for pair in pairs):
            raise UsageError(
                f"{shown(self._path)}: its rows are not those of the table, or are in another order; {_AGAIN}"
            )

    @property
    def header(self) -> Header:
        """Return the settings that all rows share."""
        return self._header

    def __len__(self) -> int:
        return len(self.layout.images) * len(self.layout.methods)

    def __iter__(self) -> Iterator[Row]:
        try:
            yield from read_rows(self._path, "jsonl", tuple(self._header.metrics))
        except ValueError as error:
            raise UsageError(f"{error}; {_AGAIN}") from error


def _read_header(path: Path) -> tuple[Header, TableHeader]:
    """Return the header of a file, and its table. Raises UsageError if the file has none."""
    try:
        header = read_header(next(split_records(path, "jsonl"), ""))
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read ({error.strerror or error}); check the path") from error
    except ValueError:
        header = None
    if header is None or header.table is None or not header.metrics:
        raise UsageError(
            f"{shown(path)} does not hold the scores of a table; expected JSON lines with a header that lists the "
            "methods"
        )
    if header.shard is not None:
        raise UsageError(
            f"{shown(path)} is part {header.shard.part} of {header.shard.of} of a table; merge all parts first"
        )
    return header, header.table
