"""Make docs/images/demo.png: the figure of `eyediff demo`, with 256 colours so that the file stays small.

EYEDIFF_WEIGHTS=... python scripts/make_demo.py    # the weights of lpips-alex must be there
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from eyediff.demo import run_demo

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "demo.png"


def main() -> None:
    """Run the demo, and write its figure."""
    with tempfile.TemporaryDirectory() as folder:
        found = run_demo(Path(folder))
        if "lpips-alex" not in found.metrics:
            raise SystemExit("lpips-alex's weights were not found; name their folder with EYEDIFF_WEIGHTS")
        with Image.open(found.picture) as picture:
            colours = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=4)
            few = picture.quantize(palette=colours, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
