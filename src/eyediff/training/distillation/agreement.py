"""How well two lists of distances agree: the figures and the tables of the model card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...distortions import HELD_OUT, MIXTURE, UNRELATED
from ...votes.correlation import pearson, spearman
from .evaluate import Measurement

ALL, TRAINED_FAMILIES, HELD_OUT_FAMILIES = "all", "trained families", "held-out families"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One line of a table.

    `error` is the mean absolute difference, `bias` the mean difference. `ordered` is the share of triples whose two
    candidates the small network puts in the order of the large one; None for pairs that are not of one family.
    """

    source: str
    side: int
    name: str
    pairs: int
    pearson: float
    spearman: float
    error: float
    bias: float
    ordered: float | None


def measure_agreement(source: str, side: int, name: str, measurements: Sequence[Measurement]) -> Agreement:
    """Return the figures of measurements in the order of `evaluate`: the two candidates of a triple are neighbours."""
    expected = np.array([m.expected for m in measurements], np.float64)
    estimated = np.array([m.estimated for m in measurements], np.float64)
    return Agreement(
        source=source,
        side=side,
        name=name,
        pairs=len(measurements),
        pearson=pearson(expected, estimated),
        spearman=spearman(expected, estimated),
        error=float(np.abs(estimated - expected).mean()),
        bias=float((estimated - expected).mean()),
        ordered=_ordered(measurements),
    )


def _ordered(measurements: Sequence[Measurement]) -> float | None:
    """Triples whose candidates are equally far by AlexNet have no order and do not count."""
    graded = [m for m in measurements if m.kind not in (MIXTURE, UNRELATED)]
    steps = [
        (b.expected - a.expected, b.estimated - a.estimated) for a, b in zip(graded[::2], graded[1::2], strict=True)
    ]
    same = [expected * estimated > 0 for expected, estimated in steps if expected != 0]
    return sum(same) / len(same) if same else None


def agreement_by_source(measurements: Iterable[Measurement]) -> list[Agreement]:
    """Return for every source and side the figures of all pairs, trained families, held-out families and strangers."""
    everything = list(measurements)
    lines = []
    for source in dict.fromkeys(m.source for m in everything):
        for side in dict.fromkeys(m.side for m in everything):
            here = [m for m in everything if m.side == side and m.source == source]
            parts = {
                ALL: here,
                TRAINED_FAMILIES: [m for m in here if m.kind not in (*HELD_OUT, MIXTURE, UNRELATED)],
                HELD_OUT_FAMILIES: [m for m in here if m.kind in HELD_OUT],
                UNRELATED: [m for m in here if m.kind == UNRELATED],
            }
            lines += [measure_agreement(source, side, name, some) for name, some in parts.items() if some]
    return lines


def agreement_by_family(measurements: Iterable[Measurement]) -> list[Agreement]:
    """Return the figures of every kind and side, over all sources."""
    parts: dict[tuple[str, int], list[Measurement]] = {}
    for measurement in measurements:
        parts.setdefault((measurement.kind, measurement.side), []).append(measurement)
    return [measure_agreement(ALL, side, kind, part) for (kind, side), part in parts.items()]


def format_markdown(measurements: Sequence[Measurement]) -> str:
    """Return the tables of the model card: overall by source and side, then Spearman's correlation by family."""
    rows = [
        "| pictures | pairs | side | n | Pearson | Spearman | mean abs. error | bias | ordered as alex |",
        "|---|---|---" + "|--:" * 6 + "|",
    ]
    for a in agreement_by_source(measurements):
        order = "" if a.ordered is None else f"{a.ordered:.2%}"
        figures = f"{a.pearson:.4f} | {a.spearman:.4f} | {a.error:.4f} | {a.bias:+.4f}"
        rows.append(f"| {a.source} | {a.name} | {a.side} | {a.pairs} | {figures} | {order} |")
    families = agreement_by_family(measurements)
    sides = list(dict.fromkeys(a.side for a in families))
    at = {(a.side, a.name): a for a in families}
    rows += ["", "| family | " + " | ".join(f"Spearman, error at {side}" for side in sides) + " |"]
    rows.append("|---" + "|--:" * len(sides) + "|")
    for name in dict.fromkeys(a.name for a in families):
        held_out = " (held out)" if name in HELD_OUT else ""
        cells = [f"{at[side, name].spearman:.3f}, {at[side, name].error:.3f}" for side in sides]
        rows.append(f"| {name}{held_out} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
