"""Make docs/images/optimize.png: the images that four metrics produce on the way from noise to a photo.

    pip install '.[torch]' && python scripts/make_optimize_picture.py

The script needs AlexNet's weights (`eyediff weights get alex`). The photo is from examples/ (CC0). The script takes a
minute or two.
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
    """Return the start, the images after the steps in SHOWN, and the target, with the scores of `eyediff optimize`."""
    objective, wanted = load_objective(metric), to_tensor(target)

    def captioned(words: str, pixels: Picture) -> tuple[str, Picture]:
        return f"{words} {figure(objective.score(to_tensor(pixels), wanted))}", pixels

    found = [captioned(metric, start)]
    for step in descend(to_tensor(start), wanted, objective, DescentSettings()):
        if step.number in SHOWN:
            found.append(captioned(f"step {step.number}:", to_pixels(step.image)))
    return [*found, ("target", target)]


def main() -> None:
    """Write the picture with 256 colours: noise makes a large file, and its exact shades have no meaning."""
    target = resized(images.read(ROOT / "examples" / "before" / "cat.png").pixels, SIDE, SIDE)
    start = noise_image(SIDE, SIDE, DescentSettings().seed)
    page = contact_sheet([row(metric, start, target) for metric in METRICS], 2 * SIDE)
    path = ROOT / "docs" / "images" / "optimize.png"
    page.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
