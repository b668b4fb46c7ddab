"""Distortions by compression, large pixels and lost data."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from .ops import Picture, log_lerp, to_float32, to_uint8


def _recompress(image: Picture, kind: str, quality: int, subsampling: int | None = None) -> Picture:
    packed = io.BytesIO()
    if subsampling is None:
        Image.fromarray(image).save(packed, kind, quality=quality)
    else:
        Image.fromarray(image).save(packed, kind, quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(packed).convert("RGB"))


def jpeg(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Compress with JPEG at quality 97 to 3. Chroma has full, half or quarter resolution."""
    return _recompress(image, "JPEG", round(97 - 94 * strength), int(rng.integers(3)))


def webp(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Compress with lossy WebP at quality 97 to 0.

    Method 0 of the encoder is used, because it is fast, and the results of slower methods look almost the same.
    """
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "WEBP", quality=round(97 - 97 * strength), method=0)
    return np.asarray(Image.open(packed).convert("RGB"))


def jpeg2000(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Compress with JPEG 2000, a wavelet codec, at compression ratios of 2 to 160."""
    packed = io.BytesIO()
    rate = log_lerp(2, 160, strength)
    Image.fromarray(image).save(
        packed, "JPEG2000", irreversible=True, quality_layers=[rate], num_resolutions=_wavelet_levels(image)
    )
    return np.asarray(Image.open(packed).convert("RGB"))


def _wavelet_levels(image: Picture) -> int:
    """Return the number of wavelet levels that the shorter side allows, at most six."""
    return max(1, min(6, int(min(image.shape[:2])).bit_length()))


def jpeg_chroma(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Combine the chroma of a strongly compressed JPEG with the original luma. Only colours have blocks and bleed."""
    coded = Image.fromarray(_recompress(image, "JPEG", round(96 - 95 * strength), 2)).convert("YCbCr")
    planes = Image.fromarray(image).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (planes[0], *coded.split()[1:])).convert("RGB"))


def pixelate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Replace each cell of a grid by its mean. The cells are 1 to 12 pixels wide, and up to twice as long.

    The grid starts at a random position. If the width of the cells is not a whole number, the results of the two
    nearest whole numbers are blended.
    """
    size = log_lerp(1, 12, strength)
    low = int(size)
    height, width = image.shape[:2]
    stretch = rng.choice([1.0, 1.0, 1.5, 2.0])
    rows, columns = (1.0, stretch) if rng.random() < 0.5 else (stretch, 1.0)
    start = rng.random(2)

    def cells(side: int) -> Picture:
        tall, wide = max(1, round(side * rows)), max(1, round(side * columns))
        above, left = int(start[0] * tall), int(start[1] * wide)
        padded = np.pad(image, ((above, -(height + above) % tall), (left, -(width + left) % wide), (0, 0)), mode="edge")
        small = Image.fromarray(padded).reduce((wide, tall))
        large = np.repeat(np.repeat(np.asarray(small), tall, 0), wide, 1)
        return large[above : above + height, left : left + width]

    coarse, fine = to_float32(cells(low + 1)), to_float32(cells(low))
    return to_uint8(fine + (coarse - fine) * (size - low))


def block_loss(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Replace 0.3 to 40 per cent of the blocks of 8x8 pixels by grey, by black, or by the block to the left."""
    height, width = image.shape[:2]
    rows, columns = -(-height // 8), -(-width // 8)
    lost = rng.random((rows, columns)) < log_lerp(0.003, 0.4, strength)
    mask = np.repeat(np.repeat(lost, 8, 0), 8, 1)[:height, :width, None]
    fills = (np.full_like(image, 128), np.zeros_like(image), np.roll(image, 8, axis=1))
    return np.where(mask, fills[int(rng.integers(3))], image)
