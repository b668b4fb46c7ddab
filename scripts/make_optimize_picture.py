"""Makes docs/images/optimize.png: what four metrics make of noise on the way to a photo.

    pip install '.[torch]' && python scripts/make_optimize_picture.py

Needs AlexNet's weights (`eyediff weights get alex`); the photo is that of examples/ (CC0). Takes a minute or two.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from eyediff import images
from eyediff.distortions.ops import Picture
from eyediff.images.size import resized
from eyediff.optimize.contact_sheet import contact_sheet
from eyediff.optimize.descent import descend, noise_image, to_pixels, to_tensor
from eyediff.optimize.objectives import load_objective
from eyediff.optimize.settings import DescentSettings
from eyediff.output.text import figure

ROOT = Path(__file__).resolve().parents[1]
METRICS = ("l2", "ssim", "perceptual-alex", "lpips-alex")
SIDE, SHOWN = 96, (20, 300)


def row(metric: str, start: Picture, target: Picture) -> list[tuple[str, Picture]]:
    """InitialMetric, what it became, and the target, with their scores as `eyediff optimize` logs them."""
    objective, wanted = load_objective(metric), to_tensor(target)

    def captioned(words: str, pixels: Picture) -> tuple[str, Picture]:
        return f"{words} {figure(objective.score(to_tensor(pixels), wanted))}", pixels

    found = [captioned(metric, start)]
    for step in descend(to_tensor(start), wanted, objective, DescentSettings()):
        if step.number in SHOWN:
            found.append(captioned(f"step {step.number}:", to_pixels(step.image)))
    return [*found, ("target", target)]


def main() -> None:
    """Write the picture, in 256 colours: noise takes room, and shades of it tell nothing."""
    target = resized(images.read(ROOT / "examples" / "before" / "cat.png").pixels, SIDE, SIDE)
    start = noise_image(SIDE, SIDE, DescentSettings().seed)
    page = contact_sheet([row(metric, start, target) for metric in METRICS], 2 * SIDE)
    path = ROOT / "docs" / "images" / "optimize.png"
    page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
