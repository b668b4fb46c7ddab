"""A frame, as PyAV decoded it, to sRGB pixels, upright."""

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
"""Which swscale widens to 16 bits without reaching white; so they are widened here."""


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
    """Quarter turns, counter-clockwise, that the file asks for when the frame is shown."""
    return round(picture.rotation / 90) if picture.rotation % 90 == 0 else 0


class Converter:
    """Makes the frames of one clip RGB, from any thread: each thread has a reformatter of its own. `av` is PyAV."""

    def __init__(self, av: ModuleType) -> None:
        self._av, self._local = av, threading.local()

    def pixels(self, picture: VideoFrame) -> Pixels:
        """Return H x W x 3 sRGB: uint8, or uint16 if the video has more than 8 bits.

        Raises PyAV's FFmpegError, or ValueError, for a format that cannot be converted.
        """
        return cast(Pixels, np.ascontiguousarray(np.rot90(self._rgb(picture), quarters(picture))))

    def _rgb(self, picture: VideoFrame) -> Pixels:
        found = coding(picture)
        if not hasattr(self._local, "reformatter"):
            self._local.reformatter = self._av.video.reformatter.VideoReformatter()
        if found.rgb and picture.format.name in _DEEP_RGB:
            return _widened(picture.to_ndarray(), 2**found.depth - 1)
        # Planes of green, blue and red: swscale's fastest way to RGB that is exact, by a factor of three.
        # Without these flags it repeats chroma in place of interpolating it, and rounds down by a level and more.
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
    """16 bits from 0 to `white` stretched to 65535; what overshoots is cut off."""
    return cast(Pixels, np.rint(np.minimum(rgb * np.float32(65535 / white), 65535)).astype(np.uint16))
