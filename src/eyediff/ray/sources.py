"""Pairs from a list, two folders, or a Parquet table of paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, overload

from .. import pairing as matching
from ..errors import UsageError, shown
from ..locations import check_scheme, parse_location, scheme_of
from ..output.parquet import arrow
from ..records import MatchRule, Pair

COLUMNS = ("reference", "candidate")

Item: TypeAlias = Pair | Mapping[str, str] | tuple[str | Path, str | Path]
"""A pair in a list: a Pair, {"reference", "candidate"} with or without "pair", its name, or two paths or URLs."""


class Table(Sequence[Pair]):
    """Pairs in columns of text: ten million take a gigabyte or two, not ten."""

    def __init__(self, columns: Any) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns)

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Pair]: ...
    def __getitem__(self, index: int | slice) -> Pair | Sequence[Pair]:
        if isinstance(index, slice):
            return Table(self._columns.take(list(range(*index.indices(len(self))))))
        return _pair({name: self._columns[name][index].as_py() for name in self._columns.column_names})

    def __iter__(self) -> Iterator[Pair]:
        for batch in self._columns.to_batches(max_chunksize=1024):
            yield from map(_pair, batch.to_pylist())


def pairs(
    found: str | Path | Iterable[Item], candidate: str | Path | None = None, *, match: MatchRule = "name"
) -> Sequence[Pair]:
    """Pairs of what is given.

    - a list of pairs: of `Pair`, of two paths or URLs each, or of mappings as below
    - a path or URL of a Parquet file, or of a folder of them, with the columns `reference` and `candidate`, and where
      it has one, `pair`, the name of each (otherwise the candidate is)
    - two folders, or a file and a folder, here: as `eyediff compare` pairs them; files without partner are left out

    Paths may be URLs that fsspec opens. Raises UsageError where something is missing, where two pairs have one name, or
    where a scheme cannot be opened here.
    """
    if candidate is not None:
        if not isinstance(found, (str, Path)):
            raise UsageError("a list of pairs and a second path were given: give one of them")
        return matching.pair_up(Path(found), Path(candidate), match).pairs
    result: Sequence[Pair] = _table(str(found)) if isinstance(found, (str, Path)) else [_item(item) for item in found]
    _check(result)
    return result


def _table(source: str) -> Table:
    arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  # it came with Ray

    path, files = source, None
    if (scheme := scheme_of(source)) is not None:
        check_scheme(scheme)
        from fsspec.core import url_to_fs  # noqa: PLC0415

        files, path = url_to_fs(source)
    try:
        table = pq.read_table(path, filesystem=files)
    except (OSError, ValueError) as error:  # arrow's own errors are among them
        raise UsageError(f"{shown(source)}: no Parquet table ({' '.join(str(error).split())}): check it") from error
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise UsageError(
            f"{shown(source)} has the columns {', '.join(table.column_names)}, without {' and '.join(missing)}: "
            "name them reference and candidate"
        )
    kept = [name for name in ("pair", *COLUMNS) if name in table.column_names]
    for name in kept:
        if table[name].null_count:
            raise UsageError(f"{shown(source)}: the column {name} has empty cells: fill them, or take them out")
    return Table(table.select(kept))


def _item(item: Item) -> Pair:
    if isinstance(item, Pair):
        return item
    if isinstance(item, Mapping):
        missing = [name for name in COLUMNS if name not in item]
        if missing:
            raise UsageError(f"a pair has the keys {', '.join(item)}, without {' and '.join(missing)}")
        return _pair(item)
    if isinstance(item, str) or len(item) != len(COLUMNS):
        raise UsageError(f"{item!r} is no pair: give a reference and a candidate")
    return _pair(dict(zip(COLUMNS, (os.fspath(path) for path in item), strict=True)))


def _pair(cells: Mapping[str, Any]) -> Pair:
    reference, candidate = str(cells["reference"]), str(cells["candidate"])
    return Pair(str(cells.get("pair", candidate)), parse_location(reference), parse_location(candidate))


def _check(found: Sequence[Pair]) -> None:
    """Names are what results are told apart by, and a scheme that nothing opens would fail ten million times."""
    names: set[int] = set()
    schemes: set[str] = set()
    for pair in found:
        if (name := hash(pair.name)) in names:
            raise UsageError(f"two pairs are named {shown(pair.name)}: give each a name of its own, as `pair`")
        names.add(name)
        schemes.update(scheme for path in (pair.reference, pair.candidate) if (scheme := scheme_of(str(path))))
    for scheme in sorted(schemes):
        check_scheme(scheme)
    if not names:
        raise UsageError("no pair was given")
