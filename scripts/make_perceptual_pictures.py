"""Make docs/images/style-transfer.png and super-resolution.png with the code of docs/perceptual.md.

    pip install '.[torch]' && python scripts/make_perceptual_pictures.py

The photos are from examples/ (CC0). The script takes two or three minutes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from eyediff.distortions.ops import Picture
from eyediff.optimize.contact_sheet import contact_sheet

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "perceptual.md"
SHOWN = slice(60, 156), slice(100, 196)
"""Rows and columns of the super-resolved photo that the picture shows."""


def run_page(text: str) -> dict[str, Any]:
    """Return the names that the blocks of the page define."""
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(compile(block, f"{PAGE.name}: {block.splitlines()[0]}", "exec"), names)
    return names


def to_picture(image: torch.Tensor) -> Picture:
    """Return an image 1 x 3 x H x W in [0, 1] as uint8."""
    pixels: Picture = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return pixels


def save(rows: list[list[tuple[str, Picture]]], width: int, name: str) -> None:
    """Write a contact sheet in 256 colours."""
    page = contact_sheet(rows, width)
    path = ROOT / "docs" / "images" / name
    page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Write both pictures, and print the scores of the second picture."""
    os.chdir(ROOT)
    names = run_page(PAGE.read_text("utf-8"))
    captions = {"content": "content", "style": "style", "styled": "styled"}
    save([[(words, to_picture(names[name])) for name, words in captions.items()]], 160, "style-transfer.png")
    enlarged = {name: to_picture(image) for name, image in (names["enlarged"] | {"the photo": names["test"]}).items()}
    scores = {name: f"{name}: {lpips:.3f}, {psnr:.1f} dB" for name, (lpips, psnr) in names["scores"].items()}
    save(
        [[(scores.get(name, name), picture[SHOWN]) for name, picture in enlarged.items()]], 192, "super-resolution.png"
    )
    print(names["scores"])


if __name__ == "__main__":
    main()
