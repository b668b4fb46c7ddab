"""Determine the colour coding of a video, which the conversion to sRGB pixels needs.

A stream may have a tag for the matrix from RGB to luma and chroma, and a tag for the range: full, or limited (16 to 235
of 8 bits). If a tag is missing, this module guesses it from the size, as players do: BT.709 for 720 lines or more,
BT.601 for fewer lines, and limited range. Primaries and transfer are assumed to be those of sRGB, as for images without
a profile. No tone mapping is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HD = 720
"""Smallest number of lines at which a stream without a tag is treated as BT.709."""

MATRICES: Mapping[int, tuple[str, int]] = {  # FFmpeg's number in a stream -> its name, and swscale's number for it
    1: ("BT.709", 1),
    4: ("FCC", 4),
    5: ("BT.601", 5),
    6: ("BT.601", 5),
    7: ("SMPTE 240M", 7),
    9: ("BT.2020", 9),
    10: ("BT.2020", 9),  # constant luminance, which is not used in practice; read as 9
}

LIMITED, FULL = 1, 2  # FFmpeg's numbers

HDR_TRANSFERS: Mapping[int, str] = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class Coding:
    """The colour coding of a frame. `matrix` and `range` are the numbers of swscale; `depth` is in bits.

    `rgb` is true if no conversion is needed. `assumed` names the assumed values of missing tags; "" if there are none.
    """

    rgb: bool
    depth: int
    matrix: int
    range: int
    assumed: str = ""
    notes: tuple[str, ...] = ()


def coding(
    *, name: str, rgb: bool, gray: bool, alpha: bool, depth: int, height: int, matrix: int, span: int, transfer: int
) -> Coding:
    """Return the coding for the pixel format `name` and the tags of its stream, which are numbers of FFmpeg.

    `height` is in lines, as stored. Unknown tags are treated as missing.
    """
    notes = []
    if transfer in HDR_TRANSFERS:
        notes.append(f"{HDR_TRANSFERS[transfer]} (HDR) values are compared without tone mapping")
    if alpha:
        notes.append("transparency is ignored")
    if rgb or gray:
        return Coding(rgb, depth, MATRICES[5][1], FULL, notes=tuple(notes))
    assumed = []
    if matrix not in MATRICES:
        matrix = 1 if height >= HD else 6
        assumed.append(MATRICES[matrix][0])
    if name.startswith("yuvj"):  # the old names for full range in FFmpeg
        span = FULL
    if span not in (LIMITED, FULL):
        span = LIMITED
        assumed.append("limited range")
    return Coding(False, depth, MATRICES[matrix][1], span, ", ".join(assumed), tuple(notes))


def white(found: Coding) -> float:
    """Return the 16-bit value of white in swscale: 255 << 8 for limited range, the shifted peak for full range."""
    return float(255 << 8 if found.range == LIMITED else (2**found.depth - 1) << (16 - found.depth))
