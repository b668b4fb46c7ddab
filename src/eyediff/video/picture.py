"""Convert a video frame, decoded by PyAV, to sRGB pixels, and rotate it as the file requests."""

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
"""Pixel formats in which white does not become 65535 if FFmpeg's swscale converts them to 16 bits.

This module converts these formats itself.
"""


def coding(picture: VideoFrame) -> colour.Coding:
    """Return how the colours of a decoded frame are coded."""
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
    """Return by how many quarter turns, counter-clockwise, the frame must be rotated for display.

    Return 0 if the file requests an angle that is not a multiple of 90 degrees.
    """
    return round(picture.rotation / 90) if picture.rotation % 90 == 0 else 0


class Converter:
    """A converter of the frames of one clip to RGB, which several threads may use at the same time.

    `av` is the module PyAV.
    """

    def __init__(self, av: ModuleType) -> None:
        self._av, self._local = av, threading.local()

    def pixels(self, picture: VideoFrame) -> Pixels:
        """Return a frame as H x W x 3 sRGB pixels. They are uint8, or uint16 if the video has more than 8 bits.

        Raises PyAV's FFmpegError, or ValueError, if the pixel format cannot be converted.
        """
        return cast(Pixels, np.ascontiguousarray(np.rot90(self._rgb(picture), quarters(picture))))

    def _rgb(self, picture: VideoFrame) -> Pixels:
        found = coding(picture)
        if not hasattr(self._local, "reformatter"):
            self._local.reformatter = self._av.video.reformatter.VideoReformatter()
        if found.rgb and picture.format.name in _DEEP_RGB:
            return _widened(picture.to_ndarray(), 2**found.depth - 1)
        # Of swscale's exact conversions to RGB, the one to three separate planes is three times as fast as the others.
        # Without these flags, swscale repeats chroma instead of interpolating it, and rounds down by a level or more.
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
    """Return the values scaled so that `white` becomes 65535, as 16-bit integers. Larger values are clipped."""
    return cast(Pixels, np.rint(np.minimum(rgb * np.float32(65535 / white), 65535)).astype(np.uint16))
