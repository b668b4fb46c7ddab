"""Define a sequence that computes each item when it is accessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, overload

S = TypeVar("S")
T_co = TypeVar("T_co", covariant=True)


class Lazy(Sequence[T_co], Generic[S, T_co]):
    """A sequence whose item i is `make(seeds[i])`, computed each time that the item is accessed.

    It saves memory: a million `Pair` objects would take more than a gigabyte, but their names take only a tenth.
    """

    def __init__(self, seeds: Sequence[S], make: Callable[[S], T_co]) -> None:
        self._seeds, self._make = seeds, make

    def __len__(self) -> int:
        return len(self._seeds)

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        if isinstance(index, slice):
            return Lazy(self._seeds[index], self._make)
        return self._make(self._seeds[index])

    def __repr__(self) -> str:
        return f"<{len(self)} of {self[0]!r}, ...>" if self._seeds else "<none>"
