"""Plot training runs and evaluations. This module needs matplotlib."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...distortions import CATEGORIES
from ...report.plot import TONES, panels_of, save
from .agreement import measure_agreement
from .evaluate import Measurement

COLOURS = dict(zip((*CATEGORIES, "other"), (*TONES[: len(CATEGORIES)], TONES[-1]), strict=True))


def _category(kind: str) -> str:
    return next((name for name, kinds in CATEGORIES.items() if kind in kinds), "other")


def draw_scatter(measurements: Sequence[Measurement], path: Path) -> None:
    """Plot the distances of the small network against those of the large network, and the errors.

    There is one panel of distances for each side of the pictures, and one panel with the errors for all sides.
    """
    sides = list(dict.fromkeys(m.side for m in measurements))
    figure, (panels,) = panels_of(1, len(sides) + 1, (4.2 * (len(sides) + 1), 4.4))
    for side, panel in zip(sides, panels, strict=False):
        here = [m for m in measurements if m.side == side]
        for category, colour in COLOURS.items():
            some = [m for m in here if _category(m.kind) == category]
            estimated, expected = ([getattr(m, name) for m in some] for name in ("estimated", "expected"))
            panel.plot(expected, estimated, ".", ms=2, alpha=0.4, color=colour, label=category)
        top = max(max(m.expected, m.estimated) for m in here) * 1.03
        panel.plot([0, top], [0, top], "k-", lw=0.8)
        line = measure_agreement("all", side, "all", here)
        panel.set(xlim=(0, top), ylim=(0, top), aspect="equal", xlabel="lpips-alex")
        panel.set_title(f"{side} x {side}: r {line.pearson:.3f}, rho {line.spearman:.3f}", fontsize=10)
    panels[0].set_ylabel("lpips-mini")
    panels[0].legend(fontsize=7, markerscale=3, loc="upper left")
    _draw_errors(panels[-1], measurements, sides)
    save(figure, path)


def _draw_errors(panel: Any, measurements: Sequence[Measurement], sides: Sequence[int]) -> None:
    """Draw a box plot of the errors for each side of the pictures.

    The box covers the middle half of the errors, and the whiskers reach from the 5th to the 95th percentile.
    """
    differences = [[m.estimated - m.expected for m in measurements if m.side == side] for side in sides]
    panel.boxplot(differences, whis=(5, 95), showfliers=False, tick_labels=[str(side) for side in sides])
    panel.axhline(0, color="k", lw=0.8)
    panel.set(xlabel="side in pixels", ylabel="lpips-mini minus lpips-alex")
    panel.set_title("error by size (boxes 25-75 %, whiskers 5-95 %)", fontsize=10)


def draw_losses(log: Path, path: Path) -> None:
    """Plot the losses of a distillation against the steps. Raises UsageError if matplotlib is missing."""
    figure, ((panel,),) = panels_of(1, 1, (6, 4))
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    for name in ("distance", "maps", "order"):
        panel.plot([line["step"] for line in lines], [line[name] for line in lines], label=name, lw=1)
    panel.set(xlabel="step", ylabel="mean |sqrt(d) - sqrt(d')|", yscale="log")
    panel.legend()
    save(figure, path)


def draw_training(log: Path, path: Path) -> None:
    """Plot the log of a training on votes: the loss for each step, and the agreement for each epoch and subset.

    Raises
    ------
    UsageError
        If matplotlib is missing.
    """
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    loss_lines, agreements = ([line for line in lines if name in line] for name in ("loss", "subsets"))
    figure, ((left, right),) = panels_of(1, 2, (11, 4.4))
    left.plot([line["step"] for line in loss_lines], [line["loss"] for line in loss_lines], color=TONES[0], lw=1)
    left.set(xlabel="step", ylabel="cross-entropy of votes")
    for index, name in enumerate(agreements[0]["subsets"] if agreements else ()):
        shares = [100 * line["subsets"][name] for line in agreements]
        right.plot(
            [line["epoch"] for line in agreements], shares, ".-", color=TONES[index % len(TONES)], label=name, lw=1
        )
    if agreements:
        right.plot(
            [line["epoch"] for line in agreements],
            [100 * line["mean"] for line in agreements],
            "k-",
            label="mean",
            lw=1.6,
        )
        right.legend(fontsize=8)
        right.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="epoch (0: before the first)", ylabel="agreement with votes held out, %")
    save(figure, path)
