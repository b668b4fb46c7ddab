"""Give two images the same size and the same storage type."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from .. import defaults
from ..errors import Setting, SizeError, UsageError, shown
from ..records import PEAKS, Image, Mask, PairSizePolicy, Pixels, Resampling, SizePolicy

KERNEL = PILImage.Resampling.LANCZOS
"""Default filter for resizing: Lanczos with three lobes, applied to sRGB display values.

If an image is made smaller, the filter is widened, which prevents aliasing. `resize` of Pillow rounds and clips an
8-bit image after each axis. Images with 16 bits or floats are resized as floats, and are rounded and clipped once.
"""

_WIDEN = np.uint16(257)  # 65535 / 255: white stays white, and every level is exact


KERNELS: Mapping[Resampling, PILImage.Resampling] = {
    "lanczos": KERNEL,
    "bicubic": PILImage.Resampling.BICUBIC,
    "bilinear": PILImage.Resampling.BILINEAR,
    "box": PILImage.Resampling.BOX,
    "nearest": PILImage.Resampling.NEAREST,
}


def check_size(
    policy: PairSizePolicy, resampling: Resampling = "lanczos", max_pixels: int = defaults.MAX_PIXELS
) -> None:
    """Raise UsageError if a size policy does not exist, or if a filter is given but the policy does not resize.

    The error is also raised for "fit:WxH" with more than `max_pixels` pixels, or with a side that is too long.
    """
    target = _target(policy)
    if target is not None and (math.prod(target) > max_pixels or max(target) > defaults.MAX_SIDE):
        limits = f"at most {max_pixels} pixels, and sides of at most {defaults.MAX_SIDE}"
        raise UsageError(Setting("size", policy), f" has {math.prod(target)} pixels; expected {limits}")
    if policy not in (*get_args(SizePolicy), "top-left", "pad") and target is None:
        known = f"{', '.join(get_args(SizePolicy))}, top-left, pad or fit:WxH, such as fit:640x480"
        raise UsageError(Setting("size", policy), f" is not a known policy; expected one of {known}")
    if resampling not in KERNELS:
        raise UsageError(
            Setting("resampling", resampling), f" is not a known filter; expected one of {', '.join(KERNELS)}"
        )
    if resampling != "lanczos" and policy != "resize" and target is None:
        raise UsageError(
            f"the filter {resampling} was given, but nothing is resized; use ",
            Setting("size", "resize"),
            " or leave out ",
            Setting("resampling", resampling),
        )


def _target(policy: PairSizePolicy) -> tuple[int, int] | None:
    """Return the width and height of "fit:WxH"; None for any other policy."""
    found = re.fullmatch(r"fit:([1-9][0-9]{0,17})x([1-9][0-9]{0,17})", policy)
    return None if found is None else (int(found[1]), int(found[2]))


def fit(
    a: Image,
    b: Image,
    policy: PairSizePolicy,
    resampling: Resampling = "lanczos",
    max_bytes: int | None = None,
) -> tuple[Image, Image]:
    """Return the reference `a` and the candidate `b` with the same size and the same storage type.

    If the storage types differ, the wider one is used: float32 before uint16 before uint8.

    Parameters
    ----------
    a, b
        Two images of any size.
    policy
        What to do if the sizes differ; see `records.PairSizePolicy`. The policy "fit:WxH" always resizes both images.
    resampling
        Name of the filter for resizing.
    max_bytes
        Largest number of bytes that the pixels of both images may take at the common size; None for no limit.

    Returns
    -------
    tuple of Image
        The two images. Their notes say how they were changed.

    Raises
    ------
    SizeError
        If the sizes differ and `policy` is "refuse", or if the pixels take more than `max_bytes`. If `max_bytes` is
        None, the error is also raised if padding enlarges both images to more than `defaults.MAX_PIXELS` pixels.
    """
    kernel = KERNELS[resampling]
    width, height = common_size(a.pixels.shape[1::-1], b.pixels.shape[1::-1], policy)
    if max_bytes is not None:
        _check_bytes(a, b, width, height, max_bytes)
    if _target(policy) is not None:
        a, b = (_changed(image, lambda pixels: resized(pixels, height, width, kernel), "resized") for image in (a, b))
    elif policy == "top-left":
        a, b = (_changed(image, lambda pixels: _corner(pixels, height, width), "cropped") for image in (a, b))
    elif policy == "pad":
        if max_bytes is None and width * height > max(
            defaults.MAX_PIXELS, *(image.pixels[..., 0].size for image in (a, b))
        ):
            raise SizeError(
                f"images of {size_of(a.pixels)} and {size_of(b.pixels)}, padded to {width}x{height}, have more than "
                f"{defaults.MAX_PIXELS} pixels; use images of the same size"
            )
        a, b = _of_one_type(a, b)
        a, b = _padded(a, b, height, width), _padded(b, a, height, width)
    else:
        if policy == "crop":
            a = fit_to(a, height, width, policy, a.name)
        b = fit_to(b, height, width, policy, a.name, kernel)
    return _of_one_type(a, b)


def _check_bytes(a: Image, b: Image, width: int, height: int, max_bytes: int) -> None:
    grounds = sum(1 if image.over_white is None else 2 for image in (a, b))
    needed = width * height * 3 * wider_of(a.pixels, b.pixels).itemsize * grounds
    if needed > max_bytes:
        raise SizeError(
            f"{shown(a.name)} and {shown(b.name)} take {needed / 1024**2:.0f} MB at {width}x{height} pixels, but the "
            f"memory limit leaves {max_bytes / 1024**2:.0f} MB for a pair; raise this limit, or compare smaller images"
        )


def common_size(a: tuple[int, int], b: tuple[int, int], policy: PairSizePolicy) -> tuple[int, int]:
    """Return the width and height at which images with the sizes `a` and `b` are compared."""
    if (target := _target(policy)) is not None:
        return target
    if policy in ("crop", "top-left"):
        return min(a[0], b[0]), min(a[1], b[1])
    return (max(a[0], b[0]), max(a[1], b[1])) if policy == "pad" else a


def _padded(image: Image, other: Image, height: int, width: int) -> Image:
    """Return `image` padded to a height and width.

    Each channel of an added pixel is black or white, whichever differs more from `other` at that position. Where
    `other` has no pixel either, the added pixel is black.
    """

    def pad(pixels: Pixels, opposite: Pixels) -> Pixels:
        peak = PEAKS[pixels.dtype]
        canvas = np.zeros((height, width, 3), pixels.dtype)
        canvas[: opposite.shape[0], : opposite.shape[1]] = np.where(opposite >= peak / 2, 0, peak)
        canvas[: pixels.shape[0], : pixels.shape[1]] = pixels
        return cast(Pixels, canvas)

    if image.pixels.shape[:2] == (height, width):
        return image
    white = image.over_white
    if white is not None:
        white = pad(white, other.pixels if other.over_white is None else other.over_white)
    note = f"padded from {size_of(image.pixels)} to {width}x{height}"
    padded = pad(image.pixels, other.pixels)
    extent = (image.pixels.shape[1], image.pixels.shape[0])
    return replace(image, pixels=padded, over_white=white, notes=(*image.notes, note), extent=extent)


def only_in_one(a: Image, b: Image) -> Mask | None:
    """Return a mask of H x W booleans: True for pixels that exactly one of two images had before they were padded.

    Return None if neither image was padded.
    """
    if a.extent is None and b.extent is None:
        return None

    def inside(image: Image) -> Mask:
        height, width = image.pixels.shape[:2]
        held = np.zeros((height, width), np.bool_)
        if image.extent is not None:
            width, height = image.extent
        held[:height, :width] = True
        return held

    return cast(Mask, inside(a) != inside(b))


def _of_one_type(a: Image, b: Image) -> tuple[Image, Image]:
    if a.pixels.dtype == b.pixels.dtype:
        return a, b
    wider = wider_of(a.pixels, b.pixels)
    return _stored(a, wider), _stored(b, wider)


def fit_to(
    image: Image, height: int, width: int, policy: PairSizePolicy, name: str, kernel: PILImage.Resampling = KERNEL
) -> Image:
    """Return an image resized or cropped to the height and width of another image.

    `name` is the name of that other image, for messages.

    Raises
    ------
    SizeError
        If the image has a different size and `policy` is "refuse".
    """
    if image.pixels.shape[:2] == (height, width):
        return image
    if policy == "refuse":
        raise SizeError(
            f"{shown(name)} is {width}x{height}, {shown(image.name)} is {size_of(image.pixels)}: they differ in size; "
            "use images of the same size, or ",
            Setting("size", "resize"),
            " or ",
            Setting("size", "crop"),
        )
    if policy == "resize":
        return _changed(image, lambda pixels: resized(pixels, height, width, kernel), "resized")
    return _changed(image, lambda pixels: centre(pixels, height, width), "cropped")


def wider_of(*pixels: Pixels) -> np.dtype[np.generic]:
    """Return the widest storage type of these arrays, in the order uint8 < uint16 < float32."""
    return max((np.dtype(each.dtype) for each in pixels), key=list(PEAKS).index)


def stored_as(pixels: Pixels, dtype: np.dtype[np.generic]) -> Pixels:
    """Convert pixels to an equal or wider storage type.

    From uint8 to uint16, values are multiplied by 257. To float32, values are divided by their largest possible value.
    """
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * _WIDEN
    return pixels.astype(np.float32) / np.float32(PEAKS[pixels.dtype])


def resized(pixels: Pixels, height: int, width: int, kernel: PILImage.Resampling = KERNEL) -> Pixels:
    """Resize H x W x 3 pixels with a filter. Results below black or above white are clipped."""
    if pixels.dtype == np.uint8:
        return np.asarray(PILImage.fromarray(pixels).resize((width, height), kernel))
    planes = [PILImage.fromarray(pixels[..., channel].astype(np.float32)) for channel in range(3)]
    levels: npt.NDArray[np.float32] = np.stack(
        [np.asarray(plane.resize((width, height), kernel)) for plane in planes], axis=-1
    )
    levels = levels.clip(0, np.float32(PEAKS[pixels.dtype]))
    return levels if pixels.dtype == np.float32 else np.rint(levels).astype(np.uint16)


def centre(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return the central part of H x W x 3 pixels, with the given height and width.

    If an odd number of rows is cut off, one more is cut off at the bottom than at the top. If an odd number of columns
    is cut off, one more is cut off at the right than at the left.
    """
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return cast(Pixels, np.ascontiguousarray(pixels[top : top + height, left : left + width]))


def _corner(pixels: Pixels, height: int, width: int) -> Pixels:
    """Return the upper left part of H x W x 3 pixels, with the given height and width."""
    return cast(Pixels, np.ascontiguousarray(pixels[:height, :width]))


def _changed(image: Image, change: Callable[[Pixels], Pixels], done: str) -> Image:
    pixels = change(image.pixels)
    if pixels.shape == image.pixels.shape:
        return image
    white = None if image.over_white is None else change(image.over_white)
    note = f"{done} from {size_of(image.pixels)} to {size_of(pixels)}"
    return replace(image, pixels=pixels, over_white=white, notes=(*image.notes, note))


def _stored(image: Image, dtype: np.dtype[np.generic]) -> Image:
    white = None if image.over_white is None else stored_as(image.over_white, dtype)
    return replace(image, pixels=stored_as(image.pixels, dtype), over_white=white)


def size_of(pixels: Pixels) -> str:
    """Return the size of an image as text: width x height."""
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
