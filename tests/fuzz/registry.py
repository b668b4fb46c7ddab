"""Every target by its name, and its regression files."""

from __future__ import annotations

from pathlib import Path

from . import arguments, headers, metrics, pictures, results, resume, votes, weights
from .target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(room.TARGET for room in (weights, metrics, pictures, resume, results, votes, arguments)),
        *headers.TARGETS,
    )
}

FOUND = Path(__file__).resolve().parents[1] / "attacks" / "found"


def kept(name: str) -> list[Path]:
    """Return the regression files of a target: inputs that were once a finding."""
    return sorted((FOUND / name).glob("*"))
