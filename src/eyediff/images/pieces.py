"""From Pillow to numpy without spare copies: Pillow's own way holds a large image three times over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

PIECE = 1_000_000
"""Pixels that are changed and brought over at a time."""


def colours(
    im: PILImage.Image, change: Callable[[PILImage.Image], PILImage.Image], piece: int = PIECE
) -> npt.NDArray[np.uint8]:
    """H x W x 3 of an image after `change`, which looks at each pixel by itself, some `piece` pixels at a time."""
    if im.width * im.height <= piece:
        return _rgb(change(im))
    whole = np.empty((im.height, im.width, 3), np.uint8)
    rows = max(1, piece // im.width)
    for top in range(0, im.height, rows):
        bottom = min(top + rows, im.height)
        whole[top:bottom] = _rgb(change(im.crop((0, top, im.width, bottom))))
    return whole


def _rgb(im: PILImage.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(im if im.mode == "RGB" else im.convert("RGB"))
