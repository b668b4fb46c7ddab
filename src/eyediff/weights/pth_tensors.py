"""Layout of the tensors in a `.pth` file, which its pickle describes. It is checked before any value is read.

All functions raise WeightsError. Their messages do not name the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import WeightsError

MAX_DIMENSIONS = 16
"""Largest number of dimensions of a tensor. A convolution has 4."""

MAX_COUNT = 2**48
"""Largest number of elements, offset or stride. With this limit, no product exceeds what arrays can address."""


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """A storage of `size` values, of which `start` to `stop` are visible. `kind` is torch's name of the data type."""

    kind: str
    key: str
    size: int
    start: int
    stop: int


@dataclass(slots=True)
class TensorInfo:
    """Offset (from the start of the storage) and strides, in elements. All elements lie within the storage.

    The oldest files refer to a tensor first and set its values later. Before that, its storage is None.
    """

    storage: StorageInfo | None = None
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def assign(self, other: TensorInfo) -> None:
        """Copy all values of another TensorInfo."""
        self.storage, self.offset, self.shape, self.strides = other.storage, other.offset, other.shape, other.strides


def unexpected(what: str) -> WeightsError:
    """Return the error for content that is possible in a pickle, but that torch does not write."""
    return WeightsError(f"its pickle is damaged: torch does not write {what} of this kind")


def check_count(value: object) -> int:
    """Check a size, an offset or a stride, and return it."""
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise unexpected("a size, offset or stride")
    return value


def check_counts(value: object) -> tuple[int, ...]:
    """Check a shape or strides, and return them."""
    if not isinstance(value, (tuple, list)) or len(value) > MAX_DIMENSIONS:
        raise unexpected("a shape")
    return tuple(check_count(item) for item in value)


def build_storage(kind: str, key: object, size: object, view: object) -> StorageInfo:
    """Build a storage or, with `view` (its key, start and length), a part of a storage."""
    if not isinstance(key, str):
        raise unexpected("a storage")
    whole = StorageInfo(kind, key, check_count(size), 0, check_count(size))
    if view is None:
        return whole
    if not isinstance(view, tuple) or len(view) != 3:
        raise unexpected("a view of a storage")
    start, length = check_count(view[1]), check_count(view[2])
    if start + length > whole.size:
        raise WeightsError(f"its pickle refers to values beyond the end of storage {key[:40]!r}")
    return StorageInfo(kind, key, whole.size, start, start + length)


def build_tensor(arguments: tuple[object, ...]) -> TensorInfo:
    """Build a tensor from storage, offset, shape and strides.

    Newer files have two more arguments: flags, which are ignored, and a dict, which must be empty.
    """
    if len(arguments) < 4 or not isinstance(arguments[0], StorageInfo):
        raise unexpected("a tensor")
    if len(arguments) > 6 and arguments[6]:
        raise unexpected("a tensor (conjugated or negated)")
    storage, offset = arguments[0], check_count(arguments[1])
    shape, strides = check_counts(arguments[2]), check_counts(arguments[3])
    if len(shape) != len(strides) or math.prod(max(side, 1) for side in shape) > MAX_COUNT:
        raise unexpected("a shape")
    result = TensorInfo(storage, storage.start + offset, shape, strides)
    last = result.offset + sum((side - 1) * stride for side, stride in zip(shape, strides, strict=True))
    if result.elements and last >= storage.stop:
        raise WeightsError(f"its pickle places a tensor beyond the end of storage {storage.key[:40]!r}")
    if result.elements > storage.stop - storage.start:  # a stride of 0 repeats one value any number of times
        raise WeightsError(f"its pickle enlarges {storage.stop - storage.start} values to {result.elements}")
    return result
