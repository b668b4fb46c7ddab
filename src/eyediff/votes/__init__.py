"""Read the votes of people on images, and measure how well a metric agrees with the votes.

This package computes no metric: its functions get the scores of metrics as arrays.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from ..errors import Setting, StudyError, UsageError, check_count, shown
from . import bapps, table
from . import validation as check
from .study import JndPair, MosItem, Study, StudyItem, StudyKind, StudySplit, Triplet

__all__ = [
    "JndPair",
    "MosItem",
    "Study",
    "StudyItem",
    "StudyKind",
    "StudySplit",
    "Triplet",
    "find_parts",
    "find_problems",
    "read_study",
]


def read_study(
    path: str | Path, kind: StudyKind, *, split: StudySplit | None = None, default: StudySplit = "val"
) -> Study:
    """Read the votes of a study from a folder or a table.

    Parameters
    ----------
    path : str or Path
        A table (see `table.py`), or a folder in the layout of BAPPS. The folder may have only a part of BAPPS.
    kind : {"2afc", "jnd", "mos"}
        Kind of the votes. Votes of the kind "mos" are read only from a table.
    split : {"train", "val"}, optional
        Part to read: the votes for training or for validation. An error is raised if the path is a table, or a folder
        with only the other part.
    default : {"train", "val"}
        Part to read if `split` is None and the folder contains both parts.

    Returns
    -------
    Study

    Raises
    ------
    UsageError
        If `split` does not fit the path.
    StudyError
        If the study has problems: missing or doubled files, votes with a wrong shape or out of range, or files that are
        not images. The attribute `problems` of the error lists all of them.
    """
    place = Path(path)
    _check_exists(place)
    if split is not None:
        _check_split(place, kind, split)
    study, problems = _read(place, kind, split or default)
    check.raise_problems(study.path, problems)
    return study


def find_problems(
    path: str | Path, kind: StudyKind, *, split: StudySplit = "val", workers: int = 1
) -> tuple[Study, list[str]]:
    """Return a study and all problems in its files, with one line of text for each problem. Every image is decoded.

    Raises
    ------
    StudyError
        If `path` has no study of this kind.
    """
    check_count("workers", workers)
    study, problems = _read(Path(path), kind, split)
    known = {problem.where for problem in problems}
    problems += [each for each in check.find_undecodable(study, workers) if each.where not in known]
    return study, [str(problem) for problem in problems]


def find_parts(path: Path, kind: StudyKind | None = None) -> list[tuple[StudyKind, StudySplit]]:
    """Return the kinds of votes in a folder or a table, and the splits (training or validation) of each kind.

    If `kind` is given, only votes of this kind are returned.

    Raises
    ------
    StudyError
        If there are no votes.
    """
    if path.is_file() or kind == "mos":
        return [(kind or table.kind_of(path), "val")]
    _check_exists(path)
    parts_of_folders: dict[tuple[Path, ...], tuple[StudyKind, StudySplit]] = {}
    for each, splits in bapps.SPLITS.items():
        for split in reversed(splits) if kind in (None, each) else ():
            with suppress(StudyError):
                parts_of_folders.setdefault(tuple(bapps.find_subsets(path, each, split)), (each, split))
    if not parts_of_folders:
        bapps.find_subsets(
            path, "jnd" if kind == "jnd" else "2afc", "val"
        )  # this call raises an error that says what is expected
    return list(parts_of_folders.values())


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise StudyError(f"{shown(path)}: there is no such file or folder of votes; check the path")


def _check_split(path: Path, kind: StudyKind, split: StudySplit) -> None:
    if path.is_file():
        raise UsageError(f"{shown(path)} is a table without splits; leave out ", Setting("split", split))
    if kind != "mos":
        bapps.check_split(path, kind, split)


def _read(path: Path, kind: StudyKind, split: StudySplit) -> tuple[Study, list[check.Problem]]:
    _check_exists(path)
    if path.is_dir():
        if kind == "mos":
            raise StudyError(
                f"{shown(path)} is a folder, but opinion scores are read from a table; give a .csv or .jsonl file"
            )
        items, problems = bapps.read(bapps.find_subsets(path, kind, split), kind)
    else:
        items, problems = table.read(path, kind)
    problems += check.check_images(items)
    return Study(kind, path, "bapps" if path.is_dir() else "table", tuple(items)), problems
