"""Stated ranges of values, from black to white: levels become float32 from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..errors import RangeError
from ..records import PEAKS, Pixels

Range: TypeAlias = tuple[float, float]
"""The values of black and white."""

RANGES: tuple[Range, ...] = ((0, 1), (-1, 1), (0, 255))
"""The ranges that float images usually come in. The order is that of guessing, for advice only."""


def check_range(range: Range, name: str) -> Range:
    """Return a range of two finite numbers, the lower one first. Raises RangeError for anything else."""
    try:
        low, high = (float(end) for end in range)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RangeError(f"{name}: range={range}: expected (black, white), two numbers, the lower one first")
    return low, high


def scale_levels(array: npt.NDArray[Any], range: Range, name: str) -> Pixels:
    """Return levels of any type as float32 from 0 to 1.

    Raises
    ------
    RangeError
        If the range is none, or a value lies outside it.
    """
    black, white = check_range(range, name)
    low, high = float(array.min()), float(array.max())
    if low < black or high > white:
        seen = f"it holds {low:.6g} to {high:.6g}"
        raise RangeError(f"{name}: values outside range=({black:g}, {white:g}); {seen}: {_repair(low, high, range)}")
    if array.dtype.kind != "f":
        array = array.astype(np.float64)  # exact, so that one rounding remains
    elif array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    if black:
        array = array - array.dtype.type(black)
    if white - black != 1:
        array = array / array.dtype.type(white - black)
    return np.ascontiguousarray(array, dtype=np.float32)


def _repair(low: float, high: float, range: Range) -> str:
    """Values that lie a little outside were meant for this range; others for another."""
    black, white = range
    margin = (white - black) / 10
    if low >= black - margin and high <= white + margin:
        return "clip it"
    return f"clip it, or {advice(low, high)}"


def advice(low: float, high: float) -> str:
    """Return which range values from `low` to `high` may have been meant for."""
    for black, white in RANGES:
        if black <= low and high <= white:
            return f"write range=({black:g}, {white:g}) if that is black and white"
    return "write range=(black, white) with the values of both"


def is_default(dtype: np.dtype[Any], range: Range) -> bool:
    """Return whether a range is the one that an integer type has by itself."""
    return tuple(range) == (0, PEAKS.get(np.dtype(dtype.type)))


_KINDS = ("file", "integer", "float")


def _kind(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return max(map(_kind, value), key=_KINDS.index, default="file")
    dtype = getattr(value, "dtype", None)
    if dtype is None and not hasattr(value, "__array_interface__"):
        return "file"
    return "float" if "float" in str(dtype) else "integer"


def split_range(values: Sequence[Any], range: Range | None) -> list[Range | None]:
    """Return the range of each value, where one range is stated for all of them.

    It belongs to the float arrays. Without any it belongs to the arrays, and without any array to the files: those know
    their own range, unless they hold fewer levels than their type, as 12 bits in a file of 16.
    """
    kinds = [_kind(value) for value in values]
    widest = max(kinds, key=_KINDS.index, default="file")
    return [range if kind == widest else None for kind in kinds]
