"""Pairs that have their scores, shown to those who make pictures of them while the pixels are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..images import grounds
from ..interfaces import Mapper, Viewer
from ..records import Pixels, ScoredPair, View
from ..scoring.batches import Observe
from ..scoring.loading import Loaded, describe_error

_Map: TypeAlias = npt.NDArray[np.float32] | None


def shower(viewers: Sequence[Viewer], mapper: Mapper | None) -> Observe | None:
    """What shows a pair to all; None where there is nobody to see it, and files need not be read for that."""

    def show(loaded: Loaded, row: ScoredPair) -> None:
        view = view_of(loaded, row, mapper)
        for viewer in viewers:
            viewer.see(view)

    return show if viewers else None


def view_of(loaded: Loaded, row: ScoredPair, mapper: Mapper | None) -> View:
    """The pixels as compared, and their map. A mapper that gives up leaves the scores as they are, and says why."""
    pairs = grounds(loaded.reference, loaded.candidate)
    maps: list[_Map] = [None] * len(pairs)
    trouble = None
    if mapper is not None:
        try:
            maps = [_map(mapper, *pair) for pair in pairs]
        except Exception as error:  # noqa: BLE001  # a runtime raises what it likes; it costs this pair its map alone
            trouble = describe_error(error)
    worst = max(range(len(pairs)), key=lambda i: _weight(*pairs[i], maps[i])) if len(pairs) > 1 else 0
    return View(row, *pairs[worst], maps[worst], trouble)


def _map(mapper: Mapper, a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
    (found,) = mapper.maps(a[None], b[None])
    if found.shape != a.shape[:2] or not np.isfinite(found).all():
        raise ValueError(f"the map is of shape {found.shape}, or holds what is no number")
    plane: npt.NDArray[np.float32] = found
    return plane


def _weight(a: Pixels, b: Pixels, found: _Map) -> float:
    """How much two images differ on a ground, to choose one: by the map, or without one by the pixels."""
    return float(np.abs(a.astype(np.float32) - b).mean() if found is None else found.mean())
