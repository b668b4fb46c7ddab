"""Describe the layout of the tensors in a `.pth` file.

The pickle in the file states the layout. The layout is checked before any value of a tensor is read. All functions
raise WeightsError if the layout is wrong. The messages do not state the path of the file; the caller adds the path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import WeightsError

MAX_DIMENSIONS = 16
"""Largest number of dimensions of a tensor. The weights of a convolution have 4."""

MAX_COUNT = 2**48
"""Largest allowed size, offset or stride. With this limit, no product exceeds what arrays can address."""


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """A storage: a sequence of `size` values in the file, to which tensors refer by `key`.

    Tensors may use the values from `start` to `stop`. `kind` is torch's name of the data type.
    """

    kind: str
    key: str
    size: int
    start: int
    stop: int


@dataclass(slots=True)
class TensorInfo:
    """The layout of a tensor: its storage, offset, shape and strides.

    The offset, which is counted from the start of the storage, and the strides are numbers of elements. All elements
    are inside the storage. The oldest files refer to a tensor before they state its layout. Until then, its storage is
    None.
    """

    storage: StorageInfo | None = None
    offset: int = 0
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    def assign(self, other: TensorInfo) -> None:
        """Copy the layout of another tensor."""
        self.storage, self.offset, self.shape, self.strides = other.storage, other.offset, other.shape, other.strides


def unexpected(what: str) -> WeightsError:
    """Return the error for something that a pickle may have, but that torch does not write."""
    return WeightsError(f"its pickle is damaged: torch does not write {what} of this kind")


def check_count(value: object) -> int:
    """Return a size, an offset or a stride unchanged. Raises WeightsError if it is not an allowed number."""
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise unexpected("a size, offset or stride")
    return value


def check_counts(value: object) -> tuple[int, ...]:
    """Return a shape or strides as a tuple. Raises WeightsError if they are invalid."""
    if not isinstance(value, (tuple, list)) or len(value) > MAX_DIMENSIONS:
        raise unexpected("a shape")
    return tuple(check_count(item) for item in value)


def build_storage(kind: str, key: object, size: object, view: object) -> StorageInfo:
    """Return the description of a storage or of a part of a storage.

    For a part, `view` has the key, the start and the length of the part.
    """
    if not isinstance(key, str):
        raise unexpected("a storage")
    whole = StorageInfo(kind, key, check_count(size), 0, check_count(size))
    if view is None:
        return whole
    if not isinstance(view, tuple) or len(view) != 3:
        raise unexpected("a view of a storage")
    start, length = check_count(view[1]), check_count(view[2])
    if start + length > whole.size:
        raise WeightsError(f"its pickle refers to values beyond the end of the storage {key[:40]!r}")
    return StorageInfo(kind, key, whole.size, start, start + length)


def build_tensor(arguments: tuple[object, ...]) -> TensorInfo:
    """Return the description of a tensor. The arguments are its storage, offset, shape and strides.

    Newer files give more arguments. Flags are ignored. The seventh argument, a dict, must be empty.
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
        raise WeightsError(f"its pickle places a tensor beyond the end of the storage {storage.key[:40]!r}")
    if result.elements > storage.stop - storage.start:  # a stride of 0 repeats one value any number of times
        raise WeightsError(
            f"its pickle states a tensor of {result.elements} elements, but the file stores only "
            f"{storage.stop - storage.start} values for it"
        )
    return result
