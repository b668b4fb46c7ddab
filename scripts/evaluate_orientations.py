"""Measure how much the distances of lpips-alex depend on the orientation of the images.

    python scripts/evaluate_orientations.py kodak --held-out photos --held-out clic --held-out graphics

A person sees the same difference between two images if both are mirrored, but the distance of lpips-alex changes. The
script compares the distances of turned pairs with those of the original pairs, as `eyediff distill --evaluate` compares
lpips-mini with lpips-alex. It prints the same measures, and those of lpips-mini. They include neither mixtures nor
unrelated pictures, which have no order.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from eyediff import Metric
from eyediff.distortions import DISTORTIONS
from eyediff.distortions.ops import Picture
from eyediff.distortions.photos import load_photos, photos_by_folder
from eyediff.records import Numbers, Pixels
from eyediff.training.distillation.agreement import ALL, NetworkAgreement, measure_agreement
from eyediff.training.distillation.evaluate import SEED, TRIPLES, Measurement, large_pictures, make_triple

TURNS: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda images: images[:, :, ::-1],
    "upside down": lambda images: images[:, ::-1],
    "rows and columns exchanged": lambda images: images.swapaxes(1, 2),
}


def measure(sources: Mapping[str, Sequence[Picture]], side: int, triples: int) -> list[NetworkAgreement]:
    """Return the agreement of each estimate with lpips-alex, for each source and then for all sources.

    The estimates are lpips-mini and the turned pairs. Each source and distortion has `triples` triples.
    """
    alex, mini = Metric("lpips-alex", device="cpu"), Metric("lpips-mini", device="cpu")

    def of_alex(turn: Callable[[Pixels], Pixels]) -> Callable[[Pixels, Pixels], Numbers]:
        return lambda a, b: alex.distances(turn(a), turn(b))

    estimates = {"lpips-mini": mini.distances} | {f"lpips-alex, {name}": of_alex(turn) for name, turn in TURNS.items()}
    found: dict[str, list[Measurement]] = {name: [] for name in estimates}
    for source, pictures in sources.items():
        large = large_pictures(source, pictures, side)
        for kind in DISTORTIONS:
            for number in range(triples):
                (reference, *candidates), strengths = make_triple(large, SEED, side, kind, number)
                a, b = np.stack([reference] * len(candidates)), np.stack(candidates)
                expected = alex.distances(a, b)
                for name, estimate in estimates.items():
                    rows = zip(strengths, expected, estimate(a, b), strict=True)
                    found[name] += [Measurement(source, side, kind, number, *row) for row in rows]
    parts = [(source, [m for m in of if m.source == source], name) for source in sources for name, of in found.items()]
    parts += [(ALL, of, name) for name, of in found.items()]
    return [measure_agreement(source, side, name, of) for source, of, name in parts]


def main() -> None:
    """Read the arguments, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of pictures")
    parser.add_argument("--held-out", action="append", default=[], type=Path, help="folder of which a sixth is used")
    parser.add_argument("--side", default=64, type=int, choices=TRIPLES, help="width and height of the crops")
    arguments = parser.parse_args()
    files = photos_by_folder(arguments.folders, arguments.held_out)
    sources = {name: load_photos(paths, arguments.side) for name, paths in files.items()}
    print("| pictures | estimate | pairs | Pearson | Spearman | mean abs. error | ordered as alex |")
    print("|---|---" + "|--:" * 5 + "|")
    for a in measure(sources, arguments.side, TRIPLES[arguments.side]):
        figures = f"{a.pearson:.4f} | {a.spearman:.4f} | {a.error:.4f} | {a.ordered:.2%}"
        print(f"| {a.source} | {a.name} | {a.pairs} | {figures} |")


if __name__ == "__main__":
    main()
