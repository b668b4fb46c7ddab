"""How far two lists of distances agree: the figures of the model card, and its table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...distortions import HELD_OUT, MIXTURE, UNRELATED
from ...votes.correlation import pearson, spearman
from .evaluate import Measurement

EVERYTHING, SEEN, UNSEEN = "all", "all trained families", "all held-out families"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One line of the table.

    `error` is the mean absolute difference, `bias` the mean difference. `ordered` is the share of triples whose two
    candidates the small network puts in the large one's order; None where the candidates are not of one family.
    """

    side: int
    name: str
    pairs: int
    pearson: float
    spearman: float
    error: float
    bias: float
    ordered: float | None


def agreement(side: int, name: str, found: Sequence[Measurement]) -> Agreement:
    """The figures of these measurements, which come as evaluated: the two candidates of a triple side by side."""
    wanted = np.array([m.wanted for m in found], np.float64)
    given = np.array([m.given for m in found], np.float64)
    return Agreement(
        side=side,
        name=name,
        pairs=len(found),
        pearson=pearson(wanted, given),
        spearman=spearman(wanted, given),
        error=float(np.abs(given - wanted).mean()),
        bias=float((given - wanted).mean()),
        ordered=_ordered(found),
    )


def _ordered(found: Sequence[Measurement]) -> float | None:
    """Triples whose candidates AlexNet finds equally far have no order and do not count."""
    graded = [m for m in found if m.kind not in (MIXTURE, UNRELATED)]
    steps = [(b.wanted - a.wanted, b.given - a.given) for a, b in zip(graded[::2], graded[1::2], strict=True)]
    told = [wanted * given > 0 for wanted, given in steps if wanted != 0]
    return sum(told) / len(told) if told else None


def table(found: Iterable[Measurement]) -> list[Agreement]:
    """For every side: everything, what was trained on, what was held out, then kind by kind."""
    everything = list(found)
    lines = []
    for side in dict.fromkeys(m.side for m in everything):
        here = [m for m in everything if m.side == side]
        whole = {
            EVERYTHING: here,
            SEEN: [m for m in here if m.kind not in (*HELD_OUT, MIXTURE, UNRELATED)],
            UNSEEN: [m for m in here if m.kind in HELD_OUT],
        }
        lines += [agreement(side, name, some) for name, some in whole.items() if some]
        for kind in dict.fromkeys(m.kind for m in here):
            lines.append(agreement(side, kind, [m for m in here if m.kind == kind]))
    return lines


def markdown(lines: Sequence[Agreement]) -> str:
    """The tables of the model card: overall by side, then Spearman's correlation and the error by family and side."""
    sides = list(dict.fromkeys(line.side for line in lines))
    names = list(dict.fromkeys(line.name for line in lines))
    at = {(line.side, line.name): line for line in lines}
    overall = [name for name in (EVERYTHING, SEEN, UNSEEN) if name in names]
    rows = [
        "| pairs | side | n | Pearson | Spearman | mean abs. error | bias | ordered as alex |",
        "|---|---" + "|--:" * 6 + "|",
    ]
    for name in overall:
        for side in sides:
            a = at[side, name]
            order = "" if a.ordered is None else f"{a.ordered:.2%}"
            figures = f"{a.pearson:.4f} | {a.spearman:.4f} | {a.error:.4f} | {a.bias:+.4f}"
            rows.append(f"| {name} | {side} | {a.pairs} | {figures} | {order} |")
    rows += ["", "| family | " + " | ".join(f"Spearman, error at {side}" for side in sides) + " |"]
    rows.append("|---" + "|--:" * len(sides) + "|")
    for name in names:
        if name not in overall:
            held = " (held out)" if name in HELD_OUT else ""
            cells = [f"{at[side, name].spearman:.3f}, {at[side, name].error:.3f}" for side in sides]
            rows.append(f"| {name}{held} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
