"""What people said of images, and how well a metric agrees with them. Knows no engine and no network."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import StudyError, shown
from . import bapps, table
from . import validation as check
from .study import Item, Kind, Likeness, Opinion, Split, Study, Triplet

__all__ = ["Item", "Kind", "Likeness", "Opinion", "Split", "Study", "Triplet", "parts", "problems_of", "read_study"]


def read_study(path: str | Path, kind: Kind, *, split: Split = "val") -> Study:
    """The votes in a folder as BAPPS was published (whole, or one of its parts) or in a table (`table.py`).

    `kind` is "2afc", "jnd" or "mos" (tables only). `split` is for folders that hold both, "train" or "val".

    Everything is looked at before anything is returned: files that are missing or doubled, votes of the wrong shape or
    out of range, images that are none by their first bytes. Raises StudyError, whose `problems` lists all of them.
    """
    found, problems = _read(Path(path), kind, split)
    check.refuse(found.path, problems)
    return found


def problems_of(path: str | Path, kind: Kind, *, split: Split = "val", workers: int = 1) -> tuple[Study, list[str]]:
    """What is there, and all that is wrong with it, a line each; every image is decoded too.

    Raises StudyError where there is no study of this kind.
    """
    found, problems = _read(Path(path), kind, split)
    known = {problem.where for problem in problems}
    problems += [each for each in check.undecodable(found, workers) if each.where not in known]
    return found, [str(problem) for problem in problems]


def parts(path: Path, kind: Kind | None = None) -> list[tuple[Kind, Split]]:
    """The kinds of votes, of all or of this kind, that a folder or table holds, and in which splits.

    Raises StudyError where there is none.
    """
    if path.is_file() or kind == "mos":
        return [(kind or table.kind_of(path), "val")]
    _there(path)
    found: dict[tuple[Path, ...], tuple[Kind, Split]] = {}
    for each, splits in bapps.SPLITS.items():
        for split in reversed(splits) if kind in (None, each) else ():
            with suppress(StudyError):
                found.setdefault(tuple(bapps.located(path, each, split)), (each, split))
    if not found:
        bapps.located(path, "jnd" if kind == "jnd" else "2afc", "val")  # raises: it says what was expected
    return list(found.values())


def _there(path: Path) -> None:
    if not path.exists():
        raise StudyError(f"{shown(path)}: no such file or folder of votes; check the path")


def _read(path: Path, kind: Kind, split: Split) -> tuple[Study, list[check.Problem]]:
    _there(path)
    if path.is_dir():
        if kind == "mos":
            raise StudyError(f"{shown(path)}: opinion scores are read from a table, .csv or .jsonl; give one")
        items, problems = bapps.read(bapps.located(path, kind, split), kind)
    else:
        items, problems = table.read(path, kind)
    problems += check.unlike_images(items)
    return Study(kind, path, "bapps" if path.is_dir() else "table", tuple(items)), problems
