"""Apply rounding, masks, regions and borders to two images of the same size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import index
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..errors import RangeError, SizeError, UsageError, shown
from ..locations import Location
from ..records import PEAKS, Conventions, Image, Mask, Pixels, Rectangle, Resampling
from .arrays import as_image
from .reading import read
from .size import size_of


def prepare(conventions: Conventions, a: Image, b: Image, mask: Mask | None = None) -> tuple[Image, Image, Mask | None]:
    """Return the reference and the candidate prepared for scoring, and the mask of the pixels that count.

    Parameters
    ----------
    conventions
        Conventions to apply. The file `conventions.mask` is not read; the parameter `mask` replaces it.
    a, b
        The reference and the candidate, with the same size and storage type.
    mask
        Mask of H x W booleans, True for pixels that count; None for no mask. Pixels that the conventions exclude do not
        count either.

    Returns
    -------
    tuple
        The two images, and a mask of H x W booleans that are True for pixels that count. The mask is None if all pixels
        count.

    Raises
    ------
    SizeError
        If the mask and the images differ in size, if no pixel counts, or if no pixel is left without the border.

    Notes
    -----
    First the images are rounded to 8 bits, if the conventions say so. Then ignored pixels of the candidate are replaced
    by those of the reference. Finally the border is cut off. So the positions in rectangles and masks are positions in
    the complete image.
    """
    if conventions.eight_bits:
        a, b = _rounded(a), _rounded(b)
    counted = _counted(conventions, a, mask if mask is None else _extended(mask, a, b))
    if counted is not None:
        b = hide_ignored(a, b, counted)
    if border := conventions.crop_border:
        if 2 * border >= min(a.pixels.shape[:2]):
            raise SizeError(
                f"a border of {border} pixels leaves no pixels of an image of {size_of(a.pixels)}; use a smaller border"
            )
        a, b = (_without_border(image, border) for image in (a, b))
        counted = None if counted is None else _inside(counted, border)
        if counted is not None and not counted.any():
            raise SizeError(
                "no pixels are left to compare: all pixels that count are in the border that is cut off; change the "
                "mask or the border"
            )
    return a, b, None if counted is None or counted.all() else counted


def check_conventions(conventions: Conventions) -> None:
    """Raise UsageError if the border or a rectangle is invalid for every image."""
    if conventions.crop_border < 0:
        raise UsageError(f"a border of {conventions.crop_border} pixels was given; expected 0 or more")
    for rectangle in (*conventions.ignore, *filter(None, [conventions.region])):
        check_rectangle(rectangle)


def hide_ignored(a: Image, b: Image, counted: Mask) -> Image:
    """Return the candidate `b`, with ignored pixels replaced by those of the reference `a`.

    So ignored pixels of the candidate have no influence on the score, not even through a window or a receptive field
    that contains both ignored and other pixels.
    """
    white = b.over_white
    if white is not None:
        white = hidden(a.pixels if a.over_white is None else a.over_white, white, counted)
    return replace(b, pixels=hidden(a.pixels, b.pixels, counted), over_white=white)


def hidden(a: Pixels, b: Pixels, counted: Mask) -> Pixels:
    """Return the pixels of `b` where `counted` is True, and the pixels of `a` elsewhere."""
    return cast(Pixels, np.where(counted[..., None], b, a))


def read_mask(path: Location, max_pixels: int = defaults.MAX_PIXELS) -> Mask:
    """Read a mask from an image file. A pixel counts if the mean of its channels is at least half of white.

    Transparent pixels do not count. Raises ImageError if the file is not an image, or has more than `max_pixels`
    pixels. Raises SizeError if no pixel counts although some values are above 0.
    """
    return _white(read(path, alpha="black", max_pixels=max_pixels, frames="one").pixels, shown(path))


def as_mask(value: Any, name: str = "mask") -> Mask:
    """Convert a mask to an array of booleans, H x W or N x H x W, that are True for pixels that count.

    Parameters
    ----------
    value : path, PIL image or array
        An array of booleans, or an image or array of numbers whose white pixels count. A pixel is white if its value is
        at least half of the largest value: 128 of 255, or 0.5 for floats from 0 to 1.
    name : str
        Name of the mask in messages.

    Raises
    ------
    RangeError
        If an array has another shape or type.
    ImageError
        If a file is not an image.
    SizeError
        If no pixel counts although some values are above 0.
    """
    if not hasattr(value, "__array__") or hasattr(value, "getbands"):
        return _white(as_image(value, alpha="black", name=name).pixels, name)
    array = np.asarray(value)
    if array.ndim >= 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3):
        raise RangeError(f"{name}: the array has the shape {array.shape}; expected H x W or N x H x W")
    if array.dtype == np.bool_:
        return array
    if array.dtype.type in (np.uint8, np.uint16):
        return _white(array[..., None], name)
    if array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1:
        return _white(array[..., None], name, white=1)
    raise RangeError(
        f"{name}: an array of {array.dtype} was given; expected booleans, uint8, uint16 or floats from 0 to 1"
    )


def masked_by(*values: Any) -> Mask | None:
    """Return a mask of the pixels that are valid in all NumPy masked arrays of `values`; None if no pixel is masked.

    The arrays are H x W, H x W x C or N x H x W x C. A pixel does not count if one of its channels is masked in one of
    the arrays.
    """
    counted: Mask | None = None
    for value in values:
        if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
            masked = np.ma.getmaskarray(value)
            own: Mask = np.logical_not(masked if masked.ndim == 2 else masked.any(-1))
            if counted is not None and counted.shape[-2:] != own.shape[-2:]:
                raise SizeError(f"masks of {_shape(counted)} and {_shape(own)} were given; give masks of the same size")
            counted = own if counted is None else counted & own
    return counted


def stated_mask(mask: Any, *images: Any) -> Mask | None:
    """Return a mask of the pixels that count both in `mask` and in the masked arrays among `images`.

    Return None if all pixels count. `mask` is None, or anything that `as_mask` accepts.

    Raises
    ------
    SizeError
        If the masks differ in size.
    """
    counted = masked_by(*images)
    if mask is None:
        return counted
    stated = as_mask(mask)
    if counted is None:
        return stated
    if counted.shape[-2:] != stated.shape[-2:]:
        raise SizeError(f"masks of {_shape(stated)} and {_shape(counted)} were given; give masks of the same size")
    return counted & stated


def mask_of_batch(counted: Mask, count: int, height: int, width: int) -> Mask:
    """Return one mask for each of `count` pairs, as an array N x H x W.

    `counted` has either one mask for all pairs, or one mask for each pair.

    Raises
    ------
    SizeError
        If the size or the number of the masks is wrong, or if no pixel of a pair counts.
    """
    if counted.shape not in ((height, width), (1, height, width), (count, height, width)):
        raise SizeError(
            f"masks of the shape {counted.shape} were given for {count} pairs of {width}x{height}; expected the shape "
            f"{(height, width)} or {(count, height, width)}"
        )
    if not counted.any((-2, -1)).all():
        raise SizeError("no pixels of one pair are left to compare: its mask excludes all of them; change the mask")
    return np.broadcast_to(counted, (count, height, width))


def _shape(mask: Mask) -> str:
    return f"{mask.shape[-1]}x{mask.shape[-2]}"


def parse_rectangle(text: str) -> Rectangle:
    """Parse a rectangle such as "10,20,300,200": x, y, width, height. Raises UsageError if the text is invalid."""
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"{shown(text)} is not a rectangle; expected x,y,width,height in pixels, such as 10,20,300,200"
        ) from None
    return check_rectangle(Rectangle(x, y, width, height))


RectangleLike: TypeAlias = Rectangle | tuple[int, int, int, int]
"""Type of a rectangle in an image: x, y, width, height in pixels."""


def as_rectangle(value: RectangleLike) -> Rectangle:
    """Convert four whole numbers to a rectangle. Raises UsageError if they do not describe one."""
    try:
        return check_rectangle(value if isinstance(value, Rectangle) else Rectangle(*map(index, value)))
    except TypeError:
        raise UsageError(
            f"{value!r} is not a rectangle; expected four whole numbers: x, y, width and height in pixels"
        ) from None


def conventions_of(
    crop_border: int = 0,
    region: RectangleLike | None = None,
    ignore: Sequence[RectangleLike] = (),
    mask: str | Path | None = None,
    resampling: Resampling = "lanczos",
) -> Conventions:
    """Return the `Conventions` that arguments of a Python function describe. Raises UsageError if any is wrong."""
    part = None if region is None else as_rectangle(region)
    return Conventions(
        None,
        crop_border,
        False,
        part,
        tuple(map(as_rectangle, ignore)),
        None if mask is None else str(mask),
        resampling,
    )


def check_rectangle(rectangle: Rectangle) -> Rectangle:
    """Return a rectangle unchanged. Raises UsageError if it has no pixels or a negative position."""
    if min(rectangle.x, rectangle.y) < 0 or min(rectangle.width, rectangle.height) < 1:
        raise UsageError(
            f"the rectangle {rectangle} is invalid; expected x and y of 0 or more, and a width and a height of 1 or "
            "more"
        )
    return rectangle


def _counted(conventions: Conventions, image: Image, mask: Mask | None) -> Mask | None:
    """Return a mask of the pixels of an image that count; None if all pixels count."""
    if mask is None and not (conventions.region or conventions.ignore):
        return None
    height, width = image.pixels.shape[:2]
    if mask is not None and mask.ndim != 2:
        raise SizeError(
            f"the mask has the shape {mask.shape}; expected a mask without channels, {(height, width)}, such as one "
            "channel of this mask"
        )
    if mask is not None and mask.shape != (height, width):
        raise SizeError(
            f"the mask is {mask.shape[1]}x{mask.shape[0]}, but the images are {width}x{height}; give a mask of the "
            "size of the images"
        )
    counted = np.ones((height, width), np.bool_) if mask is None else mask.copy()
    if conventions.region is not None:
        inside = np.zeros_like(counted)
        inside[_slices(conventions.region, height, width)] = True
        counted &= inside
    for rectangle in conventions.ignore:
        counted[_slices(rectangle, height, width)] = False
    if not counted.any():
        raise SizeError(
            "no pixels are left to compare: the mask and the regions exclude all of them; change the mask or the "
            "regions"
        )
    return counted


def _slices(rectangle: Rectangle, height: int, width: int) -> tuple[slice, slice]:
    if rectangle.x + rectangle.width > width or rectangle.y + rectangle.height > height:
        raise SizeError(
            f"the rectangle {rectangle} is not inside an image of {width}x{height}; give a rectangle inside the image"
        )
    return (
        slice(rectangle.y, rectangle.y + rectangle.height),
        slice(rectangle.x, rectangle.x + rectangle.width),
    )


def _white(pixels: npt.NDArray[Any], name: str, white: float | None = None) -> Mask:
    """Return whether the mean of the channels is at least half of white. Raises SizeError if all are too dark."""
    white = PEAKS[np.dtype(pixels.dtype.type)] if white is None else white
    means = pixels.mean(-1, dtype=np.float64)
    counted: Mask = np.asarray(means >= white / 2)
    if not counted.any() and pixels.any():
        raise SizeError(
            f"{name}: no pixel counts, because the brightest pixel has the mean {means.max():g}; expected at least "
            f"{white / 2:g} of {white:g} for pixels that count, or an array of booleans"
        )
    return counted


def _rounded(image: Image) -> Image:
    if image.pixels.dtype == np.uint8:
        return image
    factor = 255 / PEAKS[image.pixels.dtype]
    rounded = _changed(
        image, lambda pixels: np.floor(np.multiply(pixels, factor, dtype=np.float64) + 0.5).astype(np.uint8)
    )
    return replace(rounded, notes=(*image.notes, "rounded to 8 bits"))


def _inside(pixels: npt.NDArray[Any], border: int) -> Any:
    return np.ascontiguousarray(pixels[border:-border, border:-border])


def _without_border(image: Image, border: int) -> Image:
    cut = _changed(image, lambda pixels: _inside(pixels, border))
    if image.extent is None:
        return cut
    height, width = cut.pixels.shape[:2]
    left, top = (max(0, side - border) for side in image.extent)
    return replace(cut, extent=(min(left, width), min(top, height)))


def _extended(mask: Mask, *images: Image) -> Mask:
    """Return a mask in the size of the padded images. Pixels that were added count, too."""
    if any(image.extent == mask.shape[::-1] for image in images):
        height, width = images[0].pixels.shape[:2]
        return np.pad(mask, ((0, height - mask.shape[0]), (0, width - mask.shape[1])), constant_values=True)
    return mask


def _changed(image: Image, change: Callable[[Pixels], Pixels]) -> Image:
    white = None if image.over_white is None else change(image.over_white)
    return replace(image, pixels=change(image.pixels), over_white=white)
