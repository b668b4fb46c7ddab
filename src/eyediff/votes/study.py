"""Define the votes of people on images.

There are three kinds of votes: which of two images is closer to a reference, whether two images look equal, and how
good an image is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

StudyKind: TypeAlias = Literal["2afc", "jnd", "mos"]
"""Kinds of studies: two-alternative forced choice, just noticeable differences, and mean opinion scores."""

StudySplit: TypeAlias = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class Triplet:
    """A reference and two candidates, `a` and `b`, with the votes for each.

    `votes_a` is the number of people who found `a` closer to the reference, and `votes_b` is the same for `b`. The
    published data has only fractions of people; then the two numbers sum to 1.
    """

    name: str
    subset: str
    reference: Path
    a: Path
    b: Path
    votes_a: float
    votes_b: float

    @property
    def share(self) -> float:
        """Fraction of the votes that are for `b`, from 0 to 1."""
        return self.votes_b / (self.votes_a + self.votes_b)

    @property
    def images(self) -> tuple[Path, ...]:
        """Paths of the images. A metric compares the first image with each of the others."""
        return self.reference, self.a, self.b


@dataclass(frozen=True, slots=True)
class JndPair:
    """Two images that were shown to people for a short time. Of `total` people, `same` saw no difference."""

    name: str
    subset: str
    a: Path
    b: Path
    same: float
    total: float

    @property
    def share(self) -> float:
        """Fraction of the people who saw no difference, from 0 to 1."""
        return self.same / self.total

    @property
    def images(self) -> tuple[Path, ...]:
        """Paths of the images. A metric compares the first image with the second."""
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class MosItem:
    """A reference, a candidate that was made from it, and `mos`, the mean opinion score of people for the candidate.

    The scale of the opinion scores is arbitrary, but higher scores must be better.
    """

    name: str
    subset: str
    reference: Path
    candidate: Path
    mos: float

    @property
    def images(self) -> tuple[Path, ...]:
        """Paths of the images. A metric compares the first image with the second."""
        return self.reference, self.candidate


StudyItem: TypeAlias = Triplet | JndPair | MosItem


@dataclass(frozen=True, slots=True)
class Study:
    """A study: all votes of one kind that were read from a path. `layout` says how the files store the votes."""

    kind: StudyKind
    path: Path
    layout: Literal["bapps", "table"]
    items: tuple[StudyItem, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets, in the order in which they first occur in the items."""
        return tuple(dict.fromkeys(item.subset for item in self.items))

    @property
    def triplets(self) -> tuple[Triplet, ...]:
        """All items of a study of the kind "2afc"."""
        return tuple(item for item in self.items if isinstance(item, Triplet))

    @property
    def jnd_pairs(self) -> tuple[JndPair, ...]:
        """All items of a study of the kind "jnd"."""
        return tuple(item for item in self.items if isinstance(item, JndPair))

    @property
    def opinions(self) -> tuple[MosItem, ...]:
        """All items of a study of the kind "mos"."""
        return tuple(item for item in self.items if isinstance(item, MosItem))
