"""Define the votes of people: which of two images is closer to a reference, whether two look equal, how good one is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

StudyKind: TypeAlias = Literal["2afc", "jnd", "mos"]
"""Kinds of studies: two-alternative forced choice, just noticeable differences, and mean opinion scores."""

StudySplit: TypeAlias = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class Triplet:
    """A reference and two candidates, with the number of people who found `a`, and `b`, closer to it.

    The published data has only fractions; the two votes then sum to 1.
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
        """Fraction of the votes for `b`, 0 to 1."""
        return self.votes_b / (self.votes_a + self.votes_b)

    @property
    def images(self) -> tuple[Path, ...]:
        """The images. A metric compares the first with each of the others."""
        return self.reference, self.a, self.b


@dataclass(frozen=True, slots=True)
class JndPair:
    """Two images that `total` people saw briefly. `same` of these people saw no difference."""

    name: str
    subset: str
    a: Path
    b: Path
    same: float
    total: float

    @property
    def share(self) -> float:
        """Fraction of the people who saw no difference, 0 to 1."""
        return self.same / self.total

    @property
    def images(self) -> tuple[Path, ...]:
        """The images. A metric compares the first with each of the others."""
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class MosItem:
    """A reference, an image made from it, and the mean opinion of people on this image, on any scale.

    Higher is better.
    """

    name: str
    subset: str
    reference: Path
    candidate: Path
    mos: float

    @property
    def images(self) -> tuple[Path, ...]:
        """The images. A metric compares the first with each of the others."""
        return self.reference, self.candidate


StudyItem: TypeAlias = Triplet | JndPair | MosItem


@dataclass(frozen=True, slots=True)
class Study:
    """All votes of one kind. `layout` is the form of the files."""

    kind: StudyKind
    path: Path
    layout: Literal["bapps", "table"]
    items: tuple[StudyItem, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets, in the order of the items."""
        return tuple(dict.fromkeys(item.subset for item in self.items))

    @property
    def triplets(self) -> tuple[Triplet, ...]:
        """The items of a study with the kind "2afc"."""
        return tuple(item for item in self.items if isinstance(item, Triplet))

    @property
    def jnd_pairs(self) -> tuple[JndPair, ...]:
        """The items of a study with the kind "jnd"."""
        return tuple(item for item in self.items if isinstance(item, JndPair))

    @property
    def opinions(self) -> tuple[MosItem, ...]:
        """The items of a study with the kind "mos"."""
        return tuple(item for item in self.items if isinstance(item, MosItem))
