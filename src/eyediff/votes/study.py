"""What people said of images, as values: which of two is nearer to a reference, whether two are the same, how good
one is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["2afc", "jnd", "mos"]
"""Two alternatives, one of which must be chosen; just noticeable differences; mean opinion scores."""

Split: TypeAlias = Literal["train", "val"]


@dataclass(frozen=True, slots=True)
class Triplet:
    """A reference and two candidates, and how many said that `a`, and that `b`, is nearer to it.

    The published data holds shares only: the votes are then two figures that sum to 1.
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
        """Of the votes, those for `b`: 0 to 1."""
        return self.votes_b / (self.votes_a + self.votes_b)

    @property
    def pairs(self) -> tuple[tuple[Path, Path], ...]:
        """What a metric compares."""
        return (self.reference, self.a), (self.reference, self.b)


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two images, and how many of `total` people, who saw them for a moment, took them for the same."""

    name: str
    subset: str
    a: Path
    b: Path
    same: float
    total: float

    @property
    def share(self) -> float:
        """Of the people, those who saw no difference: 0 to 1."""
        return self.same / self.total

    @property
    def pairs(self) -> tuple[tuple[Path, Path], ...]:
        """What a metric compares."""
        return ((self.a, self.b),)


@dataclass(frozen=True, slots=True)
class Opinion:
    """An image, what it was made of, and how good people found it on the mean: on any scale, more is better."""

    name: str
    subset: str
    reference: Path
    candidate: Path
    mos: float

    @property
    def pairs(self) -> tuple[tuple[Path, Path], ...]:
        """What a metric compares."""
        return ((self.reference, self.candidate),)


Item: TypeAlias = Triplet | Likeness | Opinion


@dataclass(frozen=True, slots=True)
class Study:
    """All that was asked of people, of one kind. `layout` says in which form it was found."""

    kind: Kind
    path: Path
    layout: Literal["bapps", "table"]
    items: tuple[Item, ...]

    @property
    def subsets(self) -> tuple[str, ...]:
        """In the order in which the items name them."""
        return tuple(dict.fromkeys(item.subset for item in self.items))

    @property
    def triplets(self) -> tuple[Triplet, ...]:
        """The items of a study of kind "2afc"."""
        return tuple(item for item in self.items if isinstance(item, Triplet))

    @property
    def likenesses(self) -> tuple[Likeness, ...]:
        """The items of a study of kind "jnd"."""
        return tuple(item for item in self.items if isinstance(item, Likeness))

    @property
    def opinions(self) -> tuple[Opinion, ...]:
        """The items of a study of kind "mos"."""
        return tuple(item for item in self.items if isinstance(item, Opinion))
