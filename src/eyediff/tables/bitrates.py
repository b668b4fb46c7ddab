"""Find the bitrates of a table: the operating points of each codec, and the sizes of their files."""

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
"""Use the sizes of the compared files, instead of a list of sizes."""


@dataclass(frozen=True, slots=True)
class Bitrates:
    """The bitrates of the images of a table.

    Parameters
    ----------
    codecs
        Indices of the methods that are operating points of each codec. The first codec is the anchor.
    bpp
        Bits per pixel, methods x images; NaN if a file cannot be read.
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


def check_curves(sizes: Path | str | None, interpolation: Interpolation) -> None:
    """Raise UsageError if curves are described but there are no sizes."""
    if sizes is None and interpolation != "pchip":
        raise UsageError(Setting("bd", interpolation), ": curves need bitrates; state the sizes by ", Setting("bytes"))


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
        Names of the methods and of the images. `CODEC@POINT` is an operating point of a codec. A name without @ is a
        codec with one point.
    pairs
        One pair for each image and each method, image by image.
    sizes
        "files", or a list: CSV or JSON lines with the columns `method`, `name` (of the image, with or without suffix)
        and `bytes` or `bpp`. Rows for other methods and images are ignored.
    interpolation
        The curve through the operating points.
    max_pixels
        Largest number of pixels of an image. A ground truth with more pixels has no bitrate.

    Raises
    ------
    UsageError
        If the list cannot be read, if a size is not a number, or if a size is missing.
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
    """Return the size of the candidate's file in bytes. If it cannot be read, return NaN; its pair then fails."""
    with suppress(OSError, ValueError):
        return size_and_time(pair.candidate)[0] or math.nan
    return math.nan


def _count_pixels(pair: Pair, max_pixels: int) -> float:
    """Return the number of pixels of the stored ground truth. Cropping and resizing before scoring do not change it."""
    size = read_dimensions(pair.reference, max_pixels)
    return math.nan if size is None else math.prod(size)


def _read_list(path: Path, methods: Sequence[str], images: Sequence[str]) -> tuple[Numbers, str]:
    """Return the sizes from a list, methods x images, and their unit."""
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
        raise UsageError(f"{shown(path)}: {some_of(problems, separator='; ')}; correct these rows")
    missing = [shown(f"{methods[method]}/{images[image]}") for method, image in np.argwhere(np.isnan(found))]
    if missing:
        raise UsageError(f"{shown(path)} lacks the size of {len(missing)} images: {some_of(missing)}; add them")
    return found, unit


def _size_of_row(row: TableRow | BadRow, unit: str) -> tuple[str, float]:
    """Return the unit and the value of a row. Raises ValueError if the row has no valid size."""
    if isinstance(row, BadRow):
        raise ValueError(row.what)  # noqa: TRY004  # a value in a file, not an argument
    own = next((name for name in ("bytes", BPP) if row.get(name) not in (None, "")), None)
    if own is None or "method" not in row or "name" not in row:
        raise ValueError(f"expected the columns method, name and bytes or {BPP}")
    if unit not in ("", own):
        raise ValueError(f"this row has {own}, but earlier rows have {unit}; give one unit")
    try:
        value = float(str(row[own]))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{own} is {shown(row[own])[:40]}, a number above 0 was expected")
    return own, value
