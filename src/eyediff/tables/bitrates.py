"""Bitrates of the images of a table: which methods are operating points of one codec, and how long their files are."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from ..errors import Setting, UsageError, shown, some_of
from ..images.reading import read_dimensions
from ..locations import size_and_time
from ..pairing.table_rows import BadRow, TableRow, read_table_rows
from ..pairing.walk import stem_of
from ..records import Numbers, Pair
from .bjontegaard import Interpolation, check_interpolation

BPP = "bpp"
"""Column of a table, and of a list of sizes: bits per pixel of the ground truth."""

OWN_FILES = "files"
"""In place of a list of sizes: the sizes of the compared files."""


@dataclass(frozen=True, slots=True)
class Bitrates:
    """The bitrates of the images of a table.

    Parameters
    ----------
    codecs
        Places of the methods that are operating points of each codec; the first codec is the anchor.
    bpp
        Bits per pixel, methods x images; NaN where a file cannot be read.
    interpolation
        The curve through the operating points.
    """

    codecs: Mapping[str, Sequence[int]]
    bpp: Numbers
    interpolation: Interpolation = "pchip"

    @property
    def anchor(self) -> str:
        """Return the codec that the others are compared with."""
        return next(iter(self.codecs))


def find_bitrates(
    methods: Sequence[str],
    images: Sequence[str],
    pairs: Sequence[Pair],
    sizes: Path | str,
    interpolation: Interpolation = "pchip",
    *,
    max_pixels: int,
) -> Bitrates:
    """Return the bitrates of a table.

    Parameters
    ----------
    methods, images
        Their names. `CODEC@POINT` is an operating point of a codec; a name without @ is a codec with one point.
    pairs
        The pairs of each image, one for each method.
    sizes
        "files", or a list: CSV or JSON lines with the columns `method`, `name` (of the image, with or without suffix)
        and `bytes` or `bpp`. Rows of other methods and images are left out.
    interpolation
        The curve through the operating points.
    max_pixels
        A file that announces more pixels has no bitrate.

    Raises
    ------
    UsageError
        If the list cannot be read, holds no numbers, or lacks a size.
    """
    check_interpolation(interpolation)
    codecs: dict[str, list[int]] = defaultdict(list)
    for place, method in enumerate(methods):
        codecs[method.rpartition("@")[0] or method].append(place)
    if sizes == OWN_FILES:
        found, unit = np.array([_file_bytes(pair) for pair in pairs]).reshape(len(images), len(methods)).T, "bytes"
    else:
        found, unit = _read_list(Path(sizes), methods, images)
    if unit == "bytes":
        pixels = [_count_pixels(pair, max_pixels) for pair in pairs[:: len(methods)]]
        found = found * 8 / np.array(pixels)
    return Bitrates(codecs, found, interpolation)


def _file_bytes(pair: Pair) -> float:
    """Return NaN for a file that cannot be read: its pair fails, and says why."""
    with suppress(OSError, ValueError):
        return size_and_time(pair.candidate)[0] or math.nan
    return math.nan


def _count_pixels(pair: Pair, max_pixels: int) -> float:
    """Return the pixels of the ground truth as it is stored, whatever is cropped or resized before it is scored."""
    size = read_dimensions(pair.reference, max_pixels)
    return math.nan if size is None else math.prod(size)


def _read_list(path: Path, methods: Sequence[str], images: Sequence[str]) -> tuple[Numbers, str]:
    """Return the sizes that a list states, methods x images, and their unit."""
    places = {method: place for place, method in enumerate(methods)}
    stems = Counter(map(stem_of, images))
    named = {stem_of(image): place for place, image in enumerate(images) if stems[stem_of(image)] == 1}
    named |= {image: place for place, image in enumerate(images)}
    found = np.full((len(methods), len(images)), math.nan)
    problems, unit = [], ""
    try:
        for line, row in read_table_rows(path):
            try:
                unit, value = _size_of_row(row, unit)
                method, name = (str(cast(TableRow, row)[column]) for column in ("method", "name"))
                place = places.get(method), named.get(name, named.get(stem_of(name)))
                if None not in place:
                    if not math.isnan(found[place]):
                        raise ValueError(f"the size of {shown(name)} was stated before")
                    found[place] = value
            except ValueError as error:
                problems.append(f"line {line}: {error}")
    except OSError as error:
        raise UsageError(Setting("bytes", str(path)), f": cannot be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    if problems:
        raise UsageError(f"{shown(path)}: {some_of(problems, separator='; ')}; mend these rows")
    missing = [shown(f"{methods[method]}/{images[image]}") for method, image in np.argwhere(np.isnan(found))]
    if missing:
        raise UsageError(f"{shown(path)} lacks the size of {len(missing)} images: {some_of(missing)}; add them")
    return found, unit


def _size_of_row(row: TableRow | BadRow, unit: str) -> tuple[str, float]:
    """Return the unit and the value of a row. Raises ValueError where it states no size."""
    if isinstance(row, BadRow):
        raise ValueError(row.what)  # noqa: TRY004  # a value in a file, not an argument
    own = next((name for name in ("bytes", BPP) if row.get(name) not in (None, "")), None)
    if own is None or "method" not in row or "name" not in row:
        raise ValueError(f"expected the columns method, name and bytes or {BPP}")
    if unit not in ("", own):
        raise ValueError(f"{own} was stated, {unit} before; give one unit")
    try:
        value = float(str(row[own]))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{own} is {shown(row[own])[:40]}, a number above 0 was expected")
    return own, value
