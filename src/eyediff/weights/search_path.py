"""Find the folders in which weights are searched, and the files in them that may have the weights of a backbone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import WeightsError
from .catalogue import PublishedWeights

FolderKind: TypeAlias = Literal["EYEDIFF_WEIGHTS", "cache", "torch hub", "package"]


PACKAGE = Path(__file__).parent
"""Folder with the weights files that are part of the package."""


@dataclass(frozen=True, slots=True)
class WeightsFolder:
    """A folder in which weights are searched. `kind` says why it is searched."""

    kind: FolderKind
    folder: Path


def is_offline() -> bool:
    """Return whether EYEDIFF_OFFLINE forbids every download."""
    return os.environ.get("EYEDIFF_OFFLINE", "").strip().lower() not in ("", "0", "false", "no", "off")


def cache_folder() -> Path:
    """Return the folder for downloaded weights: EYEDIFF_HOME/weights, or `weights` in the user's cache folder."""
    if home := os.environ.get("EYEDIFF_HOME"):
        return Path(home).expanduser() / "weights"
    from platformdirs import user_cache_path  # noqa: PLC0415 - it takes 20 ms and is not needed with EYEDIFF_HOME

    return user_cache_path("eyediff", appauthor=False) / "weights"


def search_folders() -> tuple[WeightsFolder, ...]:
    """Return all folders in which weights are searched, in this order: EYEDIFF_WEIGHTS, the package, cache, torch hub.

    Raises
    ------
    WeightsError
        If the path in EYEDIFF_WEIGHTS is not a folder.
    """
    folders = [Path(part).expanduser() for part in os.environ.get("EYEDIFF_WEIGHTS", "").split(os.pathsep) if part]
    for folder in folders:
        if not folder.is_dir():
            raise WeightsError(
                f"EYEDIFF_WEIGHTS is {str(folder)!r}, which is not a folder; correct EYEDIFF_WEIGHTS, or unset it"
            )
    return (
        *(WeightsFolder("EYEDIFF_WEIGHTS", folder) for folder in folders),
        WeightsFolder("package", PACKAGE),
        WeightsFolder("cache", cache_folder()),
        WeightsFolder("torch hub", _torch_hub_folder()),
    )


def candidate_files(entry: PublishedWeights) -> Iterator[tuple[WeightsFolder, Path]]:
    """Yield the files whose names fit the weights of a backbone.

    They are in the order in which the folders are searched and, within a folder, in the order of the name patterns.
    """
    for location in search_folders():
        seen = set()
        for pattern in entry.hub_names if location.kind == "torch hub" else entry.patterns:
            for path in sorted(location.folder.glob(pattern)):
                if path.is_file() and path not in seen:
                    seen.add(path)
                    yield location, path


def _torch_hub_folder() -> Path:
    """Return the folder into which torch hub downloads files, by the rules of torch.

    People who use torchvision may already have the weights in this folder.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("TORCH_HOME") or Path(caches) / "torch").expanduser() / "hub" / "checkpoints"
