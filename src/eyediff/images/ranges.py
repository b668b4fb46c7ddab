"""Scale values to float32, so that the stated black becomes 0 and the stated white becomes 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import RangeError
from ..records import PEAKS, Pixels

Range: TypeAlias = tuple[float, float]
"""Type of a range: the values of black and white."""

RANGES: tuple[Range, ...] = ((0, 1), (-1, 1), (0, 255))
"""Usual ranges of float images, in the order in which they are guessed. They are used only for advice in messages."""


LARGEST = 1e37
"""Largest absolute value of black and white. Differences of values in a range, and their doubles, fit in float32."""

SMALLEST = 1e-37
"""Smallest difference between white and black. Twice its reciprocal fits in float32."""


def check_range(range: Range, shown: str) -> Range:
    """Return a range as two floats, with which float32 can compute.

    Parameters
    ----------
    range : (float, float)
        The values of black and white.
    shown : str
        The range as the message shows it, such as "range=(0, 1)".

    Raises
    ------
    RangeError
        Unless the range is two numbers, the lower one first. Also if the absolute value of one is larger than
        `LARGEST`, or if their difference is smaller than `SMALLEST`.
    """
    try:
        low, high = (math.nan, math.nan) if isinstance(range, str | bytes) else (float(end) for end in range)
    except (TypeError, ValueError, OverflowError):
        low = high = math.nan
    if not (-LARGEST <= low < high <= LARGEST and high - low >= SMALLEST):
        raise RangeError(
            f"{shown} is not valid; expected (black, white), two numbers, the lower one first, "
            f"from -{LARGEST:g} to {LARGEST:g}, with a difference of at least {SMALLEST:g}"
        )
    return low, high


def scale_levels(array: npt.NDArray[Any], range: Range, name: str) -> Pixels:
    """Scale values of any type to float32, so that the stated black becomes 0 and the stated white becomes 1.

    Raises
    ------
    RangeError
        If the range is invalid, or if a value is outside it.
    """
    black, white = check_range(range, f"{name}: range={range}")
    low, high = float(array.min()), float(array.max())
    if low < black or high > white:
        seen = f"its values are {low:.6g} to {high:.6g}"
        raise RangeError(f"{name} has values outside range=({black:g}, {white:g}); {seen}; {_repair(low, high, range)}")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)  # exact, so there is only one rounding
    elif array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    if black:
        array = array - array.dtype.type(black)
    if white - black != 1:
        array = np.divide(array, array.dtype.type(white - black), out=array if black else None)
    return np.ascontiguousarray(array, dtype=np.float32)


def _repair(low: float, high: float, range: Range) -> str:
    """Return what to do with values from `low` to `high` that are outside the range.

    Values slightly outside should be clipped. Values far outside probably need another range.
    """
    black, white = range
    margin = (white - black) / 10
    if low >= black - margin and high <= white + margin:
        return "clip the values"
    return f"clip the values, or {advice(low, high)}"


def advice(low: float, high: float) -> str:
    """Return advice for a message: the probable range of values from `low` to `high`."""
    for black, white in RANGES:
        if black <= low and high <= white:
            return f"use range=({black:g}, {white:g}) if these are black and white"
    return "use range=(black, white) with the values of black and white"


def is_default(dtype: np.dtype[Any], range: Range) -> bool:
    """Return whether a range is the full range of an integer type."""
    return tuple(range) == (0, PEAKS.get(np.dtype(dtype.type)))


_KINDS = ("file", "integer", "float")


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return max(map(_kind, value), key=_KINDS.index, default="file")
    dtype = getattr(value, "dtype", None)
    if dtype is None and not hasattr(value, "__array_interface__"):
        return "file"
    is_float = getattr(dtype, "kind", "") == "f" or "float" in str(dtype)  # torch has types without a kind
    return "float" if is_float else "integer"


def split_range(values: Sequence[Any], range: Range | None) -> list[Range | None]:
    """Return the range of each value, or None for values to which the one stated range does not apply.

    The range applies to the float arrays. If there are no float arrays, it applies to the integer arrays. If there are
    no arrays, it applies to the files. The reason is that a file rarely needs a range: only if it uses a part of its
    type, such as 12-bit values in a 16-bit file.
    """
    if range is None:  # most calls have no range, and the text of a type takes time
        return [None] * len(values)
    kinds = [_kind(value) for value in values]
    widest = max(kinds, key=_KINDS.index, default="file")
    return [range if kind == widest else None for kind in kinds]
