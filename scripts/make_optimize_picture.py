"""Makes docs/images/optimize.png: what four metrics make of noise on the way to a photo.

    pip install '.[torch]' && python scripts/make_optimize_picture.py

Needs AlexNet's weights (`eyediff weights get alex`); the photo is that of examples/ (CC0). Takes a minute or two.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from eyediff import images
from eyediff.images.size import resized
from eyediff.optimize.goals import goal
from eyediff.optimize.pictures import Pixels, sheet
from eyediff.optimize.plan import Plan
from eyediff.optimize.pull import noise, pixels_of, pull, tensor_of
from eyediff.output.text import figure

ROOT = Path(__file__).resolve().parents[1]
METRICS = ("l2", "ssim", "perceptual-alex", "lpips-alex")
SIDE, SHOWN = 96, (20, 300)


def row(metric: str, start: Pixels, target: Pixels) -> list[tuple[str, Pixels]]:
    """Start, what it became, and the target, with their scores as `eyediff optimize` logs them."""
    aim, wanted = goal(metric), tensor_of(target)

    def captioned(words: str, pixels: Pixels) -> tuple[str, Pixels]:
        return f"{words} {figure(aim.score(tensor_of(pixels), wanted))}", pixels

    found = [captioned(metric, start)]
    for step in pull(tensor_of(start), wanted, aim, Plan()):
        if step.number in SHOWN:
            found.append(captioned(f"step {step.number}:", pixels_of(step.image)))
    return [*found, ("target", target)]


def main() -> None:
    """Write the picture, in 256 colours: noise takes room, and shades of it tell nothing."""
    target = resized(images.read(ROOT / "examples" / "before" / "cat.png").pixels, SIDE, SIDE)
    start = noise(SIDE, SIDE, Plan().seed)
    page = sheet([row(metric, start, target) for metric in METRICS], 2 * SIDE)
    path = ROOT / "docs" / "images" / "optimize.png"
    page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
