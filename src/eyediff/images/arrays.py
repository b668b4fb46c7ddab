"""What library users hand over (paths, PIL images, arrays) as images, with ranges stated and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from ..errors import ImageError, RangeError, SizeError, shown
from ..records import PEAKS, AlphaPolicy, Image, Pixels
from .decode import from_pil
from .formats import UnsupportedImage
from .planes import picture
from .reading import read
from .size import size_of, stored_as, wider_of

Range: TypeAlias = tuple[float, float]
"""The values of black and white in an array."""

RANGES: tuple[Range, ...] = ((0, 1), (-1, 1), (0, 255))
"""The ranges that float images come in. The order is that of guessing, for advice only."""


def as_image(value: Any, *, range: Range | None = None, name: str = "image", alpha: AlphaPolicy = "worst") -> Image:
    """A path, a PIL image or an array as an image.

    Arrays are H x W x 3, or H x W and H x W x 1 (gray, taken as three equal channels): uint8, uint16, or float with
    `range` stated as one of RANGES, which becomes float32 from 0 to 1. Whatever numpy can read as an array will do.
    Paths and PIL images go through the rules of `read`: orientation, profile, transparency.

    Raises ImageError for files and PIL images, RangeError for arrays whose type, shape or values do not fit.
    """
    if isinstance(value, (str, os.PathLike)):
        _no_range(range, name, "a path")
        return read(Path(value), alpha=alpha)
    if isinstance(value, PILImage.Image):
        _no_range(range, name, "a PIL image")
        name = str(getattr(value, "filename", "") or name)
        try:
            return picture(name, from_pil(value), alpha)
        except UnsupportedImage as why:
            raise ImageError(f"{shown(name)}: {why}") from why
    array = _array(value, name)
    if array.ndim == 4:
        raise RangeError(f"{name}: a stack of shape {array.shape}, one image H x W x 3 was expected: give one of it")
    return Image(name, _pixels(_with_channels(array, name), range, name))


def as_batch(value: Any, *, range: Range | None = None, name: str = "images") -> Pixels:
    """N x H x W x 3 of a stack, or of a list of paths, PIL images and arrays of one size; one image is a stack of one.

    Storage types in a list are brought to the widest of them. Raises as `as_image` does, and SizeError where sizes
    differ, naming the index. Transparent images are refused: a stack has no second background.
    """
    if isinstance(value, (list, tuple)):
        return _stacked(value, range, name)
    if not isinstance(value, (str, os.PathLike, PILImage.Image)):
        array = _array(value, name)
        if array.ndim == 4:
            return _pixels(_with_channels(array, name), range, name)
    return _stacked([value], range, name)


def _stacked(values: list[Any] | tuple[Any, ...], range: Range | None, name: str) -> Pixels:
    if not values:
        raise RangeError(f"{name}: the list is empty, at least one image was expected")
    found: list[Pixels] = []
    for index, value in enumerate(values):
        image = as_image(value, range=_range_of(value, range), name=f"{name}[{index}]")
        if image.over_white is not None:
            raise ImageError(f"{name}[{index}] ({shown(image.name)}) is transparent: put it on a background first")
        if found and image.pixels.shape != found[0].shape:
            raise SizeError(
                f"{name}[{index}] is {size_of(image.pixels)}, {name}[0] is {size_of(found[0])}: bring them to one size"
            )
        found.append(image.pixels)
    dtype = wider_of(*found)
    return cast(Pixels, np.stack([stored_as(pixels, dtype) for pixels in found]))


def _range_of(value: Any, range: Range | None) -> Range | None:
    """In a list, a range speaks of its float arrays alone."""
    return range if getattr(value, "dtype", None) is not None else None


def _no_range(range: Range | None, name: str, what: str) -> None:
    if range is not None:
        raise RangeError(f"{name}: range={range} was given for {what}, which knows its own: leave it out")


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    if not (hasattr(value, "__array__") or hasattr(value, "__array_interface__")):
        raise RangeError(f"{name}: {type(value).__name__} given, a path, a PIL image or an array was expected")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as why:  # a tensor with gradients, or on another device
        reason = " ".join(str(why).split())
        raise RangeError(f"{name}: not readable as an array ({reason}): try .detach().cpu().numpy()") from why
    if array.size == 0:
        raise RangeError(f"{name}: an array of shape {array.shape} holds no pixels")
    return array


def _with_channels(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """... x H x W x 3, gray replicated. Raises RangeError for other shapes, with what to do."""
    shape = array.shape
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=-1)
    if array.ndim in (3, 4) and shape[-1] == 3:
        return array
    if array.ndim in (3, 4) and shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    if array.ndim in (3, 4) and shape[-3] in (1, 3):
        turn = "(1, 2, 0)" if array.ndim == 3 else "(0, 2, 3, 1)"
        raise RangeError(f"{name}: channels come first in shape {shape}, they are expected last: .transpose{turn} it")
    if array.ndim in (3, 4) and shape[-1] == 4:
        raise RangeError(f"{name}: four channels in shape {shape}: give [..., :3], or a PIL image with alpha")
    raise RangeError(f"{name}: shape {shape}, H x W x 3 (or N x H x W x 3 for a stack) was expected")


def _pixels(array: npt.NDArray[Any], range: Range | None, name: str) -> Pixels:
    """One of the three storage types, C-contiguous."""
    dtype = array.dtype
    if dtype.type in (np.uint8, np.uint16):  # of either byte order
        peak = int(PEAKS[np.dtype(dtype.type)])
        if range is not None and tuple(range) != (0, peak):
            raise RangeError(f"{name}: {dtype} runs from 0 to {peak}, but range={range} was given: leave it out")
        return np.ascontiguousarray(array, dtype=dtype.type)  # in this machine's byte order
    if dtype.kind != "f":
        raise RangeError(
            f"{name}: {dtype} given, uint8, uint16 or float was expected: "
            f"{'.astype(np.uint8) * 255 for a mask' if dtype == np.bool_ else '.astype(np.uint8) if it holds 0 to 255'}"
        )
    return _of_floats(array, range, name)


def _of_floats(array: npt.NDArray[Any], range: Range | None, name: str) -> Pixels:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RangeError(f"{name}: holds NaN or infinity, finite values were expected")
    seen = f"it holds {low:.6g} to {high:.6g}"
    if range is None:
        raise RangeError(f"{name}: {array.dtype} without a range; {seen}: {_advice(low, high)}")
    if tuple(range) not in RANGES:
        raise RangeError(f"{name}: range={range} is none of {', '.join(map(str, RANGES))}; {seen}")
    if low < range[0] or high > range[1]:
        raise RangeError(f"{name}: values outside range={range}; {seen}: clip it, or {_advice(low, high)}")
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    black, white = range
    if black:
        array = array - array.dtype.type(black)
    if white - black != 1:
        array = array / array.dtype.type(white - black)
    return np.ascontiguousarray(array, dtype=np.float32)


def _advice(low: float, high: float) -> str:
    for black, white in RANGES:
        if black <= low and high <= white:
            return f"write range=({black:g}, {white:g}) if that is black and white"
    return f"scale it to one of {', '.join(map(str, RANGES))} first"
