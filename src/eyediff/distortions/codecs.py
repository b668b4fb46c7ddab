"""What compression, few levels and lost data leave."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .tools import Picture, between, floats, rounded


def _recoded(image: Picture, kind: str, quality: int, subsampling: int | None = None) -> Picture:
    packed = io.BytesIO()
    if subsampling is None:
        Image.fromarray(image).save(packed, kind, quality=quality)
    else:
        Image.fromarray(image).save(packed, kind, quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(packed).convert("RGB"))


def jpeg(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """JPEG of quality 97 down to 3, chroma halved or not."""
    return _recoded(image, "JPEG", round(97 - 94 * strength), int(rng.choice([0, 2])))


def webp(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Lossy WebP of quality 97 down to 0; method 0, since the search costs time and changes little to the eye."""
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "WEBP", quality=round(97 - 97 * strength), method=0)
    return np.asarray(Image.open(packed).convert("RGB"))


def jpeg_chroma(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """The colours of a strong JPEG under the luma of the original: blocks and bleeding of colour alone."""
    coded = Image.fromarray(_recoded(image, "JPEG", round(96 - 95 * strength), 2)).convert("YCbCr")
    planes = Image.fromarray(image).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (planes[0], *coded.split()[1:])).convert("RGB"))


def quantise(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Fewer levels a channel, from 128 down to 2, without dithering: bands."""
    step = 255 / (between(128, 2, strength) - 1)
    return rounded(np.rint(floats(image) / step) * step)


_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]], np.float32) / 16 - 15 / 32


def dither(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Fewer levels a channel, from 128 down to 2, hidden by an ordered or a random pattern."""
    step = 255 / (between(128, 2, strength) - 1)
    height, width = image.shape[:2]
    if rng.random() < 0.5:
        pattern = np.tile(_BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width, None]
    else:
        pattern = (rng.random((height, width, 1)) - 0.5).astype(np.float32)
    return rounded(np.rint(floats(image) / step + pattern) * step)


def pixelate(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Squares of one colour, 1 to 12 pixels wide; part of the way between two widths the squares shine through."""
    size = between(1, 12, strength)
    low = int(size)
    height, width = image.shape[:2]

    def squares(side: int) -> Picture:
        small = Image.fromarray(image).resize((-(-width // side), -(-height // side)), Image.Resampling.BOX)
        return np.repeat(np.repeat(np.asarray(small), side, 0), side, 1)[:height, :width]

    coarse, fine = floats(squares(low + 1)), floats(squares(low))
    return rounded(fine + (coarse - fine) * (size - low))


def block_loss(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Blocks of 8 pixels lost: grey, black, or filled with their neighbour to the left; 1 in 200 up to 4 in 10."""
    height, width = image.shape[:2]
    rows, columns = -(-height // 8), -(-width // 8)
    lost = rng.random((rows, columns)) < between(0.003, 0.4, strength)
    mask = np.repeat(np.repeat(lost, 8, 0), 8, 1)[:height, :width, None]
    fills = (np.full_like(image, 128), np.zeros_like(image), np.roll(image, 8, axis=1))
    return np.where(mask, fills[int(rng.integers(3))], image)
