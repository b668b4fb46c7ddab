"""Make the pictures in examples/: three photos free of rights, and the results of three kinds of processing.

    pip install scikit-image && python scripts/make_examples.py

The photos come with scikit-image: astronaut (NASA, public domain), cat (Stefan van der Walt, CC0), coffee (Rachel
Michetti, CC0).
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from skimage import data

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
SIDE = 256


def photos() -> dict[str, Image.Image]:
    """Return squares of SIDE pixels from the photos, at a lower resolution where the photo is large enough."""
    astronaut = Image.fromarray(data.astronaut()).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    cat = Image.fromarray(data.cat()).crop((130, 20, 130 + SIDE, 20 + SIDE))
    coffee = Image.fromarray(data.coffee()).crop((110, 20, 470, 380)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return {"astronaut": astronaut, "cat": cat, "coffee": coffee}


def compressed(image: Image.Image) -> Image.Image:
    """Compress the image as JPEG, at a quality that everybody notices."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=15)
    return Image.open(file).convert("RGB")


def warped(image: Image.Image) -> Image.Image:
    """Warp the image smoothly by up to two pixels. Few people notice this, but PSNR changes."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.asarray(image)
    down = np.rint(rows + 1.8 * np.sin(columns / 37)).astype(int).clip(0, SIDE - 1)
    right = np.rint(columns + 1.8 * np.sin(rows / 41)).astype(int).clip(0, SIDE - 1)
    return Image.fromarray(pixels[down, right])


def blurred(image: Image.Image) -> Image.Image:
    """Blur the image. Everybody notices this, but PSNR changes little."""
    return image.filter(ImageFilter.GaussianBlur(2.5))


def main() -> None:
    """Write the pictures of both folders."""
    kinds = {"astronaut": compressed, "cat": warped, "coffee": blurred}
    for folder in ("before", "after"):
        (EXAMPLES / folder).mkdir(parents=True, exist_ok=True)
    for name, photo in photos().items():
        photo.save(EXAMPLES / "before" / f"{name}.png", optimize=True)
        kinds[name](photo).save(EXAMPLES / "after" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
