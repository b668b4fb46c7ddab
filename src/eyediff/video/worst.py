"""Restrict the pictures of a report to the worst frames of a clip. Maps are computed for these frames only."""

from __future__ import annotations

import heapq
from dataclasses import replace

from ..interfaces import Mapper, Viewer
from ..records import Header, Row, Summary, View

KEPT = 6
"""Number of frames with pictures for each metric. The page shows this number of frames side by side.

The pixels of such frames stay in memory. They take 100 MB for three metrics and frames of 1280 x 720 pixels.
"""


class WorstFrames:
    """A viewer that passes only the worst frames of a clip on to another viewer.

    The worst frames are known only at the end of the clip. So this viewer keeps all rows until then, and the pixels of
    the KEPT worst frames for each metric. After the last frame it calls `viewer`.

    Parameters
    ----------
    viewer
        Viewer that makes the pictures.
    mapper
        Engine that computes the maps of the worst frames. None if no maps are needed.
    """

    def __init__(self, viewer: Viewer, mapper: Mapper | None = None) -> None:
        self._viewer, self._mapper = viewer, mapper
        self._rows: list[Row] = []
        self._heaps: dict[str, list[tuple[float, str]]] = {}
        self._views: dict[str, View] = {}

    def open(self, header: Header) -> None:
        self._signs = {name: -1 if higher else 1 for name, higher in header.higher_is_better.items()}
        self._heaps = {name: [] for name in header.metrics}
        self._viewer.open(header)

    def see(self, view: View) -> None:
        """Keep the pixels of a frame if it is one of the worst frames so far.

        Frames that no longer belong to the worst frames are dropped.
        """
        name = view.row.pair.name
        self._views[name] = view
        for metric, score in view.row.scores.items():
            heap = self._heaps[metric]
            heapq.heappush(heap, (self._signs[metric] * score, name))
            if len(heap) > KEPT:
                heapq.heappop(heap)
        kept = {name for heap in self._heaps.values() for _, name in heap}
        self._views = {name: view for name, view in self._views.items() if name in kept}

    def write(self, row: Row) -> None:
        self._rows.append(row)

    def close(self, summary: Summary) -> None:
        try:
            for row in self._rows:
                view = self._views.pop(row.pair.name, None)
                if (
                    view is not None and view.row.pair is row.pair
                ):  # a row with crossed limits is a copy with the same pair
                    self._viewer.see(self._mapped(view))
                self._viewer.write(row)
        finally:
            self._viewer.close(summary)

    def abandon(self) -> None:
        self._viewer.abandon()

    def _mapped(self, view: View) -> View:
        if self._mapper is None:
            return view
        try:
            found = self._mapper.maps(view.reference[None], view.candidate[None])[0]
            return replace(view, map=found, map_identity=self._mapper.map_identity)
        except Exception as error:  # noqa: BLE001  # an engine may raise any error; only the map of this frame is lost
            return replace(view, trouble=f"{type(error).__name__}: {error}")
