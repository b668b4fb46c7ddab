"""Convert a frame that PyAV decoded to sRGB pixels, and rotate it upright."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..records import Pixels
from . import colour

if TYPE_CHECKING:
    from av import VideoFrame

_DEEP_RGB = frozenset({"gbrp10le", "gbrp12le", "gbrp14le"})
"""Formats that swscale does not scale to the full 16-bit white. They are scaled in this module instead."""


def coding(picture: VideoFrame) -> colour.Coding:
    """Return the colour coding of a frame."""
    components = picture.format.components
    return colour.coding(
        name=picture.format.name,
        rgb=picture.format.is_rgb or picture.format.has_palette,
        gray=picture.format.name.startswith(("gray", "mono")),
        alpha=any(component.is_alpha for component in components),
        depth=max(component.bits for component in components),
        height=picture.height,
        matrix=picture.colorspace,
        span=picture.color_range,
        transfer=picture.color_trc,
    )


def quarters(picture: VideoFrame) -> int:
    """Return the number of counter-clockwise quarter turns that the file requests for the display of the frame."""
    return round(picture.rotation / 90) if picture.rotation % 90 == 0 else 0


class Converter:
    """A thread-safe converter of the frames of one clip to RGB. Each thread uses its own reformatter. `av` is PyAV."""

    def __init__(self, av: ModuleType) -> None:
        self._av, self._local = av, threading.local()

    def pixels(self, picture: VideoFrame) -> Pixels:
        """Return H x W x 3 sRGB: uint8, or uint16 if the video has more than 8 bits.

        Raises FFmpegError of PyAV, or ValueError, for a format that cannot be converted.
        """
        return cast(Pixels, np.ascontiguousarray(np.rot90(self._rgb(picture), quarters(picture))))

    def _rgb(self, picture: VideoFrame) -> Pixels:
        found = coding(picture)
        if not hasattr(self._local, "reformatter"):
            self._local.reformatter = self._av.video.reformatter.VideoReformatter()
        if found.rgb and picture.format.name in _DEEP_RGB:
            return _widened(picture.to_ndarray(), 2**found.depth - 1)
        # Planes of green, blue and red are three times as fast as the other exact ways to RGB in swscale. Without these
        # flags, swscale repeats chroma instead of interpolating it, and rounds down by one level or more.
        flags = self._av.video.reformatter.Interpolation
        planes = self._local.reformatter.reformat(
            picture,
            format="gbrp16le" if found.depth > 8 else "gbrp",
            src_colorspace=found.matrix,
            src_color_range=found.range,
            dst_color_range=colour.FULL,
            interpolation=flags.BICUBIC | flags.ACCURATE_RND | flags.FULL_CHR_H_INT,
            threads=1,
        )
        rgb: Pixels = planes.to_ndarray()
        return _widened(rgb, colour.white(found)) if found.depth > 8 and not found.rgb else rgb


def _widened(rgb: Any, white: float) -> Pixels:
    """Scale values from the range 0 to `white` to 16 bits. Larger values are clipped."""
    return cast(Pixels, np.rint(np.minimum(rgb * np.float32(65535 / white), 65535)).astype(np.uint16))
