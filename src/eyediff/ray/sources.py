"""Pairs from a list, from two folders, or from a Parquet table of paths."""

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

PairLike: TypeAlias = Pair | Mapping[str, str] | tuple[str | Path, str | Path]
"""A pair in a list: a Pair, two paths or URLs, or a mapping with "reference", "candidate" and optionally "pair"."""


class PairTable(Sequence[Pair]):
    """Pairs stored as columns of text. Ten million take one or two gigabytes, a tenth of a list."""

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
            return PairTable(self._columns.take(list(range(*index.indices(len(self))))))
        return _pair_from_cells({name: self._columns[name][index].as_py() for name in self._columns.column_names})

    def __iter__(self) -> Iterator[Pair]:
        for batch in self._columns.to_batches(max_chunksize=1024):
            yield from map(_pair_from_cells, batch.to_pylist())


def pairs(
    source: str | Path | Iterable[PairLike], candidate: str | Path | None = None, *, match: MatchRule = "name"
) -> Sequence[Pair]:
    """Return the pairs of a list, of a Parquet table or of two folders.

    Parameters
    ----------
    source : path, URL or iterable of PairLike
        A list of pairs; or a Parquet file, or a folder of them, with the columns `reference`, `candidate` and
        optionally `pair` (the name of each; default: the candidate); or the reference folder.
    candidate : path, optional
        The candidate folder or file, if `source` is a folder. Files are paired as by `eyediff compare`; files without a
        partner are left out.
    match : str
        How files of two folders are paired.

    Returns
    -------
    sequence of Pair

    Raises
    ------
    UsageError
        If something is missing, if two pairs have one name, or if no installed package opens a URL.

    Examples
    --------
    >>> from eyediff.ray import pairs
    >>> [pair.name for pair in pairs([("before/a.png", "after/a.png")])]
    ['after/a.png']
    """
    if candidate is not None:
        if not isinstance(source, (str, Path)):
            raise UsageError("a list of pairs and a second path were given; expected one of them")
        return matching.pair_up(Path(source), Path(candidate), match).pairs
    result: Sequence[Pair] = (
        _read_table(str(source)) if isinstance(source, (str, Path)) else [_to_pair(item) for item in source]
    )
    _check(result)
    return result


def _read_table(source: str) -> PairTable:
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
        reason = " ".join(str(error).split())
        raise UsageError(f"{shown(source)}: is not a Parquet table ({reason}); check the path") from error
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
    return PairTable(table.select(kept))


def _to_pair(item: PairLike) -> Pair:
    if isinstance(item, Pair):
        return item
    if isinstance(item, Mapping):
        missing = [name for name in COLUMNS if name not in item]
        if missing:
            raise UsageError(f"a pair has the keys {', '.join(item)}, without {' and '.join(missing)}")
        return _pair_from_cells(item)
    if isinstance(item, str) or len(item) != len(COLUMNS):
        raise UsageError(f"{item!r} is no pair: give a reference and a candidate")
    return _pair_from_cells(dict(zip(COLUMNS, (os.fspath(path) for path in item), strict=True)))


def _pair_from_cells(cells: Mapping[str, Any]) -> Pair:
    reference, candidate = str(cells["reference"]), str(cells["candidate"])
    return Pair(str(cells.get("pair", candidate)), parse_location(reference), parse_location(candidate))


def _check(pairs: Sequence[Pair]) -> None:
    """Raise UsageError for two pairs of one name, for an unknown scheme, and for no pairs."""
    names: set[int] = set()
    schemes: set[str] = set()
    for pair in pairs:
        if (name := hash(pair.name)) in names:
            raise UsageError(f"two pairs are named {shown(pair.name)}: give each a name of its own, as `pair`")
        names.add(name)
        schemes.update(scheme for path in (pair.reference, pair.candidate) if (scheme := scheme_of(str(path))))
    for scheme in sorted(schemes):
        check_scheme(scheme)
    if not names:
        raise UsageError("no pair was given")
