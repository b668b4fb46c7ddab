"""Prepare images for calls of the C library, and raise errors for the numbers that it returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import EyediffError, describe_batch
from .library import OUT_OF_MEMORY

PIXEL_TYPES = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.float32): 2}
"""Numbers of the storage types of pixels, as in engine.h."""


def make_readable(pixels: npt.NDArray[Any], *, packed_rows: bool = False) -> npt.NDArray[Any]:
    """Return the pixels in a form that the C library can read. They are copied if necessary.

    The three values of a pixel must be contiguous, and the pixels of a row, too, if `packed_rows` is true. The strides
    of the other axes must not be negative. The stride of a single image may be 0.
    """
    strides = pixels.strides
    packed = strides[-1] == pixels.itemsize and (not packed_rows or strides[-2] == 3 * pixels.itemsize)
    aligned = pixels.flags.aligned and pixels.dtype.isnative and packed
    return pixels if aligned and all(stride >= 0 for stride in strides) else np.ascontiguousarray(pixels)


def check_equal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
    """Raise TypeError if two batches of images differ in their shape or in their storage type."""
    if a.dtype != b.dtype or a.shape != b.shape:
        raise TypeError(
            f"the images have the shapes {a.shape} and {b.shape} and the types {a.dtype} and {b.dtype}; "
            "expected equal shapes and equal types"
        )


def check_result(result: int, given: str | Sequence[int]) -> None:
    """Raise EyediffError if a function of the C library returned an error.

    `given` is the input of the function, for the message: a text, or the shape of a batch of images.
    """
    if not result:
        return
    what = given if isinstance(given, str) else describe_batch(given)
    if result == OUT_OF_MEMORY:
        raise EyediffError(f"the native engine failed on {what}, because there is not enough memory")
    raise EyediffError(f"the native engine does not support {what}")
