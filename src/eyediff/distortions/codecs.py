"""What compression, coarse pixels and lost data leave."""

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
    """JPEG of quality 97 down to 3, chroma whole, halved across, or halved both ways."""
    return _recoded(image, "JPEG", round(97 - 94 * strength), int(rng.integers(3)))


def webp(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """Lossy WebP of quality 97 down to 0; method 0, since the search costs time and changes little to the eye."""
    packed = io.BytesIO()
    Image.fromarray(image).save(packed, "WEBP", quality=round(97 - 97 * strength), method=0)
    return np.asarray(Image.open(packed).convert("RGB"))


def jpeg2000(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """JPEG 2000, a wavelet codec, at 2 to 160 times fewer bytes."""
    packed = io.BytesIO()
    rate = between(2, 160, strength)
    Image.fromarray(image).save(
        packed, "JPEG2000", irreversible=True, quality_layers=[rate], num_resolutions=_wavelet_levels(image)
    )
    return np.asarray(Image.open(packed).convert("RGB"))


def _wavelet_levels(image: Picture) -> int:
    """Resolutions that the shorter side allows, six at most."""
    return max(1, min(6, int(min(image.shape[:2])).bit_length()))


def jpeg_chroma(image: Picture, strength: float, _: np.random.Generator) -> Picture:
    """The colours of a strong JPEG under the luma of the original: blocks and bleeding of colour alone."""
    coded = Image.fromarray(_recoded(image, "JPEG", round(96 - 95 * strength), 2)).convert("YCbCr")
    planes = Image.fromarray(image).convert("YCbCr").split()
    return np.asarray(Image.merge("YCbCr", (planes[0], *coded.split()[1:])).convert("RGB"))


def pixelate(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Cells of one colour, 1 to 12 pixels wide, up to twice as long one way, that begin anywhere.

    Part of the way between two widths the narrower cells shine through.
    """
    size = between(1, 12, strength)
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

    coarse, fine = floats(cells(low + 1)), floats(cells(low))
    return rounded(fine + (coarse - fine) * (size - low))


def block_loss(image: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Blocks of 8 pixels lost: grey, black, or filled with their neighbour to the left; 1 in 200 up to 4 in 10."""
    height, width = image.shape[:2]
    rows, columns = -(-height // 8), -(-width // 8)
    lost = rng.random((rows, columns)) < between(0.003, 0.4, strength)
    mask = np.repeat(np.repeat(lost, 8, 0), 8, 1)[:height, :width, None]
    fills = (np.full_like(image, 128), np.zeros_like(image), np.roll(image, 8, axis=1))
    return np.where(mask, fills[int(rng.integers(3))], image)
