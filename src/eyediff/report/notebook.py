"""Show results in a notebook.

There are a table with thumbnails, maps that appear as pictures, and rows as a pandas DataFrame.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from .. import images
from ..errors import EyediffError, shown
from ..locations import Location
from ..metrics.ops import Array
from ..optional import import_optional
from ..output.schema import pair_cells, pair_columns, pair_layout, plain
from ..output.text import amount, figure, outcome
from ..records import PEAKS, Failure, Header, Row, Summary
from .colormap import indexed_png

SHOWN = 20
"""Largest number of rows in a table.

It limits the size of the notebook file, which stores the tables: the two thumbnails of a row take about 8 kB.
"""

SIDE = 96
"""Length of the longer side of a thumbnail, in pixels."""

_NAME = "padding:0 8px;text-align:left"


class Map(np.ndarray[tuple[int, int], np.dtype[np.float32]]):
    """An H x W array that a notebook shows as a picture. 0 is black, and the largest value is pale yellow.

    In all other respects, it behaves like a plain numpy array, and computations with it return plain arrays.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Apply a ufunc to the arguments as plain arrays. If the argument `out` is given, it is returned as it is."""
        out = options.get("out")
        if out is not None:
            options["out"] = tuple(map(_plain, out))
        found = getattr(ufunc, method)(*map(_plain, inputs), **options)
        return out[0] if out is not None and len(out) == 1 else found

    def _repr_png_(self) -> bytes | None:
        """Return a PNG file of the map for notebooks.

        Return None if the array is not a picture, for example because it is one row of a map.
        """
        if self.ndim != 2 or 0 in self.shape:
            return None
        values = np.nan_to_num(np.asarray(self, np.float32), nan=0.0)
        return indexed_png(values, float(values.max()))


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Map) else value


def as_map(found: Array) -> Map:
    """Return the array as a `Map`, which notebooks show as a picture. The values are not copied."""
    return found.view(Map)


def frame(header: Header, rows: Sequence[Row]) -> Any:
    """Return the rows as a pandas DataFrame with the same columns as CSV results.

    A missing score is NaN. The cells of `error` and `notes` are None if a pair has no error or no notes. Raises
    MissingModuleError if pandas is not installed.
    """
    pandas = import_optional("pandas", "to_pandas()")
    metrics, layout = tuple(header.metrics), pair_layout(header)
    columns = pair_columns(metrics, **layout)
    lines = [[plain(cell) for cell in pair_cells(row, metrics, **layout)] for row in rows]
    table = pandas.DataFrame(lines, columns=[column.name for column in columns], dtype=object)
    return table.astype({"width": "Int64", "height": "Int64"} | dict.fromkeys(header.metrics, "float64"))


def table(header: Header, rows: Sequence[Row], summary: Summary) -> str:
    """Return an HTML table with the first SHOWN rows, the mean of each metric, and the number of unmatched files.

    Text from outside is escaped. The HTML contains thumbnails. The images of the thumbnails are read from their files
    again.
    """
    metrics = "".join(
        _cell(f"{name} {'&uarr;' if header.higher_is_better[name] else '&darr;'}", "th") for name in header.metrics
    )
    lines = [f"<tr><th>reference</th><th>candidate</th>{metrics}<th style='{_NAME}'>pair</th></tr>"]
    lines += [_line(header, row) for row in rows[:SHOWN]]
    if summary.metrics:
        means = [summary.metrics[name].mean if name in summary.metrics else None for name in header.metrics]
        figures = "".join(_cell(f"<b>{figure(mean)}</b>") for mean in means)
        lines.append(f"<tr><td></td><td></td>{figures}<td style='{_NAME}'><b>mean</b></td></tr>")
    return f"<table>{''.join(lines)}</table><p>{escape(_end(rows, summary))}</p>"


def _end(rows: Sequence[Row], summary: Summary) -> str:
    parts = outcome(summary)
    parts += [f"{amount(len(summary.unmatched), 'file')} without a partner"] if summary.unmatched else []
    parts += [f"the first {SHOWN} are shown"] if len(rows) > SHOWN else []
    return ", ".join(parts)


def _line(header: Header, row: Row) -> str:
    pictures = "".join(f"<td>{_thumbnail(path)}</td>" for path in (row.pair.reference, row.pair.candidate))
    figures = "".join(_cell(figure(row.scores.get(name))) for name in header.metrics)
    said = shown(row.pair.name)
    if isinstance(row, Failure):
        said += f" failed ({row.stage}): {shown(row.message)}"
    elif row.reasons:
        said += f" {shown(row.message)}"
    said += "".join(f" ({shown(note)})" for note in row.notes)
    return f"<tr>{pictures}{figures}<td style='{_NAME}'>{escape(said)}</td></tr>"


def _cell(inside: str, tag: str = "td") -> str:
    return f"<{tag} style='padding:0 8px;text-align:right;font-variant-numeric:tabular-nums'>{inside}</{tag}>"


def _thumbnail(path: Location) -> str:
    """Return an HTML element with a thumbnail of an image, or an empty text if the file cannot be read."""
    try:
        pixels = images.read(path).pixels
    except EyediffError:
        return ""
    levels: npt.NDArray[np.uint8] = np.rint(pixels * np.float32(255 / PEAKS[pixels.dtype])).astype(np.uint8)
    picture = PILImage.fromarray(levels)
    picture.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=85)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<img src="data:image/webp;base64,{data}" width="{picture.width}" height="{picture.height}" alt="">'
