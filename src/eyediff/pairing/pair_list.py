"""Read pairs of images from a list, which is a CSV file, a file of JSON lines, or a Python iterable."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from ..errors import UsageError, shown, some_of
from ..locations import Location, Url, check_scheme, parse_location, scheme_of
from ..records import Pair
from .table_rows import BadRow, TableRow, read_table_rows

SIDES = ("reference", "candidate")
OPTIONAL = ("name", "group", "mask")

PairLike: TypeAlias = Pair | Mapping[str, str] | tuple[str | Path, str | Path]
"""Type of one pair in a list: a Pair, a mapping with the keys "reference" and "candidate", or a tuple of two paths.

Paths may be URLs. A mapping may also have the keys "name" (or "pair", with the same meaning), "group" and "mask".
"""


def list_pairs(items: Iterable[PairLike]) -> Sequence[Pair]:
    """Return the pairs that a Python iterable lists.

    Raises
    ------
    UsageError
        If the list is empty, if an item is not a pair, or if two pairs have the same name.
    """
    pairs = [_pair_of_item(item) for item in items]
    check_pairs(pairs)
    return pairs


def read_pairs(path: Path) -> Sequence[Pair]:
    """Return the pairs that a table in CSV or JSON lines lists.

    The table must have the columns `reference` and `candidate` with paths or URLs. Paths are relative to the folder of
    the table. The columns `name`, `group` and `mask` are optional. If a row has no name, the name of the pair is the
    text of the cell `candidate`. Other columns are ignored, except misspelled ones.

    Raises
    ------
    UsageError
        If the file is not such a table, if a row lacks a path, if an optional column is misspelled, or if two pairs
        have the same name.
    """
    pairs: list[Pair] = []
    problems: list[str] = []
    try:
        for line, row in read_table_rows(path):
            try:
                pairs.append(_pair_of_row(path, row))
            except ValueError as error:
                problems.append(f"line {line}: {error}")
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read ({error.strerror or error}); check the path") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    if problems:
        raise UsageError(f"{shown(path)}: {some_of(problems, separator='; ')}; correct these rows")
    if not pairs:
        raise UsageError(f"{shown(path)} has no pairs; expected rows with the columns {' and '.join(SIDES)}")
    check_pairs(pairs)
    return pairs


def is_of_results(path: Path) -> bool:
    """Return whether a list of pairs has the columns of results. Then a run has written it, with settings of its own.

    A file that cannot be read twice, such as a pipe, is not read.
    """
    if not path.is_file():
        return False
    _, row = next(iter(read_table_rows(path)), (0, {}))
    return not isinstance(row, BadRow) and {"pair", *SIDES, "width", "height", "error"} <= row.keys()


def check_pairs(pairs: Iterable[Pair]) -> None:
    """Check that all names of pairs are different, and that an installed package can open the URLs of the pairs.

    Raises
    ------
    UsageError
        If there are no pairs, if two pairs have the same name, or if no installed package can open a URL.
    """
    names: set[int] = set()
    schemes: set[str] = set()
    for pair in pairs:
        if (name := hash(pair.name)) in names:
            raise UsageError(f"two pairs have the name {shown(pair.name)}; give each pair a different name")
        names.add(name)
        urls = (location for location in (pair.reference, pair.candidate, pair.mask) if isinstance(location, Url))
        schemes.update(scheme for url in urls if (scheme := scheme_of(url.text)))
    for scheme in sorted(schemes):
        check_scheme(scheme)
    if not names:
        raise UsageError("the list of pairs is empty; give at least one pair")


def _pair_of_item(item: PairLike) -> Pair:
    if isinstance(item, Pair):
        return item
    if isinstance(item, Mapping):
        missing = [name for name in SIDES if name not in item]
        if missing:
            raise UsageError(f"a pair has the keys {', '.join(item)}, but it also needs {' and '.join(missing)}")
        return pair_of_cells(item)
    if not (
        isinstance(item, tuple | list) and len(item) == len(SIDES) and all(isinstance(it, str | Path) for it in item)
    ):
        raise UsageError(f"{item!r:.80} is not a pair; expected the paths of a reference and a candidate")
    return pair_of_cells(dict(zip(SIDES, map(str, item), strict=True)))


def pair_of_cells(cells: Mapping[str, object]) -> Pair:
    """Return the pair that the cells of a row describe. Its paths are those in the cells.

    Raises UsageError if the name of a column is misspelled: without its masks, a list would give other scores.
    """
    for column in cells:
        if meant := _misspelled(column):
            raise UsageError(f"the column {shown(column)} is unknown; rename it to {meant}, or leave it out")
    reference, candidate = str(cells["reference"]), str(cells["candidate"])
    name, group, mask = cells.get("name", cells.get("pair", candidate)), cells.get("group"), cells.get("mask")
    return Pair(
        str(name),
        parse_location(reference),
        parse_location(candidate),
        parse_location(str(mask)) if mask else None,
        None if group in (None, "") else str(group),
    )


@lru_cache
def _misspelled(column: str) -> str | None:
    """Return the optional column with a similar name: `mask` for `masks`. Return None if there is none."""
    close = get_close_matches(column.lower(), OPTIONAL, 1, 0.8)
    return close[0] if close and column not in OPTIONAL else None


def _pair_of_row(path: Path, row: TableRow | BadRow) -> Pair:
    """Return the pair that a row of the table at `path` describes. Raises ValueError if the row is not a pair."""
    if isinstance(row, BadRow):
        raise ValueError(row.what)  # noqa: TRY004  # a value in a file, not an argument
    for name in SIDES:
        if name not in row:
            raise ValueError(f"there is no column {name}; the columns are: {', '.join(map(shown, row))}")
        if row[name] in (None, ""):
            raise ValueError(f"the {name} is missing; expected a path or a URL")
        if not isinstance(row[name], str) or "\0" in str(row[name]):
            raise ValueError(f"the {name} is {row[name]!r:.80}; expected a path or a URL")
    pair = pair_of_cells({name: cell for name, cell in row.items() if cell not in (None, "")})
    mask = None if pair.mask is None else _below(path, pair.mask)
    return replace(pair, reference=_below(path, pair.reference), candidate=_below(path, pair.candidate), mask=mask)


def _below(table: Path, location: Location) -> Location:
    return location if isinstance(location, Url) else table.parent / location
