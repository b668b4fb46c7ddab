"""Store rows and pictures on the disk during a run, and write the HTML page from them at the end."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .. import defaults
from ..errors import OutputError, shown
from ..output.atomic_write import output_error
from ..output.schema import header_record, json_value, number, verdict_of
from ..output.summary import summary_record
from ..records import Failure, Header, Row, Summary, View
from .colormap import INFERNO, map_title
from .document import block, embedded, frame
from .page_files import Place, check_report_path
from .pictures import Pictures, full_size, pictures
from .render_pool import RenderPool

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class About:
    """Information about a run that its header does not contain.

    `expected` is the number of pairs (None if unknown), which limits the size of the pictures in the page. `mapped` is
    the metric of the maps, and `map_identity` is the value of a map where images are equal. `extras` are copied into
    the data of the page for parts of the page that need them. `limits` are the limits of pairs, by metric. `asked` is
    true if the run has limits of pairs, limits of means, or an earlier run to compare with. Only then does the page say
    PASS if the run passed.
    """

    title: str
    expected: int | None = None
    mapped: str | None = None
    extras: Mapping[str, object] = field(default_factory=dict)
    map_identity: float = 0.0
    limits: Mapping[str, float] = field(default_factory=dict)
    asked: bool = False


class PageSink:
    """A viewer that writes the HTML page of a run.

    Rows and pictures are stored in temporary files without a name. So the use of memory does not depend on the number
    of pairs, and a crash leaves no files.

    Parameters
    ----------
    path
        HTML file, or folder for the page and pictures of full size; see `page_files.Place`.
    about
        Information about the run for the page.

    Raises
    ------
    OutputError
        All methods raise it if a file cannot be written.
    UsageError
        The constructor raises it if the path is that of another kind of file; see `page_files.check_report_path`.
    """

    def __init__(self, path: Path, about: About) -> None:
        check_report_path(path)
        self._path, self._about = path, about
        self.page = path

    def open(self, header: Header) -> None:
        """Prepare the files, and check that the page can be written."""
        self._header = header
        self._place = Place(self._path)
        self.page = self._place.page
        self._budget = defaults.PAGE_BYTES // (2 * max(1, self._about.expected or defaults.PAGE_PAIRS))
        self._numbers: dict[str, int] = {}
        self._troubles: dict[str, str] = {}
        self._peak = 0.0
        try:
            self._rows, self._pictures = (_Spool(self._place.page.parent) for _ in range(2))
        except BaseException:
            self._place.give_up()
            self._place.release()
            raise
        self._renders = RenderPool(self._make, self._keep)

    def see(self, view: View) -> None:
        """Queue a pair, so that a thread makes its pictures."""
        name = view.row.pair.name
        self._numbers[name] = self._renders.count
        if view.trouble is not None:
            self._troubles[name] = view.trouble
        self._renders.add(view)

    def _make(self, view: View, number: int) -> Pictures | str:
        """Return the pictures of a pair, or a text for the page that says why there are none."""
        try:
            if self._place.pictures is not None:
                for name, data in full_size(view).items():
                    self._place.put(f"{number:06}-{name}.png", data)
            return pictures(view, self._budget)
        except OutputError:
            raise
        except Exception as error:  # noqa: BLE001  # an image library may raise any error, or memory may run out
            return f"{type(error).__name__}: {error}"

    def _keep(self, view: View, found: Pictures | str) -> None:
        if isinstance(found, str):
            self._pictures.add(embedded({"trouble": shown(found)}))
            return
        self._peak = max(self._peak, found.peak)
        files = [found.reference, found.candidate, found.difference, *([] if found.map is None else [found.map])]
        record = {"size": [found.width, found.height], "exact": found.exact, "peak": found.peak}
        record["pixels"] = list(view.reference.shape[1::-1])
        self._pictures.add(embedded(record | {"files": [base64.b64encode(file).decode() for file in files]}))

    def write(self, row: Row) -> None:
        """Store the row of one pair."""
        name = row.pair.name
        present = {metric: number(score) for metric, score in row.scores.items()}
        scores = [present.get(metric) for metric in self._header.metrics] if present else None
        notes = [*row.notes]
        if trouble := self._troubles.pop(name, None):
            notes.append(f"no map: {trouble}")
        border = self._header.conventions.crop_border  # the pictures of the page are without it
        record: list[object] = [
            shown(name),
            shown(row.pair.reference),
            shown(row.pair.candidate),
            row.width,
            row.height,
            scores,
            [row.stage, shown(row.message)] if row.message or isinstance(row, Failure) else None,
            [shown(note) for note in notes],
            self._numbers.pop(name, None),
            json_value({metric: [region.translate(-border) for region in of] for metric, of in row.regions.items()}),
            [[found.metric, number(found.limit)] for found in row.crossed],
            verdict_of(row),
        ]
        self._rows.add(embedded(record))

    def close(self, summary: Summary) -> None:
        """Write the page with all rows that were stored."""
        try:
            try:
                self._renders.finish()
                self._place.write(self._page(summary), finished=not summary.interrupted)
            except BaseException:
                self._place.give_up()
                raise
        finally:
            self._renders.stop()
            self._rows.close()
            self._pictures.close()
            self._place.release()

    def abandon(self) -> None:
        """Remove the files that the run has written, and keep the page of an earlier run."""
        self._renders.stop()
        self._rows.close()
        self._pictures.close()
        self._place.give_up()
        self._place.release()

    def _page(self, summary: Summary) -> Iterator[bytes]:
        before, after = frame(
            f"{shown(self._about.title)} - eyediff", self._header.eyediff, self._place.pictures is not None
        )
        yield before.encode()
        yield block("data", embedded(self._data(summary))).encode()
        for name, spool in (("rows", self._rows), ("pictures", self._pictures)):
            start, end = block(name, "\0").split("\0")
            yield start.encode()
            yield from spool.chunks()
            yield end.encode()
        yield after.encode()

    def _data(self, summary: Summary) -> dict[str, object]:
        pictures = self._place.pictures
        return {
            **header_record(self._header),
            "alpha": self._header.alpha,
            "title": shown(self._about.title),
            "higher": [self._header.higher_is_better[name] for name in self._header.metrics],
            "summary": summary_record(summary),
            "unmatched": [[file.side, shown(file.path)] for file in summary.unmatched],
            "limits": {name: number(limit) for name, limit in self._about.limits.items()},
            "asked": self._about.asked,
            "verdict": summary.verdict,
            "reasons": [shown(reason) for reason in (*summary.regressions, *summary.gaps)],
            "mapped": self._about.mapped,
            "mapTitle": map_title(self._about.mapped or "", self._about.map_identity),
            "peak": self._peak,
            "colours": INFERNO,
            "folder": None if pictures is None else pictures.name,
            "extras": dict(self._about.extras),
        }


class _Spool:
    """A JSON array that is stored in a temporary file without a name. Elements are appended to it one by one."""

    def __init__(self, folder: Path) -> None:
        self._name = f"a temporary file in {shown(folder)}"
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # closed by `close`
        except OSError as error:
            raise output_error(self._name, error) from error
        self._between = b"["

    def add(self, item: str) -> None:
        """Append one element, given as JSON text."""
        try:
            self._file.write(self._between + item.encode())
        except OSError as error:
            raise output_error(self._name, error) from error
        self._between = b",\n"

    def chunks(self) -> Iterator[bytes]:
        """Yield the complete array as chunks of bytes."""
        try:
            self._file.seek(0)
            if self._between == b"[":
                yield b"["
            while chunk := self._file.read(_CHUNK):
                yield chunk
        except OSError as error:
            raise output_error(self._name, error) from error
        yield b"]"

    def close(self) -> None:
        """Delete the file. An error of its last write does not matter then."""
        with suppress(OSError):
            self._file.close()
