"""Convert paths, PIL images and arrays of library users to images, and check their ranges."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from ..errors import ArgumentTypeError, ImageError, RangeError, SizeError, shown
from ..locations import locate
from ..records import AlphaPolicy, FramePolicy, Image, Pixels
from .decode import from_pil
from .formats import UnsupportedImage
from .planes import DecodedImage, picture
from .ranges import Range, advice, is_default, scale_levels, split_range
from .reading import read, read_stream, with_range
from .size import size_of, stored_as, wider_of

_LEVELS = (np.uint8, np.uint16)


def as_image(
    value: Any,
    *,
    range: Range | None = None,
    name: str = "image",
    alpha: AlphaPolicy = "worst",
    frames: FramePolicy = "one",
    max_bytes: int | None = None,
) -> Image:
    """Convert a path or URL, the bytes of a file, a PIL image, a matplotlib Figure or an array to an image.

    An array is H x W x 3, or gray: H x W or H x W x 1. A gray array becomes three equal channels. Any object that NumPy
    can read as an array is allowed. Its type is uint8, uint16 or float. An array H x W x 4 of integers has straight
    alpha in its last channel.

    `range` has the values of black and white. Float arrays always need it. Integer arrays and files may have it, such
    as (0, 4095) for 12-bit values in a 16-bit file. With a range, the image becomes float32 from 0 to 1.

    A figure is drawn by its `savefig`. For paths, bytes (also BytesIO) and PIL images, the orientation, the colour
    profile and the transparency are handled as in `read`. `frames` sets which of several frames or pages are read. For
    a PIL image, only the current frame is used.

    `max_bytes` limits the decoded pixels of a file, also if its bytes are given. Arrays and PIL images have no limit.

    Raises ImageError if a file or a PIL image cannot be used. Raises RangeError if the type, the shape or the values of
    an array do not fit.
    """
    if isinstance(value, (str, os.PathLike)):
        return read(locate(value), alpha=alpha, range=range, frames=frames, max_bytes=max_bytes)
    if hasattr(value, "savefig"):
        value = _draw_figure(value)
    if isinstance(value, BytesIO):
        value = value.getbuffer()
    if isinstance(value, (bytes, bytearray, memoryview)):
        how = partial(read_stream, alpha=alpha, range=range, frames=frames, max_bytes=max_bytes)
        return _named(name, lambda: how(BytesIO(value), name))
    if isinstance(value, PILImage.Image):
        name = str(getattr(value, "filename", "") or name)
        return _named(name, lambda: with_range(picture(name, from_pil(value), alpha), range))
    array = _array(value, name)
    if array.ndim == 3 and array.shape[2] == 4 and array.shape[0] not in (1, 3) and array.dtype.type in _LEVELS:
        colours, share = (np.ascontiguousarray(part, array.dtype.type) for part in (array[..., :3], array[..., 3]))
        return _named(name, lambda: with_range(picture(name, DecodedImage(colours, share), alpha), range))
    if array.ndim == 4:
        raise RangeError(f"{name}: a stack with the shape {array.shape} was given; expected one image, H x W x 3")
    return Image(name, _pixels(_with_channels(array, name), range, name))


def _named(name: str, make: Callable[[], Image]) -> Image:
    """Return the result of `make`. An UnsupportedImage becomes an ImageError that begins with the name."""
    try:
        return make()
    except UnsupportedImage as why:
        raise ImageError(f"{shown(name)}: {why}") from why


def _draw_figure(figure: Any) -> BytesIO:
    """Return a Figure of matplotlib as the PNG that `savefig` writes."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return file


def as_batch(value: Any, *, range: Range | None = None, name: str = "images", max_bytes: int | None = None) -> Pixels:
    """Convert a stack, one image or a list of images to an array N x H x W x 3.

    A list may contain paths, PIL images and arrays of the same size. If their storage types differ, all images are
    converted to the widest of these types. Transparent images are refused, because a stack has no second background.
    `max_bytes` limits the decoded pixels of the files of a list together.

    Raises the errors of `as_image`, and SizeError if the sizes in a list differ; the message has the index of the image
    in the list.
    """
    if isinstance(value, (list, tuple)):
        return _stacked(value, range, name, max_bytes)
    is_array = hasattr(value, "__array__") or hasattr(value, "__array_interface__")
    if is_array and not isinstance(value, PILImage.Image):
        array = _array(value, name)
        if array.ndim == 4:
            return _pixels(_with_channels(array, name), range, name)
    return _stacked([value], range, name, max_bytes)


def _stacked(values: list[Any] | tuple[Any, ...], range: Range | None, name: str, max_bytes: int | None) -> Pixels:
    if not values:
        raise RangeError(f"{name}: the list is empty; expected at least one image")
    found: list[Pixels] = []
    for index, (value, own) in enumerate(zip(values, split_range(values, range), strict=True)):
        image = as_image(value, range=own, name=f"{name}[{index}]", max_bytes=max_bytes)
        max_bytes = None if max_bytes is None else max(0, max_bytes - image.pixels.nbytes)
        if image.over_white is not None:
            own_name = "" if image.name == f"{name}[{index}]" else f" ({shown(image.name)})"
            raise ImageError(f"{name}[{index}]{own_name} is transparent; put the image on a background first")
        if found and image.pixels.shape != found[0].shape:
            raise SizeError(
                f"{name}[{index}] is {size_of(image.pixels)}, but {name}[0] is {size_of(found[0])}; give images of the "
                "same size"
            )
        found.append(image.pixels)
    dtype = wider_of(*found)
    return cast(Pixels, np.stack([stored_as(pixels, dtype) for pixels in found]))


def _array(value: Any, name: str) -> npt.NDArray[Any]:
    if not (hasattr(value, "__array__") or hasattr(value, "__array_interface__")):
        raise ArgumentTypeError(
            f"{name}: {type(value).__name__} was given; expected a path, bytes, a PIL image or an array"
        )
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        raise RangeError(
            f"{name}: masked arrays are not supported here; crop the array, or fill it with .filled(value)"
        )
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as why:  # for example a tensor with gradients, or on another device
        reason = " ".join(str(why).split())
        raise RangeError(f"{name} cannot be read as an array ({reason}); try .detach().cpu().numpy()") from why
    if array.size == 0:
        raise RangeError(
            f"{name}: the array of the shape {array.shape} has no pixels; give an array with at least one pixel"
        )
    return array


def _with_channels(array: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Return an array ... x H x W x 3. Gray is copied to three channels. Raises RangeError for other shapes."""
    shape = array.shape
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=-1)
    if array.ndim in (3, 4) and shape[-1] == 3:
        return array
    if array.ndim in (3, 4) and shape[-1] == 1:
        return np.repeat(array, 3, axis=-1)
    if array.ndim in (3, 4) and shape[-3] in (1, 3):
        turn = "(1, 2, 0)" if array.ndim == 3 else "(0, 2, 3, 1)"
        raise RangeError(
            f"{name}: the shape {shape} has the channels first; expected the channels last; use .transpose{turn}"
        )
    if array.ndim in (3, 4) and shape[-1] == 4:
        raise RangeError(
            f"{name}: the shape {shape} has four channels; expected three, or one image of uint8 or uint16 with alpha; "
            "use [..., :3] to drop the fourth channel"
        )
    raise RangeError(f"{name}: the shape is {shape}; expected H x W x 3 (or N x H x W x 3 for a stack)")


def _pixels(array: npt.NDArray[Any], range: Range | None, name: str) -> Pixels:
    """Return the pixels in one of the three storage types, C-contiguous."""
    dtype = array.dtype
    if dtype.type in _LEVELS:  # in any byte order
        if range is not None and not is_default(dtype, range):
            return scale_levels(array, range, name)
        return np.ascontiguousarray(array, dtype=dtype.type)  # in the byte order of this machine
    if dtype.kind != "f":
        raise RangeError(
            f"{name}: an array of {dtype} was given; expected uint8, uint16 or float; use "
            f"{'.astype(np.uint8) * 255 for a mask' if dtype == np.bool_ else '.astype(np.uint8) for values 0 to 255'}"
        )
    return _of_floats(array, range, name)


def _of_floats(array: npt.NDArray[Any], range: Range | None, name: str) -> Pixels:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RangeError(f"{name} contains NaN or infinity; expected finite values")
    if range is None:
        seen = f"its values are {low:.6g} to {high:.6g}"
        raise RangeError(f"{name}: an array of {array.dtype} needs a range; {seen}; {advice(low, high)}")
    return scale_levels(array, range, name)
