"""Write a table as an HTML page. The page shows the means, and the images of all methods beside the ground truth."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import defaults
from ..errors import shown
from ..output.schema import number
from ..records import Failure, Header, Numbers, Row, Summary, View
from ..report.document import block, embedded, frame
from ..report.page_files import Place
from ..report.pictures import eight_bits, webp
from ..report.render_pool import RenderPool
from .formats import PrintedTable, describe_notes, name_metric, printed_tables
from .means import TableData
from .methods import TablePlan


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The WebP pictures of one pair: the ground truth and the image of a method.

    The ground truth is None for all methods but the first, because it is stored only once. `exact` is True if the
    pictures show exactly the compared pixels.
    """

    size: tuple[int, int]
    exact: bool
    files: tuple[bytes | None, bytes]


class TablePage:
    """A viewer that keeps the pictures of a table during the run, and writes the page afterwards.

    All pictures together take at most about `defaults.PAGE_BYTES` bytes. So pictures are smaller if a table has more
    images. All methods raise OutputError if a file cannot be written.
    """

    def __init__(self, path: Path, plan: TablePlan) -> None:
        self._path, self._plan = path, plan
        images, methods = len(plan.images), len(plan.methods)
        self._budget = defaults.PAGE_BYTES // (images * (methods + 1))
        self._places = {pair.name: place for place, pair in enumerate(plan.run.pairs)}
        self._pictures: dict[int, _Pictures] = {}
        self._frames: dict[int, int | None] = {}
        self._reference: set[int] = set()

    def open(self, header: Header) -> None:
        """Prepare the files, and check that the page can be written."""
        self._header = header
        self._place = Place(self._path)
        self.page = self._place.page
        self._renders: RenderPool[tuple[int, _Pictures]] = RenderPool(self._make, self._keep)
        self._order: list[tuple[int, bool]] = []

    def see(self, view: View) -> None:
        """Queue a pair, so that a thread makes its pictures. The ground truth is rendered once for all methods."""
        if isinstance(view.row, Failure):
            return
        place = self._places[view.row.pair.name]
        image = place // len(self._plan.methods)
        self._order.append((place, image not in self._reference))
        self._reference.add(image)
        self._frames[place] = view.frame
        self._renders.add(view)

    def _make(self, view: View, count: int) -> tuple[int, _Pictures]:
        place, first = self._order[count]
        candidate, size, exact = webp(eight_bits(view.candidate), self._budget)
        reference = webp(eight_bits(view.reference), self._budget)[0] if first else None
        return place, _Pictures(size, exact, (reference, candidate))

    def _keep(self, view: View, found: tuple[int, _Pictures]) -> None:  # noqa: ARG002  # the pool passes the view
        place, pictures = found
        self._pictures[place] = pictures

    def write(self, row: Row) -> None:
        """Do nothing, because `write_table` receives the scores."""

    def close(self, summary: Summary) -> None:
        """Wait until all pictures are made. If the run was interrupted, remove them, because no page is written."""
        try:
            self._renders.finish()
        except BaseException:
            self.abandon()
            raise
        self._renders.stop()
        if summary.interrupted:
            self._place.give_up()
            self._place.release()

    def abandon(self) -> None:
        """Remove the files that the run has written, and keep the page of an earlier run."""
        self._renders.stop()
        self._place.give_up()
        self._place.release()

    def write_table(self, table: TableData, scores: Mapping[str, Numbers], title: str) -> None:
        """Write the page. This method is called once, after the run."""
        try:
            self._place.write(self._page(table, scores, title), finished=True)
        except BaseException:
            self._place.give_up()
            raise
        finally:
            self._place.release()

    def _page(self, table: TableData, scores: Mapping[str, Numbers], title: str) -> Iterator[bytes]:
        before, after = frame(
            f"{shown(title)} - eyediff",
            self._header.eyediff,
            beside=False,
            scripts=("methods.js",),
            styles=("base.css", "methods.css"),
        )
        yield before.encode()
        yield block("data", embedded(self._data(table, scores, title))).encode()
        start, end = block("pictures", "\0").split("\0")
        yield start.encode()
        for image in range(len(self._plan.images)):
            yield (("," if image else "[") + embedded(self._files(image))).encode()
        yield (("]" if self._plan.images else "[]") + end).encode()
        yield after.encode()

    def _of_methods(self, image: int) -> range:
        """Return the indices in the plan of the pairs of an image."""
        return range(image * len(self._plan.methods), (image + 1) * len(self._plan.methods))

    def _files(self, image: int) -> dict[str, object]:
        """Return the pictures of an image: the ground truth, then each method; None for a missing picture.

        The ground truth of an animation is missing if the methods have different worst frames.
        """
        own = [self._pictures.get(place) for place in self._of_methods(image)]
        reference = next((found.files[0] for found in own if found is not None and found.files[0] is not None), None)
        frames = {self._frames[place] for place in self._of_methods(image) if place in self._frames}
        files = [reference if len(frames) == 1 else None, *(None if found is None else found.files[1] for found in own)]
        known = [found for found in own if found is not None]
        return {
            "size": known[0].size if known else None,
            "exact": all(found.exact for found in known),
            "files": [None if file is None else base64.b64encode(file).decode() for file in files],
        }

    def _data(self, table: TableData, scores: Mapping[str, Numbers], title: str) -> dict[str, object]:
        return {
            "eyediff": self._header.eyediff,
            "title": shown(title),
            "methods": [shown(method) for method in table.methods],
            "metrics": [shown(name_metric(metric)) for metric in scores],
            "overall": [_printed(printed) for printed in printed_tables(table, [table.overall])],
            "groups": [_printed(printed) for printed in printed_tables(table, table.groups)],
            "notes": [shown(note) for note in describe_notes(table, "†")],
            "images": [
                {
                    "name": shown(name),
                    "frames": [self._frames.get(found) for found in self._of_methods(place)],
                    "scores": [
                        [_score(values[method, place]) for values in scores.values()]
                        for method in range(len(table.methods))
                    ],
                }
                for place, name in enumerate(self._plan.images)
            ],
        }


def _score(value: float) -> float | str | None:
    return None if math.isnan(value) else number(float(value))


def _printed(printed: PrintedTable) -> dict[str, object]:
    cells = [[[entry.text, entry.rank, entry.differs is False] for entry in row] for _, row in printed.rows]
    return {
        "title": printed.caption,
        "corner": printed.corner.title(),
        "headings": printed.headings(lambda column: shown(name_metric(column))),
        "rows": [[shown(name), row] for (name, _), row in zip(printed.rows, cells, strict=True)],
    }
