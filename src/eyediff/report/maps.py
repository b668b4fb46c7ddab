"""Write difference maps as files: PNG files, in which all maps of a run share one colour scale, or .npy files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np

from ..errors import OutputError, shown
from ..locations import real_path
from ..output.atomic_write import (
    atomic_path,
    is_part,
    make_folders,
    output_error,
    part_path,
    remove_folders,
    remove_parts,
    restore,
)
from ..output.files import Lock
from ..output.schema import encodable
from ..output.unique_names import Names
from ..records import Failure, Header, Row, ScoredPair, Summary, View
from .colormap import indexed_png, legend, map_title, recoloured
from .render_pool import RenderPool
from .stale_maps import EARLIER, clear, listed, stale

INDEX, LEGEND = "maps.json", "legend.png"


@dataclass(frozen=True, slots=True)
class _MapFiles:
    """The map files of a pair: their name without a suffix, and the largest value and the mean value of the map."""

    name: str
    peak: float
    mean: float


class MapsSink:
    """A viewer that writes the difference map of each pair to a file in a folder. The file has the name of the pair.

    A PNG file has the size of the images. All PNG files of a run share one colour scale, which goes from 0 to the
    largest value of all maps. This value is known only at the end of the run. So each PNG file is first written under a
    temporary name, with 256 colours over the range of its own map. At the end, the file gets the palette of the shared
    scale, and its final name. The file `legend.png` shows the scale. The file `maps.json` has the two ends of the scale
    and the names of the files of each pair.

    An .npy file has the values of the map as float32. For a similarity such as SSIM, the PNG files and the numbers in
    `maps.json` show 1 minus the value of the map.

    The folder must be new or empty, or have the `maps.json` of an earlier run. A run that finishes removes those files
    of earlier runs that it did not replace. If a run is interrupted, its `maps.json` lists these files under `earlier`.

    All methods raise OutputError if a file cannot be written. `missing` is the number of pairs that have scores but no
    map.
    """

    def __init__(self, folder: Path, metric: str, formats: Sequence[str] = ("png",), map_identity: float = 0.0) -> None:
        self.folder, self.metric, self._formats = folder, metric, tuple(formats)
        self._title = map_title(metric, map_identity)
        self.missing = 0

    def open(self, header: Header) -> None:
        """Make the folder, and write a `maps.json` that marks the run as unfinished."""
        self._header = header
        self._names = Names([f".{kind}" for kind in self._formats], [LEGEND, INDEX])
        self._given: dict[int, str] = {}
        self._mapped: set[str] = set()
        self._made: dict[str, _MapFiles] = {}
        self._troubles: dict[str, str] = {}
        self._entries: list[dict[str, object]] = []
        self._peak = 0.0
        try:
            self.folder = real_path(self.folder)
            earlier = (self.folder / INDEX).is_file() or not self.folder.exists()
            if not earlier and (not self.folder.is_dir() or any(map(_is_foreign, self.folder.iterdir()))):
                raise OutputError(f"{shown(self.folder)} holds files that are not maps of eyediff; give a new folder")
            self._folders = make_folders(self.folder)
            self._lock = Lock(self.folder / INDEX)
            self._token = uuid4().hex
            for folder, _, _ in os.walk(self.folder):
                remove_parts(Path(folder))
        except OSError as error:
            raise output_error(self.folder, error) from error
        self._index_before = (self.folder / INDEX).read_bytes() if (self.folder / INDEX).exists() else None
        self._earlier = listed(self.folder / INDEX)
        self._renders = RenderPool(self._make, self._keep)
        try:
            self._write_index(finished=False)
        except BaseException:
            self.abandon()
            raise

    def see(self, view: View) -> None:
        """Queue the map of a pair, so that a thread writes its files. Do nothing for a pair that failed."""
        if isinstance(view.row, Failure):
            return
        if view.map is None:
            self._troubles[view.row.pair.name] = view.trouble or "no map was computed for the pair"
            return
        self._mapped.add(view.row.pair.name)
        self._given[self._renders.count] = self._names.give(view.row.pair.name)
        self._renders.add(view)

    def _make(self, view: View, number: int) -> _MapFiles:
        found, name = view.map, self._given.pop(number)
        if found is None:
            raise TypeError("the view has no map")
        shown_map = found if view.difference_map is None else view.difference_map
        peak = float(shown_map.max())
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.parent.resolve().is_relative_to(self.folder):
                raise OutputError(
                    f"{shown(path.parent)} is a link to a place outside {shown(self.folder)}; remove this link"
                )
            if "npy" in self._formats:
                with atomic_path(_with(path, ".npy"), forced=False) as part, part.open("wb") as file:
                    np.save(file, found, allow_pickle=False)
            if "png" in self._formats:
                self._part(path).write_bytes(indexed_png(shown_map, peak))
        except OSError as error:
            raise output_error(path, error) from error
        return _MapFiles(name, peak, float(shown_map.mean(dtype=np.float64)))

    def _keep(self, view: View, made: _MapFiles) -> None:
        self._made[view.row.pair.name] = made
        self._peak = max(self._peak, made.peak)

    def write(self, row: Row) -> None:
        """Add one pair to the entries of `maps.json`."""
        if isinstance(row, ScoredPair):
            self._entries.append({"pair": row.pair.name, "width": row.width, "height": row.height})
            self.missing += row.pair.name not in self._mapped
        else:
            self._entries.append({"pair": row.pair.name, "error": row.message})

    def close(self, summary: Summary) -> None:
        """Colour all PNG files with the shared scale, and write `legend.png` and `maps.json`."""
        try:
            self._renders.finish()
            for made in self._made.values():
                self._colour(made)
            self._replace(LEGEND, legend(self._peak, self._title))
            written = (self.folder / f"{made.name}.{kind}" for made in self._made.values() for kind in self._formats)
            self._earlier = stale(self.folder, self._earlier, written)
            if not summary.interrupted:
                clear(self.folder, self._earlier)
                self._earlier = []
            self._write_index(finished=not summary.interrupted)
        finally:
            self._renders.stop()
            self._lock.release()

    def abandon(self) -> None:
        """Restore the `maps.json` of the earlier run, and remove the folders that this run made."""
        self._renders.stop()
        try:
            restore(self.folder / INDEX, self._index_before)
        finally:
            self._lock.release()
            remove_folders(self._folders)

    def _colour(self, made: _MapFiles) -> None:
        if "png" not in self._formats:
            return
        path = self.folder / made.name
        with atomic_path(_with(path, ".png"), self._part(path), forced=False) as part, part.open("r+b") as file:
            recoloured(file, made.peak / self._peak if self._peak > 0 else 0.0)

    def _part(self, path: Path) -> Path:
        """Return the path of the temporary PNG file, which does not have its final palette yet."""
        return part_path(_with(path, ".png"), self._token)

    def _write_index(self, *, finished: bool) -> None:
        index: dict[str, object] = {
            "eyediff": self._header.eyediff,
            "metric": self.metric,
            "version": self._header.metrics[self.metric].version,
            "colours": "inferno",
            "scale": [0, self._peak],
            "finished": finished,
            "maps": [self._described(entry) for entry in self._entries],
        }
        if self._earlier:
            index[EARLIER] = self._earlier
        self._replace(INDEX, json.dumps(index, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))

    def _described(self, entry: dict[str, object]) -> dict[str, object]:
        pair = str(entry["pair"])
        named = entry | {"pair": encodable(pair)}
        made = self._made.get(pair)
        if made is not None:
            files = {kind: encodable(f"{made.name}.{kind}") for kind in self._formats}
            return named | files | {"max": made.peak, "mean": made.mean}
        if "error" not in entry:
            return named | {"error": self._troubles.get(pair, "its files could not be read again")}
        return named

    def _replace(self, name: str, data: bytes) -> None:
        with atomic_path(self.folder / name) as part:
            part.write_bytes(data)


def _is_foreign(entry: Path) -> bool:
    """Return whether eyediff did not make this file.

    If a folder has no `maps.json`, an earlier run can have left only its lock and temporary files there.
    """
    return entry.name != f"{INDEX}.lock" and not is_part(entry.name, INDEX)


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
