"""Read an animated WebP as a clip. FFmpeg cannot decode animated WebP, so Pillow decodes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as PILImage
from PIL import WebPImagePlugin

from ..errors import ImageError, excerpt
from ..images.decode import DECODER_ERRORS
from .clip import Clip

if TYPE_CHECKING:
    from av import VideoFrame

_ERRORS = (*DECODER_ERRORS, PILImage.DecompressionBombError)
_MILLISECOND = Fraction(1, 1000)


def open_clip(path: Path) -> Clip:
    """Open a video file or an animated WebP. The content of the file decides which of them it is.

    Raises
    ------
    UsageError
        If PyAV is not installed.
    ImageError
        If the file cannot be read as a video.
    """
    head = b""
    if path.is_file():
        with suppress(OSError), path.open("rb") as file:
            head = file.read(12)
    return WebPClip(path) if head[:4] == b"RIFF" and head[8:] == b"WEBP" else Clip(path)


class WebPClip(Clip):
    """An animated WebP, with its frames as they are displayed. `Clip` describes the methods."""

    def _open(self) -> Any:
        try:
            return WebPImagePlugin.WebPImageFile(self.path)
        except _ERRORS as error:
            raise ImageError(
                f"{self.name} cannot be read as a WebP: {excerpt(error)}; the file may be damaged or incomplete"
            ) from error

    def _find_stream(self) -> None:
        image = self._container
        self._check_size(image.width, image.height)
        self.announced = image.n_frames

    def _pictures(self) -> Iterator[VideoFrame]:
        """Yield the frames with their times. The first frame that cannot be decoded ends the clip."""
        image = self._container
        for number in range(image.n_frames):
            try:
                image.seek(number)
                image.load()
            except _ERRORS as error:
                self._stopped = excerpt(error)
                return
            if number == 0:
                self.seconds = max(1, image.info["duration"]) / 1000
            picture = self._av.VideoFrame.from_ndarray(
                np.asarray(image), format="rgba" if image.mode == "RGBA" else "rgb24"
            )
            picture.pts, picture.time_base = image.info["timestamp"], _MILLISECOND
            yield picture

    def _announced_end(self) -> float | None:
        return None  # the header has no end time; it has the number of frames instead
