"""BAPPS, the Berkeley-Adobe perceptual patch similarity dataset, in the layout in which it was published:

    2afc/{train,val}/SUBSET/{ref,p0,p1}/NNNNNN.png and judge/NNNNNN.npy    the share of votes for p1
    jnd/val/SUBSET/{p0,p1}/NNNNNN.png              and same/NNNNNN.npy     the share that saw no difference

Zhang et al. 2018, The unreasonable effectiveness of deep features as a perceptual metric, section 2 and table 2. Files
belong together by their name, never by their place in a sorted list: one that is missing would shift every vote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from ..defaults import IMAGE_SUFFIXES
from ..errors import StudyError, shown
from . import share_file as judgement
from .study import Item, Likeness, Split, Triplet
from .validation import Problem, Wrong

Kind: TypeAlias = Literal["2afc", "jnd"]

DISTORTIONS = ("traditional", "cnn")
"""Made by rule, and by small networks."""

REAL = ("superres", "deblur", "color", "frameinterp")
"""What algorithms for a task gave."""

SUBSETS = (*DISTORTIONS, "mix", *REAL)
"""In the order of the paper's table 5; `mix` is of the training split alone."""

IMAGES: Mapping[Kind, tuple[str, ...]] = {"2afc": ("ref", "p0", "p1"), "jnd": ("p0", "p1")}
VOTES: Mapping[Kind, str] = {"2afc": "judge", "jnd": "same"}
SPLITS: Mapping[Kind, tuple[Split, ...]] = {"2afc": ("train", "val"), "jnd": ("val",)}


def located(path: Path, kind: Kind, split: Split) -> list[Path]:
    """The folders of the subsets below a folder: the whole dataset, `2afc`, `2afc/val`, or a subset itself.

    Raises StudyError where none is there.
    """
    if (path / VOTES[kind]).is_dir():
        return [path]
    if split not in SPLITS[kind]:
        raise StudyError(f"{shown(path)}: the {kind} votes have no split {split!r}; there is {', '.join(SPLITS[kind])}")
    for inner in (path / kind / split, path / split, path):
        subsets = {folder.name: folder for folder in _folders(inner) if (folder / VOTES[kind]).is_dir()}
        if subsets:
            known = [name for name in SUBSETS if name in subsets]
            return [subsets[name] for name in (*known, *sorted(subsets.keys() - set(known)))]
    expected = f"{kind}/{split}/SUBSET/{{{','.join((*IMAGES[kind], VOTES[kind]))}}}"
    raise StudyError(f"{shown(path)} holds no {kind} votes; expected {expected}, or one of those folders, or a table")


def read(folders: list[Path], kind: Kind) -> tuple[list[Item], list[Problem]]:
    """Every item of these subsets in the order of names, and all that is wrong."""
    items, problems = list[Item](), list[Problem]()
    for folder in folders:
        columns = {name: _column(folder / name, problems) for name in (*IMAGES[kind], VOTES[kind])}
        for stem in sorted(set().union(*columns.values())):
            try:
                items.append(_item(folder, stem, columns, kind))
            except Wrong as wrong:
                problems.append(wrong.problem)
        if not any(columns.values()):
            problems.append(Problem("missing", str(folder), "a subset without files"))
    return items, problems


def _item(folder: Path, stem: str, columns: Mapping[str, Mapping[str, Path]], kind: Kind) -> Item:
    """The item of a name. Raises Wrong; the missing files of a name are one problem, told by the first."""
    absent = [name for name in columns if stem not in columns[name]]
    if absent:
        there = ", ".join(name for name in columns if name not in absent)
        first = folder / absent[0] / f"{stem}{'.npy' if absent[0] == VOTES[kind] else '.png'}"
        also = f" (nor in {', '.join(absent[1:])})" if absent[1:] else ""
        raise Wrong("missing", first, f"no such file{also}, there is one in {there}")
    found = judgement.share(columns[VOTES[kind]][stem])
    name, pictures = f"{folder.name}/{stem}", [columns[each][stem] for each in IMAGES[kind]]
    if kind == "2afc":
        return Triplet(name, folder.name, pictures[0], pictures[1], pictures[2], 1 - found, found)
    return Likeness(name, folder.name, pictures[0], pictures[1], found, 1.0)


def _column(folder: Path, problems: list[Problem]) -> dict[str, Path]:
    """The files of one of a subset's folders by their names without suffix; two of one name are a problem."""
    wanted = {".npy"} if folder.name in VOTES.values() else IMAGE_SUFFIXES
    found: dict[str, Path] = {}
    for path in _files(folder):
        if path.suffix.lower() not in wanted:
            continue  # whatever it is: what is lacking shows by its name
        if path.stem in found:
            problems.append(Problem("doubled", str(path), f"{found[path.stem].name} has the same name"))
        else:
            found[path.stem] = path
    return found


def _files(folder: Path) -> Iterator[Path]:
    """What lies in a folder, sorted, but for hidden files."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else ()
    return (path for path in entries if not path.name.startswith("."))


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in _files(folder) if path.is_dir())
