"""Pass scored pairs to viewers while the pixels are in memory. Viewers make pictures of the pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..images import composites, fit
from ..interfaces import Mapper, Viewer
from ..records import Failure, Mask, Pixels, Row, View
from ..scoring.batches import Observe
from ..scoring.loading import Loaded, describe_error

_Map: TypeAlias = npt.NDArray[np.float32] | None


def create_observer(viewers: Sequence[Viewer], mapper: Mapper | None) -> Observe | None:
    """Return a function that passes a scored pair and its map to all viewers. Return None if there are no viewers."""

    def show(loaded: Loaded, row: Row) -> None:
        try:
            view = view_of(loaded, row, mapper)
        except Exception:  # for example, the two images together may be too large
            if not isinstance(row, Failure):
                raise
            return  # the row has the reason for which the pair failed
        for viewer in viewers:
            viewer.see(view)

    return show if viewers else None


def view_of(loaded: Loaded, row: Row, mapper: Mapper | None) -> View:
    """Return the compared pixels of a pair and their difference map.

    If the map cannot be computed, the view has the reason. A pair that failed has no map. If its images differ in size,
    they are padded to the same size.
    """
    if isinstance(row, Failure):
        first, second = fit(loaded.reference, loaded.candidate, "pad")
        loaded, mapper = replace(loaded, reference=first, candidate=second), None
    pairs = composites(loaded.reference, loaded.candidate)
    maps: list[_Map] = [None] * len(pairs)
    trouble = None
    if mapper is not None:
        try:
            maps = [_map(mapper, *pair, loaded.counted) for pair in pairs]
        except Exception as error:  # noqa: BLE001  # an engine may raise any error; only the map of this pair is lost
            trouble = describe_error(error)
    identity = 0.0 if mapper is None else mapper.map_identity
    extents = (loaded.reference.extent, loaded.candidate.extent)
    views = [
        View(row, *pair, found, trouble, identity, extents, loaded.frame)
        for pair, found in zip(pairs, maps, strict=True)
    ]
    return max(views, key=_weight) if len(views) > 1 else views[0]


def _map(mapper: Mapper, a: Pixels, b: Pixels, counted: Mask | None) -> npt.NDArray[np.float32]:
    (found,) = mapper.maps(a[None], b[None])
    if found.shape != a.shape[:2] or not np.isfinite(found).all():
        raise ValueError(
            f"the map has the shape {found.shape} instead of {a.shape[:2]}, or contains values that are not finite"
        )
    plane: npt.NDArray[np.float32] = found
    return plane if counted is None else np.where(counted, plane, np.float32(mapper.map_identity))


def _weight(view: View) -> float:
    """Return how much the two images of a view differ on average, from the map or, without a map, from the pixels."""
    differing = view.difference_map
    if differing is None:
        differing = np.abs(view.reference.astype(np.float32) - view.candidate)
    return float(differing.mean())
