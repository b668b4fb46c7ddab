"""An output and its journal, rewritten with the rows in order, so that a kill at any moment leaves both whole.

Two files cannot take the place of two others at once. So the new output waits, whole, under a name with a number in it;
then the new journal, which holds that number, takes the old one's place; and only then does the output. Whoever finds
the file that the journal's number names does the last step first.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..output.atomic_write import remove, trouble
from ..output.files import Appender
from .journal import Opening, Stamps, path_of, read_entries


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands in the output, its line in the journal, and how its two files were."""

    start: int
    end: int
    line: int
    stamps: Stamps


def triples(order: array[int]) -> Iterator[tuple[int, int, int]]:
    """(start, end, journal line) of each row."""
    figures = iter(order)
    return zip(figures, figures, figures, strict=True)


def in_order(order: array[int], first: int, size: int) -> bool:
    """Whether an output of `size` bytes, `first` of them the header, holds just these rows, one behind the other."""
    end = first
    for start, stop, _ in triples(order):
        if start != end:
            return False
        end = stop
    return end == size


def _waiting(output: Path, number: int) -> Path:
    return output.with_name(f"{output.name}.tidy{number}")


def _following(output: Path) -> Path:
    journal = path_of(output)
    return journal.with_name(journal.name + ".new")


def finish_tidying(output: Path, number: int) -> None:
    """Do the last step where a kill came before it, and remove what a kill left of a tidying that was not whole."""
    waiting = _waiting(output, number)
    if waiting.exists():
        waiting.replace(output)
    remove(_waiting(output, number + 1))
    remove(_following(output))


def tidy(output: Path, opening: Opening, header: bytes, order: array[int]) -> None:
    """Rewrite both. Raises OutputError, with nothing lost, where there is no room for it."""
    opening = replace(opening, tidied=opening.tidied + 1)
    waiting, following = _waiting(output, opening.tidied), _following(output)
    try:
        try:
            with Appender(waiting) as rows, Appender(following) as lines:
                rows.write(header)
                lines.write(opening.line())
                _copy(output, order, rows, lines)
                rows.sync()
                lines.sync()
            following.replace(path_of(output))
        except BaseException:
            remove(following)
            remove(waiting)
            raise
        waiting.replace(output)
    except OSError as error:
        raise trouble(output, error) from error


def _copy(output: Path, order: array[int], rows: Appender, lines: Appender) -> None:
    with output.open("rb") as old_rows, path_of(output).open("rb") as old_lines:
        for start, end, line in triples(order):
            old_rows.seek(start)
            rows.write(old_rows.read(end - start))
            old_lines.seek(line)
            entry, _ = next(read_entries([old_lines.readline()], output))
            lines.write(replace(entry, end=rows.size).line())
