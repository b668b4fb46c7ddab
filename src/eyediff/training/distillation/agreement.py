"""Measure how well the distances of a small network agree with those of a large network.

The results are the values and the tables of the model card.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ...distortions import HELD_OUT, MIXTURE, UNRELATED
from ...votes.correlation import pearson, spearman
from .evaluate import TRIPLES, Measurement

ALL, TRAINED_DISTORTIONS, HELD_OUT_DISTORTIONS = "all", "trained families", "held-out families"


@dataclass(frozen=True, slots=True)
class NetworkAgreement:
    """The agreement of two networks on one kind of pairs: one line in a table.

    Attributes
    ----------
    source, name : str
        Source of the pictures, and kind of the pairs.
    side : int
        Width and height of the pictures in pixels.
    pairs : int
        Number of pairs.
    pearson, spearman : float
        Correlations of the distances of the two networks.
    error, bias : float
        Mean absolute difference, and mean difference, of the distances of the two networks.
    ordered : float or None
        Fraction of the triples (a reference and two candidates) for which both networks put the two candidates in the
        same order. It is None if no pair has a single kind of distortion.
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


def measure_agreement(source: str, side: int, name: str, measurements: Sequence[Measurement]) -> NetworkAgreement:
    """Compute the agreement on some measurements.

    The measurements must be in the order of `evaluate`, in which the two candidates of a triple follow each other.
    """
    expected = np.array([m.expected for m in measurements], np.float64)
    estimated = np.array([m.estimated for m in measurements], np.float64)
    return NetworkAgreement(
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
    """Compute `NetworkAgreement.ordered`. Triples whose two distances by the large network are equal do not count."""
    ranked = [m for m in measurements if m.kind not in (MIXTURE, UNRELATED)]
    differences = [
        (b.expected - a.expected, b.estimated - a.estimated) for a, b in zip(ranked[::2], ranked[1::2], strict=True)
    ]
    agrees = [expected * estimated > 0 for expected, estimated in differences if expected != 0]
    return sum(agrees) / len(agrees) if agrees else None


def agreement_by_source(measurements: Iterable[Measurement]) -> list[NetworkAgreement]:
    """Compute four agreements for every source and side of pictures.

    They are the agreements on all pairs, on pairs with distortions that were used for training, on pairs with
    distortions that were held out, and on pairs of unrelated pictures. In the first one, all kinds of pairs have the
    same number, so most of the unrelated pairs are left out.
    """
    everything = list(measurements)
    lines = []
    for source in dict.fromkeys(m.source for m in everything):
        for side in dict.fromkeys(m.side for m in everything):
            here = [m for m in everything if m.side == side and m.source == source]
            parts = {
                ALL: [m for m in here if m.kind != UNRELATED or m.triple < TRIPLES[side]],
                TRAINED_DISTORTIONS: [m for m in here if m.kind not in (*HELD_OUT, MIXTURE, UNRELATED)],
                HELD_OUT_DISTORTIONS: [m for m in here if m.kind in HELD_OUT],
                UNRELATED: [m for m in here if m.kind == UNRELATED],
            }
            lines += [measure_agreement(source, side, name, some) for name, some in parts.items() if some]
    return lines


def agreement_by_distortion(measurements: Iterable[Measurement]) -> list[NetworkAgreement]:
    """Compute the agreement on the pairs of all sources, for every kind of distortion and every side."""
    parts: dict[tuple[str, int], list[Measurement]] = {}
    for measurement in measurements:
        parts.setdefault((measurement.kind, measurement.side), []).append(measurement)
    return [measure_agreement(ALL, side, kind, part) for (kind, side), part in parts.items()]


def format_markdown(measurements: Sequence[Measurement]) -> str:
    """Return the two tables of the model card in Markdown.

    A row of the first table is the agreement for one source of pictures and one size. A row of the second table is the
    agreement for one distortion: Spearman's correlation and the mean error.
    """
    rows = [
        "| pictures | pairs | side | n | Pearson | Spearman | mean abs. error | bias | ordered as alex |",
        "|---|---|---" + "|--:" * 6 + "|",
    ]
    for a in agreement_by_source(measurements):
        order = "" if a.ordered is None else f"{a.ordered:.2%}"
        figures = f"{a.pearson:.4f} | {a.spearman:.4f} | {a.error:.4f} | {a.bias:+.4f}"
        rows.append(f"| {a.source} | {a.name} | {a.side} | {a.pairs} | {figures} | {order} |")
    by_distortion = agreement_by_distortion(measurements)
    sides = list(dict.fromkeys(a.side for a in by_distortion))
    at = {(a.side, a.name): a for a in by_distortion}
    rows += ["", "| family | " + " | ".join(f"Spearman, error at {side}" for side in sides) + " |"]
    rows.append("|---" + "|--:" * len(sides) + "|")
    for name in dict.fromkeys(a.name for a in by_distortion):
        held_out = " (held out)" if name in HELD_OUT else ""
        cells = [f"{at[side, name].spearman:.3f}, {at[side, name].error:.3f}" for side in sides]
        rows.append(f"| {name}{held_out} | " + " | ".join(cells) + " |")
    return "\n".join(rows)
