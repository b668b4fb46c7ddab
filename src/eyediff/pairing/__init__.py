"""Find the pairs of files to compare, and list the files that have no partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ..errors import Setting, UsageError, shown, some_of
from ..locations import scheme_of
from ..records import MatchRule, Pair, Side, Unmatched
from .lazy import Lazy
from .masks import with_masks
from .match import alone, by_key, matched, near_misses
from .pair_list import PairLike, is_of_results, list_pairs, read_pairs
from .proposal import propose_patterns
from .rules import EXAMPLE, Rule, parse_rule
from .walk import Listing, images_below

__all__ = [
    "Listing",
    "PairLike",
    "Pairing",
    "images_in",
    "is_of_results",
    "list_pairs",
    "pair_up",
    "read_pairs",
    "with_masks",
]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The result of pairing the files of two paths.

    Parameters
    ----------
    pairs
        Pairs in the order of their names.
    unmatched
        Files that have no partner.
    passed_over
        Number of entries of the folders that were skipped, for each kind, such as ".txt" or "hidden".
    hints
        Remarks for people, for example about files without a partner that have nearly the same name as another file.
    """

    pairs: Sequence[Pair]
    unmatched: Sequence[Unmatched] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    @property
    def ignored(self) -> int:
        """Number of entries of the folders that were skipped."""
        return sum(self.passed_over.values())


def pair_up(reference: Path, candidate: Path, match: MatchRule = "name") -> Pairing:
    """Pair two files, one file with every image of a folder, or the matching images of two folders.

    Folders are searched with all their subfolders for files that `walk.images_below` accepts as images. If both paths
    are files, they may have any suffix.

    Parameters
    ----------
    reference
        File or folder of references.
    candidate
        File or folder of candidates. This may be the same folder as `reference`, if the rule in `match` tells which
        files are references and which are candidates.
    match
        Rule that decides whether two names match; see `records.MatchRule`.

    Returns
    -------
    Pairing
        The pairs. If the reference is a file, a pair has the name of its candidate. Otherwise, the name of a pair is
        the part of the two names that the rule requires to be equal.

    Raises
    ------
    UsageError
        If a path does not exist, if both paths are the same file, if the reference is a folder and the candidate is a
        file, if a folder has no images, if no two images match, or if two images of a folder have the same key under
        the rule. It is raised before any image is read.
    """
    rule = parse_rule(match)
    for path in (reference, candidate):
        _check_there(path)
    if reference.samefile(candidate):
        if reference.is_dir():
            return _one_folder(reference, rule)
        raise UsageError(f"{shown(reference)} and {shown(candidate)} are the same file; give two different files")
    if reference.is_dir():
        if not candidate.is_dir():
            raise UsageError(
                f"{shown(reference)} is a folder, but {shown(candidate)} is a file; give two folders or two files, "
                "or give the file first to compare it with every image of the folder"
            )
        return _folders(reference, candidate, rule)
    if rule.text != "name":
        raise UsageError(
            Setting("match", rule.text),
            f" pairs the images of two folders, but {shown(reference)} is a file; leave out the rule",
        )
    if not candidate.is_dir():
        return Pairing((Pair(candidate.name, reference, candidate),))
    listing = _some_images(candidate)
    pairs = Lazy(listing.images, lambda name: Pair(name, reference, candidate / name))
    return Pairing(pairs, passed_over=listing.passed_over)


def images_in(folder: Path) -> Listing:
    """Return the images below a folder.

    Raises UsageError if the path does not exist, if it is not a folder, or if the folder has no images.
    """
    _check_there(folder)
    if not folder.is_dir():
        raise UsageError(f"{shown(folder)} is a file; expected a folder of images")
    return _some_images(folder)


def _folders(reference: Path, candidate: Path, rule: Rule) -> Pairing:
    listings = _some_images(reference), _some_images(candidate)
    left_names, right_names = (listing.images for listing in listings)
    left = by_key(reference, left_names, rule.reference, rule)
    right = by_key(candidate, right_names, rule.candidate, rule)
    if not left or not right:
        folder, names = (reference, left_names) if not left else (candidate, right_names)
        raise UsageError(
            Setting("match", rule.text),
            f" fits no name in {shown(folder)}, which has {_some(names)}; correct the rule, or leave it out",
        )
    common, only_left, only_right = matched(left, right), alone(left, right), alone(right, left)
    hints = near_misses(only_left, only_right, rule)
    if not common:
        raise UsageError(
            f"no image of {shown(reference)} matches an image of {shown(candidate)}: "
            f"the first folder has {_some(left_names)}; the second has {_some(right_names)}; ",
            *(["; ".join(hints)] if hints else _advice(left_names, right_names)),
        )
    sides: tuple[tuple[Side, Path, list[str]], ...] = (
        ("reference", reference, only_left),
        ("candidate", candidate, only_right),
    )
    misfits = [name for name in left_names if rule.reference(name) is None]
    misfits += [name for name in right_names if rule.candidate(name) is None]
    return Pairing(
        Lazy(common, lambda found: Pair(found[0], reference / found[1], candidate / found[2])),
        tuple(chain.from_iterable((Unmatched(side, folder / name) for name in names) for side, folder, names in sides)),
        dict(sorted(sum((Counter(listing.passed_over) for listing in listings), Counter[str]()).items())),
        (*hints, *_tell_misfits(misfits)),
    )


def _one_folder(folder: Path, rule: Rule) -> Pairing:
    """Pair the images of one folder by a rule that distinguishes references from candidates.

    An image without a partner counts as a candidate if the rule accepts its name as a reference and as a candidate.
    """
    listing = _some_images(folder)
    names = listing.images
    if not rule.tells_sides:
        raise UsageError(
            f"the reference and the candidate are the same folder, {shown(folder)}; give two different folders, or a "
            "rule that distinguishes reference and candidate; ",
            *_advice(names, names),
        )
    left = by_key(folder, names, rule.reference, rule)
    right = by_key(folder, names, rule.candidate, rule)
    common = matched(left, right)
    if not common:
        raise UsageError(
            Setting("match", rule.text),
            f": no two images of {shown(folder)} form a pair under this rule; the folder has {_some(names)}; ",
            *_advice(names, names),
        )
    paired = {name for _, *both in common for name in both}
    candidates = set(right.values())
    unmatched = [
        Unmatched("candidate" if name in candidates else "reference", folder / name)
        for name in names
        if name not in paired and (name in candidates or rule.reference(name) is not None)
    ]
    misfits = [name for name in names if name not in candidates and rule.reference(name) is None]
    return Pairing(
        Lazy(common, lambda found: Pair(found[0], folder / found[1], folder / found[2])),
        tuple(unmatched),
        listing.passed_over,
        _tell_misfits(misfits),
    )


def _advice(left: Sequence[str], right: Sequence[str]) -> list[str | Setting]:
    """Return the last part of the error message for names that do not match: what the user can do."""
    one_folder = left is right
    proposal = propose_patterns(left, right, one_folder=one_folder)
    if proposal is None:
        return ["an example is ", Setting("match", EXAMPLE)] if one_folder else ["give files of a pair the same name"]
    text, pairs = proposal
    return [Setting("match", text), f" makes {pairs} pair{'' if pairs == 1 else 's'}"]


def _tell_misfits(names: Sequence[str]) -> tuple[str, ...]:
    """Return a remark about the images whose names do not fit the matching rule. Return nothing if all names fit."""
    if not names:
        return ()
    count = "1 image is" if len(names) == 1 else f"{len(names)} images are"
    return (f"{count} not compared, because the matching rule does not fit the name: {_some(names)}",)


def _check_there(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError as why:
        if scheme_of(name := shown(path)) is not None:
            raise UsageError(
                f"{name} is a URL; expected the path of a file or a folder; only a list of pairs may have URLs"
            ) from why
        raise UsageError(f"{shown(path)}: no such file or folder; check the path") from why
    except (OSError, ValueError) as why:  # no permission, a loop of links, or a NUL in the path
        reason = why.strerror if isinstance(why, OSError) else str(why)
        raise UsageError(f"{shown(path)} cannot be read ({reason}); check the path and its permissions") from why


def _some_images(folder: Path) -> Listing:
    listing = images_below(folder)
    if not listing.images:
        others = ", ".join(f"{count} {shown(kind)}" for kind, count in listing.passed_over.items())
        found = f", but other files: {others}" if others else ": it is empty"
        raise UsageError(f"{shown(folder)} has no images{found}; check the path")
    return listing


def _some(names: Sequence[str]) -> str:
    return some_of([shown(name) for name in names], most=2)
