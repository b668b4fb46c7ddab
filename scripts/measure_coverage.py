"""Measure how often the 95 % interval of a mean holds the true mean, by simulation, as a table for docs/statistics.md.

python scripts/measure_coverage.py --sets 4000
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator

import numpy as np

from eyediff import defaults
from eyediff.run.interval import mean_intervals

COUNTS = (5, 7, 10, 20, 50)

DISTRIBUTIONS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]] = {
    "normal": (lambda draws, shape: draws.normal(0, 1, shape), 0.0),
    "exponential": (lambda draws, shape: draws.exponential(1, shape), 1.0),
    "beta(2, 5)": (lambda draws, shape: draws.beta(2, 5, shape), 2 / 7),
    "lognormal": (lambda draws, shape: draws.lognormal(0, 1, shape), math.exp(0.5)),
}
"""How scores are drawn, and their true mean."""


def coverage(name: str, count: int, sets: int, seed: int = 1) -> float:
    """Return the share of simulated sets of `count` scores whose interval holds the true mean."""
    draw, mean = DISTRIBUTIONS[name]
    scores = draw(np.random.default_rng(seed), (sets, count))
    # As many metrics of the same pairs: one draw serves all sets, and each set is independent of the draw.
    intervals = mean_intervals({str(number): values for number, values in enumerate(scores)})
    return sum(low <= mean <= high for low, high in intervals.values()) / sets


def table(sets: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield f"| scores | {' | '.join(DISTRIBUTIONS)} |"
    yield f"|---{'|---' * len(DISTRIBUTIONS)}|"
    for count in COUNTS:
        cells = [f"{100 * coverage(name, count, sets):.1f} %" for name in DISTRIBUTIONS]
        yield f"| {count} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=f"{__doc__}\n\nNo interval is given below {defaults.FEWEST} scores.")
    parser.add_argument("--sets", type=int, default=4000, help="simulated sets behind a figure")
    for line in table(parser.parse_args().sets):
        print(line, flush=True)


if __name__ == "__main__":
    main()
