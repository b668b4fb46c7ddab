"""Read BAPPS, the Berkeley-Adobe perceptual patch similarity dataset, in its published layout:

    2afc/{train,val}/SUBSET/{ref,p0,p1}/NNNNNN.png and judge/NNNNNN.npy    fraction of votes for p1
    jnd/val/SUBSET/{p0,p1}/NNNNNN.png              and same/NNNNNN.npy     fraction that saw no difference

The dataset is described in Zhang et al. 2018, The unreasonable effectiveness of deep features as a perceptual metric,
section 2 and table 2. Files are matched by name. If they were matched by position, one missing file would assign all
later votes to wrong images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from ..defaults import IMAGE_SUFFIXES
from ..errors import Setting, StudyError, UsageError, shown
from . import share_file
from .study import JndPair, StudyItem, StudySplit, Triplet
from .validation import Problem, VoteError

BappsKind: TypeAlias = Literal["2afc", "jnd"]

DISTORTION_SUBSETS = ("traditional", "cnn")
"""Names of the subsets with distorted images: by classical distortions, and by small networks."""

ALGORITHM_SUBSETS = ("superres", "deblur", "color", "frameinterp")
"""Names of the subsets with outputs of real algorithms, such as super-resolution."""

SUBSETS = (*DISTORTION_SUBSETS, "mix", *ALGORITHM_SUBSETS)
"""Names of all subsets, in the order of table 5 of the paper. Only the training split has the subset `mix`."""

IMAGES: Mapping[BappsKind, tuple[str, ...]] = {"2afc": ("ref", "p0", "p1"), "jnd": ("p0", "p1")}
VOTES: Mapping[BappsKind, str] = {"2afc": "judge", "jnd": "same"}
SPLITS: Mapping[BappsKind, tuple[StudySplit, ...]] = {"2afc": ("train", "val"), "jnd": ("val",)}


def find_subsets(path: Path, kind: BappsKind, split: StudySplit) -> list[Path]:
    """Return the folders of the subsets in `path`.

    `path` is the folder of the complete dataset, or a folder inside it: for example `2afc`, `2afc/val`, or one subset.

    Raises
    ------
    StudyError
        If there are no subsets.
    """
    if (path / VOTES[kind]).is_dir():
        return [path]
    if split not in SPLITS[kind]:
        raise StudyError(
            f"{shown(path)}: {kind} votes have no split {split!r}; expected one of {', '.join(SPLITS[kind])}"
        )
    for inner in (path / kind / split, path / split, path):
        subsets = {folder.name: folder for folder in _folders(inner) if (folder / VOTES[kind]).is_dir()}
        if subsets:
            known = [name for name in SUBSETS if name in subsets]
            return [subsets[name] for name in (*known, *sorted(subsets.keys() - set(known)))]
    expected = f"{kind}/{split}/SUBSET/{{{','.join((*IMAGES[kind], VOTES[kind]))}}}"
    raise StudyError(f"{shown(path)} has no {kind} votes; expected a table, or a folder of the layout {expected}")


def own_splits(path: Path, kind: BappsKind, split: StudySplit) -> list[str]:
    """Return the names of the splits to which the subsets in `path` belong, by their folder and by what it links to."""
    part = find_subsets(path, kind, split)[0].parent
    return [name for name in (part.name, part.resolve().name) if name in SPLITS[kind]]


def check_split(path: Path, kind: BappsKind, split: StudySplit) -> None:
    """Raise UsageError if a split was asked for, but the folder is itself another part of the dataset."""
    own = own_splits(path, kind, split)
    if split not in own:
        raise UsageError(
            f"{shown(path)} {f'belongs to the split {own[0]}' if own else 'has no splits'}, but ",
            Setting("split", split),
            " was given; leave out the split, or give the folder of both splits",
        )


def read(folders: list[Path], kind: BappsKind) -> tuple[list[StudyItem], list[Problem]]:
    """Return all items in the folders of some subsets, sorted by name, and all problems."""
    items, problems = list[StudyItem](), list[Problem]()
    for folder in folders:
        columns = {name: _column(folder / name, problems) for name in (*IMAGES[kind], VOTES[kind])}
        for stem in sorted(set().union(*columns.values())):
            try:
                items.append(_item(folder, stem, columns, kind))
            except VoteError as wrong:
                problems.append(wrong.problem)
        if not any(columns.values()):
            problems.append(Problem("missing", str(folder), "the subset has no files"))
    return items, problems


def _item(folder: Path, stem: str, columns: Mapping[str, Mapping[str, Path]], kind: BappsKind) -> StudyItem:
    """Return the item whose files have the name `stem`.

    Raises VoteError if files are missing or wrong. All missing files of an item are reported as one problem.
    """
    missing = [name for name in columns if stem not in columns[name]]
    if missing:
        present = ", ".join(name for name in columns if name not in missing)
        first = folder / missing[0] / f"{stem}{'.npy' if missing[0] == VOTES[kind] else '.png'}"
        also = f" (nor in {', '.join(missing[1:])})" if missing[1:] else ""
        raise VoteError("missing", first, f"there is no such file{also}, but there is one in {present}")
    share = share_file.read_share(columns[VOTES[kind]][stem])
    name, pictures = f"{folder.name}/{stem}", [columns[each][stem] for each in IMAGES[kind]]
    if kind == "2afc":
        return Triplet(name, folder.name, pictures[0], pictures[1], pictures[2], 1 - share, share)
    return JndPair(name, folder.name, pictures[0], pictures[1], share, 1.0)


def _column(folder: Path, problems: list[Problem]) -> dict[str, Path]:
    """Return the files of one folder of a subset, by their names without suffix.

    If two files have the same name without suffix, this is added to `problems`.
    """
    wanted = {".npy"} if folder.name in VOTES.values() else IMAGE_SUFFIXES
    found: dict[str, Path] = {}
    for path in _files(folder):
        if path.suffix.lower() not in wanted:
            continue  # if a file with a right suffix is missing, `_item` reports its name
        if path.stem in found:
            problems.append(Problem("doubled", str(path), f"{found[path.stem].name} has the same name without suffix"))
        else:
            found[path.stem] = path
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Return the entries of a folder in sorted order, without hidden entries."""
    entries = sorted(folder.iterdir()) if folder.is_dir() else ()
    return (path for path in entries if not path.name.startswith("."))


def _folders(folder: Path) -> Iterator[Path]:
    return (path for path in _files(folder) if path.is_dir())
