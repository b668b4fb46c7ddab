"""Two paths to pairs of files, and what is left without a partner."""

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
from .pair_list import PairLike, list_pairs, read_pairs
from .proposal import propose_patterns
from .rules import EXAMPLE, Rule, parse_rule
from .walk import Listing, images_below

__all__ = [
    "Listing",
    "PairLike",
    "Pairing",
    "images_in",
    "list_pairs",
    "pair_up",
    "read_pairs",
    "with_masks",
]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The pairs in the order of their names, what has no partner, and how many entries were passed over, by kind.

    `hints` say what may be wrong where files of both sides have no partner and their names are nearly the same.
    """

    pairs: Sequence[Pair]
    unmatched: Sequence[Unmatched] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)
    hints: tuple[str, ...] = ()

    @property
    def ignored(self) -> int:
        """Return how many entries of the folders were passed over."""
        return sum(self.passed_over.values())


def pair_up(reference: Path, candidate: Path, match: MatchRule = "name") -> Pairing:
    """Two files make one pair, a file and a folder one for each image of the folder, two folders those that match.

    Folders are searched with all that lies below them; see `walk.images_below` for what counts as an image. `match`
    says what partners share (`records.MatchRule`). Both sides may be one folder where it tells the sides apart. A pair
    of files is named by the candidate, every other by what the two share. Two files need no suffix of an image.

    Raises UsageError, before any image is read: a path is missing, both are the same, a folder meets a file in the
    place of the candidate, a folder holds no image, nothing matches, or a name or stem is not unique.
    """
    rule = parse_rule(match)
    for path in (reference, candidate):
        _check_there(path)
    if reference.samefile(candidate):
        if reference.is_dir():
            return _one_folder(reference, rule)
        raise UsageError(f"{shown(reference)} and {shown(candidate)} are the same: give two different ones")
    if reference.is_dir():
        if not candidate.is_dir():
            raise UsageError(
                f"{shown(reference)} is a folder and {shown(candidate)} a file: give two folders or two files, or the "
                "file first to compare every image of the folder with it"
            )
        return _folders(reference, candidate, rule)
    if not candidate.is_dir():
        return Pairing((Pair(candidate.name, reference, candidate),))
    listing = _some_images(candidate)
    pairs = Lazy(listing.images, lambda name: Pair(name, reference, candidate / name))
    return Pairing(pairs, passed_over=listing.passed_over)


def images_in(folder: Path) -> Listing:
    """Return the images below a folder.

    Raises UsageError where it is missing, no folder, or without any image.
    """
    _check_there(folder)
    if not folder.is_dir():
        raise UsageError(f"{shown(folder)} is a file, a folder of images was expected")
    return _some_images(folder)


def _folders(reference: Path, candidate: Path, rule: Rule) -> Pairing:
    listings = _some_images(reference), _some_images(candidate)
    left_names, right_names = (listing.images for listing in listings)
    left = by_key(reference, left_names, rule.reference, rule)
    right = by_key(candidate, right_names, rule.candidate, rule)
    common, only_left, only_right = matched(left, right), alone(left, right), alone(right, left)
    hints = near_misses(only_left, only_right, rule)
    if not common:
        raise UsageError(
            f"{shown(reference)} and {shown(candidate)} have no image in common: the first holds {_some(left_names)}, "
            f"the second {_some(right_names)}; ",
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
    """Pair the images of one folder. One that both patterns fit, and that has no partner, counts as a candidate."""
    listing = _some_images(folder)
    names = listing.images
    if not rule.tells_sides:
        raise UsageError(
            f"the reference and the candidate are the same folder, {shown(folder)}: give two different ones, or a rule "
            "that tells the sides apart; ",
            *_advice(names, names),
        )
    left = by_key(folder, names, rule.reference, rule)
    right = by_key(folder, names, rule.candidate, rule)
    common = matched(left, right)
    if not common:
        raise UsageError(
            Setting("match", rule.text),
            f": no two images of {shown(folder)} fit, which holds {_some(names)}; ",
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
    """Return what to do where nothing matches, as parts of a message."""
    one_folder = left is right
    proposal = propose_patterns(left, right, one_folder=one_folder)
    if proposal is None:
        return ["such as ", Setting("match", EXAMPLE)] if one_folder else ["give folders whose files have equal names"]
    text, pairs = proposal
    return [Setting("match", text), f" makes {pairs} pair{'' if pairs == 1 else 's'}"]


def _tell_misfits(names: Sequence[str]) -> tuple[str, ...]:
    """Return a line on the images that the rule of matching leaves out."""
    if not names:
        return ()
    count = "1 image is" if len(names) == 1 else f"{len(names)} images are"
    return (f"{count} not compared, because the rule of matching does not fit the name: {_some(names)}",)


def _check_there(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError as why:
        if scheme_of(name := shown(path)) is not None:
            raise UsageError(f"{name}: a URL was given, a path was expected; a list of pairs may hold URLs") from why
        raise UsageError(f"{shown(path)}: no such file or folder: check the path") from why
    except (OSError, ValueError) as why:  # no permission on the way there, a loop of links; a NUL in the path
        reason = why.strerror if isinstance(why, OSError) else str(why)
        raise UsageError(f"{shown(path)}: cannot be looked at ({reason}): check the path and its permissions") from why


def _some_images(folder: Path) -> Listing:
    listing = images_below(folder)
    if not listing.images:
        raise UsageError(f"{shown(folder)} holds no image ({listing.ignored} other entries): check the path")
    return listing


def _some(names: Sequence[str]) -> str:
    return some_of([shown(name) for name in names], most=2)
