"""Find the bitrates of a table that compares codecs.

A method of such a table is an operating point: a codec at one quality setting. Bitrates come from the sizes of files.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from ..defaults import OWN_FILES
from ..errors import Setting, UsageError, shown, some_of
from ..images.reading import read_dimensions
from ..locations import size_and_time
from ..output.text import amount
from ..pairing.table_rows import BadRow, TableRow, read_table_rows
from ..pairing.walk import stem_of
from ..records import Numbers, Pair
from .bjontegaard import Interpolation, check_interpolation

BPP = "bpp"
"""Name of the column with bits per pixel, in a table and in a list of sizes."""


@dataclass(frozen=True, slots=True)
class Bitrates:
    """The bitrates of the images of a table that compares codecs.

    Parameters
    ----------
    codecs
        For each codec, the indices of the methods that are its operating points. The first codec is the anchor, with
        which the other codecs are compared.
    bpp
        Bits per pixel, as an array of methods x images. A value is NaN if the file cannot be read.
    interpolation
        Kind of the curve through the operating points.
    """

    codecs: Mapping[str, Sequence[int]]
    bpp: Numbers
    interpolation: Interpolation = "pchip"

    @property
    def anchor(self) -> str:
        """Name of the codec with which the other codecs are compared."""
        return next(iter(self.codecs))


def check_curves(sizes: Path | str | None, interpolation: Interpolation) -> None:
    """Raise UsageError if a kind of rate curve was chosen, but no sizes of files were given."""
    if sizes is None and interpolation != "pchip":
        raise UsageError(
            Setting("bd", interpolation), ": curves need bitrates; give file sizes with ", Setting("bytes")
        )


def find_bitrates(
    methods: Sequence[str],
    images: Sequence[str],
    pairs: Sequence[Pair],
    sizes: Path | str,
    interpolation: Interpolation = "pchip",
    *,
    max_pixels: int,
) -> Bitrates:
    """Return the bitrates of all images of a table.

    Parameters
    ----------
    methods
        Names of the methods. The method `CODEC@POINT` is an operating point of a codec. A method without @ in its name
        is a codec with a single operating point.
    images
        Names of the images.
    pairs
        Pairs of all images and methods. The pairs of an image follow each other, in the order of the methods.
    sizes
        "files" for the sizes of the compared files, or the path of a list. A list is a table in CSV or JSON lines. Its
        columns are `method`, `name` (the name of the image, with or without suffix), and `bytes` or `bpp`. Rows for
        other methods and images are ignored.
    interpolation
        Kind of the curve through the operating points.
    max_pixels
        Largest number of pixels of an image. An image of the ground truth with more pixels has no bitrate.

    Raises
    ------
    UsageError
        If the list cannot be read, if a size is not a number above 0, or if a size is missing.
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
    """Return the size of the candidate file of a pair in bytes, or NaN if the file cannot be read."""
    with suppress(OSError, ValueError):
        return size_and_time(pair.candidate)[0] or math.nan
    return math.nan


def _count_pixels(pair: Pair, max_pixels: int) -> float:
    """Return the number of pixels of the ground truth as it is stored, or NaN if the file cannot be read.

    Cropping or resizing before the comparison does not change this number.
    """
    size = read_dimensions(pair.reference, max_pixels)
    return math.nan if size is None else math.prod(size)


def _read_list(path: Path, methods: Sequence[str], images: Sequence[str]) -> tuple[Numbers, str]:
    """Return the sizes in a list, as an array of methods x images, and their unit, "bytes" or "bpp"."""
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
                        raise ValueError(f"an earlier row has already stated the size of {shown(name)}")
                    found[place] = value
            except ValueError as error:
                problems.append(f"line {line}: {error}")
    except OSError as error:
        raise UsageError(
            Setting("bytes", str(path)), f": the file cannot be read ({error.strerror or error}); check the path"
        ) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    if problems:
        raise UsageError(f"{shown(path)}: {some_of(problems, separator='; ')}; correct these rows")
    missing = [shown(f"{methods[method]}/{images[image]}") for method, image in np.argwhere(np.isnan(found))]
    if missing:
        count = amount(len(missing), "image")
        raise UsageError(f"{shown(path)} lacks the sizes of {count}: {some_of(missing)}; add these sizes")
    return found, unit


def _size_of_row(row: TableRow | BadRow, unit: str) -> tuple[str, float]:
    """Return the unit and the value of the size in a row.

    `unit` is the unit of the earlier rows, or "" for the first row. Raises ValueError if the row has no valid size, two
    sizes, or another unit.
    """
    if isinstance(row, BadRow):
        raise ValueError(row.what)  # noqa: TRY004  # a value in a file, not an argument
    stated = [name for name in ("bytes", BPP) if row.get(name) not in (None, "")]
    if len(stated) > 1:
        raise ValueError(f"the row has `bytes` and `{BPP}` (give only one of them)")
    own = stated[0] if stated else None
    if own is None or "method" not in row or "name" not in row:
        raise ValueError(f"a column is missing or empty (expected: method, name, and bytes or {BPP})")
    if unit not in ("", own):
        raise ValueError(f"this row has `{own}`, but earlier rows have `{unit}` (give only one of them)")
    try:
        value = float(str(row[own]))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"`{own}` is {shown(row[own])[:40]}, but a number above 0 is expected")
    return own, value
