"""A verdict for people: what got worse, the worst first; then the means; then what was not held against anything."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..errors import shown
from ..output.text import amount, figure
from .baseline import Change, Drift, Verdict


def told(verdict: Verdict, most: int | None = None) -> Iterator[str]:
    """Lines; of pairs at most `most` of each kind, with the number of the rest (None: all)."""
    file = shown(verdict.path)
    yield f"against {file}: {amount(verdict.compared, 'pair')}, {_judged(verdict)}"
    worse = sorted(verdict.worse, key=_excess, reverse=True)
    yield from _some([f"  worse: {change(found)}  {shown(found.pair)}" for found in worse], most)
    yield from (f"  {'worse: ' if found.fails else ''}{drift(found)}" for found in verdict.drifts)
    yield from _some([f"  only in {file}: {shown(pair)}" for pair in verdict.gone], most)
    yield from _some([f"  only in this run: {shown(pair)}" for pair in verdict.new], most)


def change(found: Change) -> str:
    """ "lpips 0.10000 -> 0.20000, worse by 0.10000 (tolerance 0.0001)"."""
    scores = f"{figure(found.earlier)} -> {figure(found.now)}"
    return f"{found.metric} {scores}, worse by {figure(found.worsening)} (tolerance {found.tolerance:g})"


def drift(found: Drift) -> str:
    """The mean of one metric: how far it moved, the interval, the sign test."""
    moved = found.shift
    said = f"mean {found.metric} as it was"
    if moved.mean:
        said = f"mean {found.metric} {'worse' if moved.mean > 0 else 'better'} by {figure(abs(moved.mean))}"
        if moved.interval is not None:
            low, high = moved.interval if moved.mean > 0 else (-moved.interval[1], -moved.interval[0])
            said += f" (95 % {figure(low)} to {figure(high)})"
    return f"{said}; {moved.worse} worse, {moved.better} better, sign test p {moved.p:.3g}"


def _excess(found: Change) -> float:
    """How many tolerances the loss is: what compares losses of metrics in different units."""
    return found.worsening / found.tolerance if found.tolerance else math.inf


def _judged(verdict: Verdict) -> str:
    pairs = len({found.pair for found in verdict.worse})
    means = [found.metric for found in verdict.drifts if found.fails]
    parts = [f"{amount(pairs, 'pair')} worse beyond tolerance"] if pairs else []
    parts += [f"mean worse by {', '.join(means)}"] if means else []
    return ", ".join(parts) or "none worse beyond tolerance"


def _some(lines: list[str], most: int | None) -> Iterator[str]:
    yield from lines[:most]
    if most is not None and len(lines) > most:
        yield f"  ... and {len(lines) - most} more like it"
