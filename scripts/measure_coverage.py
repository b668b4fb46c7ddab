"""Measure by simulation how often 95 % intervals contain the true figure, for the tables of docs/statistics.md.

python scripts/measure_coverage.py --sets 1000              # for the mean of a run, and the shift against a baseline
python scripts/measure_coverage.py --sets 1000 --eval       # for eyediff eval: 2AFC, JND, opinion scores
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator

import numpy as np

from eyediff import defaults
from eyediff.evaluation.results import FEWEST, PARAMETERS
from eyediff.run.interval import mean_intervals
from eyediff.votes import bootstrap, correlation, jnd, twoafc

COUNTS = (5, 7, 10, 20, 50)

DISTRIBUTIONS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], np.ndarray], float]] = {
    "normal": (lambda draws, shape: draws.normal(0, 1, shape), 0.0),
    "exponential": (lambda draws, shape: draws.exponential(1, shape), 1.0),
    "beta(2, 5)": (lambda draws, shape: draws.beta(2, 5, shape), 2 / 7),
    "lognormal": (lambda draws, shape: draws.lognormal(0, 1, shape), math.exp(0.5)),
}
"""Functions that draw scores, and the true mean of the scores."""


def _agreement(draws: np.random.Generator, count: int) -> bootstrap.Statistic:
    """Draw five votes per question. Each is for b with a random probability; the metric prefers b with the same one."""
    chance = draws.random(count)
    share = draws.binomial(5, chance) / 5
    return twoafc.mean(np.where(draws.random(count) < chance, share, 1 - share))


def _precision(draws: np.random.Generator, count: int) -> bootstrap.Statistic:
    """Draw three votes per pair. They depend on a distance, which the metric sees with noise."""
    distance = draws.normal(size=count)
    share = draws.binomial(3, 1 / (1 + np.exp(2 * distance))) / 3
    return jnd.average_precision(distance + 0.5 * draws.normal(size=count), share)


def _correlated(draws: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw scores and opinions of a normal distribution with correlation 0.7."""
    scores = draws.normal(size=count)
    return scores, 0.7 * scores + math.sqrt(1 - 0.7**2) * draws.normal(size=count)


FIGURES: dict[str, tuple[Callable[[np.random.Generator, int], bootstrap.Statistic], float | None]] = {
    "agreement": (_agreement, 2 / 3),
    "ap": (_precision, None),
    "srcc": (lambda draws, count: correlation.srcc(*_correlated(draws, count)), 6 / math.pi * math.asin(0.35)),
    "krcc": (lambda draws, count: correlation.krcc(*_correlated(draws, count)), 2 / math.pi * math.asin(0.7)),
    "plcc": (lambda draws, count: correlation.Fit(*_correlated(draws, count)).plcc, 0.7),
}
"""Functions that draw a study, and the true figure. None stands for the figure of a study of 400,000 items."""


def coverage(name: str, count: int, sets: int, seed: int = 1) -> float:
    """Return the share of simulated sets of `count` scores whose interval contains the true mean."""
    draw, mean = DISTRIBUTIONS[name]
    scores = draw(np.random.default_rng(seed), (sets, count))
    # The sets are passed as metrics of the same pairs. One draw serves all sets. Each set is independent of the draw.
    intervals = mean_intervals({str(number): values for number, values in enumerate(scores)})
    return sum(low <= mean <= high for low, high in intervals.values()) / sets


def study_coverage(name: str, count: int, sets: int, seed: int = 1) -> float | None:
    """Return the share of simulated studies whose interval contains the true figure. Return None without intervals."""
    draw, truth = FIGURES[name]
    if truth is None:
        truth = bootstrap.value(draw(np.random.default_rng(seed + 1), 400_000), 400_000)
    generator, held, given = np.random.default_rng(seed), 0, 0
    times = np.concatenate(list(bootstrap.draws(count, defaults.BOOTSTRAP, seed, 0)))  # one draw serves all studies
    for _ in range(sets if count >= FEWEST.get(name, 0) else 0):
        statistic = draw(generator, count)
        figure, spread = bootstrap.value(statistic, count), statistic(times)
        found = bootstrap.estimate(figure, spread, count, PARAMETERS.get(name, 1))
        if found.low is None or found.high is None:
            continue
        given += 1
        held += found.low <= truth <= found.high
    return held / given if given else None


def table(names: list[str], of: Callable[[str, int], float | None], items: str) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {items} | {' | '.join(names)} |"
    yield f"|---{'|---' * len(names)}|"
    for count in COUNTS:
        shares = (of(name, count) for name in names)
        yield f"| {count} | {' | '.join('none' if share is None else f'{100 * share:.1f} %' for share in shares)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=f"Seeds: {defaults.SEED}, 1."
    )
    parser.add_argument("--sets", type=int, default=4000, help="simulated sets behind a figure")
    parser.add_argument("--eval", action="store_true", help="the figures of eyediff eval")
    parser.add_argument("--only", nargs="+", choices=[*DISTRIBUTIONS, *FIGURES], help="columns")
    given = parser.parse_args()
    measure = study_coverage if given.eval else coverage
    names = [name for name in (FIGURES if given.eval else DISTRIBUTIONS) if name in (given.only or [name])]
    for line in table(names, lambda name, count: measure(name, count, given.sets), "items" if given.eval else "scores"):
        print(line, flush=True)


if __name__ == "__main__":
    main()
