"""Two paths to pairs of files, and what is left without a partner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ..errors import UsageError, shown
from ..records import MatchRule, Pair, Side, Unmatched
from .lazy import Lazy
from .masks import with_masks
from .match import alone, by_key, matched, near_misses
from .walk import Listing, images_below

__all__ = ["Listing", "Pairing", "images_in", "pair_up", "with_masks"]


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
    """Two files make one pair, a file and a folder one for each image of the folder, two folders those of equal path.

    Folders are searched with all that lies below them; see `walk.images_below` for what counts as an image. With
    `match` "stem" the suffix is left out of the comparison. A pair of files is named by the candidate, every other by
    the path below the folders, without suffix where that was left out. Two files need no suffix of an image.

    Raises UsageError, before any image is read: a path is missing, both are the same, a folder meets a file in the
    place of the candidate, a folder holds no image, nothing matches, or a stem is not unique.
    """
    for path in (reference, candidate):
        _check_there(path)
    if reference.samefile(candidate):
        raise UsageError(f"{shown(reference)} and {shown(candidate)} are the same: give two different ones")
    if reference.is_dir():
        if not candidate.is_dir():
            raise UsageError(
                f"{shown(reference)} is a folder and {shown(candidate)} a file: give two folders or two files, or the "
                "file first to compare every image of the folder with it"
            )
        return _folders(reference, candidate, match)
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


def _folders(reference: Path, candidate: Path, match: MatchRule) -> Pairing:
    left_listing, right_listing = _some_images(reference), _some_images(candidate)
    left_names, right_names = left_listing.images, right_listing.images
    left, right = by_key(reference, left_names, match), by_key(candidate, right_names, match)
    common, only_left, only_right = matched(left, right), alone(left, right), alone(right, left)
    hints = near_misses(only_left, only_right, match)
    if not common:
        raise UsageError(
            f"{shown(reference)} and {shown(candidate)} have no image in common: the first holds {_some(left_names)}, "
            f"the second {_some(right_names)}; {'; '.join(hints) or 'give folders whose files have equal names'}"
        )
    sides: tuple[tuple[Side, Path, list[str]], ...] = (
        ("reference", reference, only_left),
        ("candidate", candidate, only_right),
    )
    return Pairing(
        Lazy(common, lambda found: Pair(found[0], reference / found[1], candidate / found[2])),
        tuple(chain.from_iterable((Unmatched(side, folder / name) for name in names) for side, folder, names in sides)),
        dict(sorted((Counter(left_listing.passed_over) + Counter(right_listing.passed_over)).items())),
        hints,
    )


def _check_there(path: Path) -> None:
    try:
        path.stat()
    except FileNotFoundError as why:
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
    rest = f" and {len(names) - 2} more" if len(names) > 2 else ""
    return ", ".join(shown(name) for name in names[:2]) + rest
