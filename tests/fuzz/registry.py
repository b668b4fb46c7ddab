"""Every target by its name."""

from __future__ import annotations

from pathlib import Path

from . import arguments, pictures, results, resume, weights
from .target import Target

TARGETS: dict[str, Target] = {
    found.name: found for found in (weights.TARGET, pictures.TARGET, resume.TARGET, results.TARGET, arguments.TARGET)
}

FOUND = Path(__file__).resolve().parents[1] / "attacks" / "found"


def kept(name: str) -> list[Path]:
    """The regression files of a target: inputs that were once a finding."""
    return sorted((FOUND / name).glob("*"))
