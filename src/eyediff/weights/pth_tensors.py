"""Where the tensors of a `.pth` file lie, as its pickle says: checked for sense and bounds before any figure is read.

All functions raise WeightsError without the file's name.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import WeightsError

MAX_DIMENSIONS = 16
"""Of a tensor. A convolution has 4."""

MAX_COUNT = 2**48
"""Of elements, offsets and strides: keeps every product of them far from what arrays can address."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A run of `size` figures, of which `start` to `stop` are seen; `kind` is torch's word for the type."""

    kind: str
    key: str
    size: int
    start: int
    stop: int


@dataclass(slots=True)
class Tensor:
    """Offset (from the start of the whole run) and strides in elements; all of it lies within the storage.

    The oldest files name a tensor first and fill it later: until then its storage is None.
    """

    storage: Storage | None = None
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def take(self, other: Tensor) -> None:
        """Become what `other` is."""
        self.storage, self.offset, self.shape, self.strides = other.storage, other.offset, other.shape, other.strides


def odd(what: str) -> WeightsError:
    """The error for what could stand in a pickle, but not in one that torch wrote."""
    return WeightsError(f"its pickle is damaged: {what} of a kind that torch does not write")


def count(value: object) -> int:
    """A size, an offset or a stride."""
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise odd("a size, offset or stride")
    return value


def counts(value: object) -> tuple[int, ...]:
    """A shape or strides."""
    if not isinstance(value, (tuple, list)) or len(value) > MAX_DIMENSIONS:
        raise odd("a shape")
    return tuple(count(item) for item in value)


def storage(kind: str, key: object, size: object, view: object) -> Storage:
    """A storage, or with `view` (its key, start, length) a part of one."""
    if not isinstance(key, str):
        raise odd("a storage")
    whole = Storage(kind, key, count(size), 0, count(size))
    if view is None:
        return whole
    if not isinstance(view, tuple) or len(view) != 3:
        raise odd("a view of a storage")
    start, length = count(view[1]), count(view[2])
    if start + length > whole.size:
        raise WeightsError(f"its pickle looks beyond the end of storage {key[:40]!r}")
    return Storage(kind, key, whole.size, start, start + length)


def tensor(arguments: tuple[object, ...]) -> Tensor:
    """Storage, offset, shape, strides; then, in newer files, two flags that do not matter here and a dict that does."""
    if len(arguments) < 4 or not isinstance(arguments[0], Storage):
        raise odd("a tensor")
    if len(arguments) > 6 and arguments[6]:
        raise odd("a tensor (conjugated or negated)")
    storage, offset = arguments[0], count(arguments[1])
    shape, strides = counts(arguments[2]), counts(arguments[3])
    if len(shape) != len(strides) or math.prod(max(side, 1) for side in shape) > MAX_COUNT:
        raise odd("a shape")
    found = Tensor(storage, storage.start + offset, shape, strides)
    last = found.offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if found.elements and last >= storage.stop:
        raise WeightsError(f"its pickle places a tensor beyond the end of storage {storage.key[:40]!r}")
    if found.elements > storage.stop - storage.start:  # a stride of 0 turns one figure into any number of them
        raise WeightsError(f"its pickle blows up {storage.stop - storage.start} figures to {found.elements}")
    return found
