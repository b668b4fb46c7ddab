"""A verdict for people: what got worse first, then the means, then what was not held against anything."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import shown
from ..reports.text import amount, figure
from .baseline import Change, Drift, Verdict


def told(verdict: Verdict, most: int | None = None) -> Iterator[str]:
    """Lines; of pairs at most `most` of each kind, with the number of the rest (None: all)."""
    file = shown(verdict.path)
    yield f"against {file}: {amount(verdict.compared, 'pair')}, {_judged(verdict)}"
    yield from _some([f"  worse: {change(found)}  {shown(found.pair)}" for found in verdict.worse], most)
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
    direction = "worse" if moved.mean > 0 else "better"
    by = (
        f"mean {found.metric} {direction} by {figure(abs(moved.mean))}"
        if moved.mean
        else f"mean {found.metric} as it was"
    )
    interval = ""
    if moved.interval is not None and moved.mean:
        low, high = moved.interval
        interval = f", 95 % of {figure(low)} to {figure(high)} worse"
    return f"{by}{interval}; {moved.worse} worse, {moved.better} better, sign test p {moved.p:.3g}"


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
