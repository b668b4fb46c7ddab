"""The folders in which weights may lie, and the files in them that may be a trunk's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import WeightsError, shown
from .catalogue import Published

Kind: TypeAlias = Literal["EYEDIFF_WEIGHTS", "cache", "torch hub", "package"]


PACKAGE = Path(__file__).parent
"""Folder of the files that ship with the package."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that is searched, and why."""

    kind: Kind
    folder: Path


def offline() -> bool:
    """Whether EYEDIFF_OFFLINE forbids every download."""
    return os.environ.get("EYEDIFF_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def cache() -> Path:
    """Where eyediff keeps weights: EYEDIFF_HOME/weights, or the same in the platform's folder for caches."""
    if home := os.environ.get("EYEDIFF_HOME"):
        return Path(home).expanduser() / "weights"
    from platformdirs import user_cache_path  # noqa: PLC0415 - 20 ms that a set EYEDIFF_HOME saves

    return user_cache_path("eyediff", appauthor=False) / "weights"


def places() -> tuple[Place, ...]:
    """All folders, in the order in which they are searched: EYEDIFF_WEIGHTS, the package, the cache, torch hub's.

    Raises WeightsError where EYEDIFF_WEIGHTS names what is not a folder.
    """
    named = [Path(part).expanduser() for part in os.environ.get("EYEDIFF_WEIGHTS", "").split(os.pathsep) if part]
    for folder in named:
        if not folder.is_dir():
            raise WeightsError(f"EYEDIFF_WEIGHTS names {shown(folder)}, which is not a folder; correct it or unset it")
    return (
        *(Place("EYEDIFF_WEIGHTS", folder) for folder in named),
        Place("package", PACKAGE),
        Place("cache", cache()),
        Place("torch hub", _hub()),
    )


def candidates(entry: Published) -> Iterator[tuple[Place, Path]]:
    """The files that by their name may be a trunk's, in the order of the folders and of its patterns."""
    for place in places():
        seen = set()
        for pattern in entry.hub_names if place.kind == "torch hub" else entry.patterns:
            for path in sorted(place.folder.glob(pattern)):
                if path.is_file() and path not in seen:
                    seen.add(path)
                    yield place, path


def _hub() -> Path:
    """Torch hub's folder of downloads, by torch's own rules: those who used torchvision have the files already."""
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or Path(caches) / "torch").expanduser() / "hub" / "checkpoints"
