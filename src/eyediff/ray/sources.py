"""Read the pairs of a run from a list, from two folders, or from a Parquet table of paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from .. import pairing as matching
from ..errors import UsageError, shown
from ..locations import check_scheme, scheme_of
from ..output.parquet import arrow
from ..pairing import pair_list
from ..pairing.pair_list import SIDES, PairLike, pair_of_cells
from ..records import MatchRule, Pair


class PairTable(Sequence[Pair]):
    """A sequence of pairs that are stored as the columns of an Arrow table.

    Ten million pairs take one or two gigabytes, which is a tenth of the memory of a list.
    """

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
        return pair_of_cells({name: self._columns[name][index].as_py() for name in self._columns.column_names})

    def __iter__(self) -> Iterator[Pair]:
        for batch in self._columns.to_batches(max_chunksize=1024):
            yield from map(pair_of_cells, batch.to_pylist())


def pairs(
    source: str | Path | Iterable[PairLike], candidate: str | Path | None = None, *, match: MatchRule = "name"
) -> Sequence[Pair]:
    """Return the pairs of a list, of a Parquet table or of two folders.

    Parameters
    ----------
    source : path, URL or iterable of PairLike
        A list of pairs, a Parquet table, or the folder of references. A Parquet table is a file, or a folder of files,
        with the columns `reference` and `candidate`. It may also have the columns `name` (or `pair`), `group` and
        `mask`. If it has no names, the name of a pair is the text of its candidate.
    candidate : path, optional
        File or folder of candidates, if `source` is a folder. Files are paired as in `eyediff compare`. Files without a
        partner are left out.
    match : str
        Rule that decides which files of two folders are a pair; see `records.MatchRule`.

    Returns
    -------
    sequence of Pair

    Raises
    ------
    UsageError
        If a file, a folder or a column is missing, if two pairs have the same name, or if no installed package can open
        a URL.

    Examples
    --------
    >>> from eyediff.ray import pairs
    >>> [pair.name for pair in pairs([("before/a.png", "after/a.png")])]
    ['after/a.png']
    """
    if candidate is not None:
        if not isinstance(source, (str, Path)):
            raise UsageError("a list of pairs and a path of candidates were given; expected only one of them")
        return matching.pair_up(Path(source), Path(candidate), match).pairs
    if not isinstance(source, (str, Path)):
        return pair_list.list_pairs(source)
    table = _read_table(str(source))
    pair_list.check_pairs(table)
    return table


def _read_table(source: str) -> PairTable:
    arrow()
    import pyarrow.parquet as pq  # noqa: PLC0415  # installed together with Ray

    path, files = source, None
    if (scheme := scheme_of(source)) is not None:
        check_scheme(scheme)
        from fsspec.core import url_to_fs  # noqa: PLC0415

        files, path = url_to_fs(source)
    try:
        table = pq.read_table(path, filesystem=files)
    except (OSError, ValueError) as error:  # includes the errors of arrow
        reason = " ".join(str(error).split())
        raise UsageError(f"{shown(source)} is not a Parquet table ({reason}); check the path") from error
    missing = [name for name in SIDES if name not in table.column_names]
    if missing:
        raise UsageError(
            f"{shown(source)} has the columns {', '.join(table.column_names)}, but lacks {' and '.join(missing)}; "
            "rename the columns to reference and candidate"
        )
    kept = [name for name in ("name", "pair", *SIDES, "group", "mask") if name in table.column_names]
    for name in kept:
        if name not in ("group", "mask") and table[name].null_count:
            raise UsageError(f"{shown(source)}: the column {name} has empty cells; fill them, or remove their rows")
    return PairTable(table.select(kept))
