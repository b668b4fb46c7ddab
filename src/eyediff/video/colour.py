"""Colour coding of video: the conversion of code values to sRGB pixels.

A stream may be tagged with the matrix from RGB to luma and chroma, and with the range: full, or limited (16 to 235 of
8 bits). If a tag is missing, players guess it from the size, and so does this module: BT.709 from 720 lines up, BT.601
below, and limited range. Primaries and transfer are assumed to be those of sRGB, as for images without a profile.
Nothing is tone-mapped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HD = 720
"""Lines from where on a stream that does not say is taken to be BT.709."""

MATRICES: Mapping[int, tuple[str, int]] = {  # FFmpeg's number in a stream -> its name, and swscale's number for it
    1: ("BT.709", 1),
    4: ("FCC", 4),
    5: ("BT.601", 5),
    6: ("BT.601", 5),
    7: ("SMPTE 240M", 7),
    9: ("BT.2020", 9),
    10: ("BT.2020", 9),  # with constant luminance, which nobody encodes; read as the other
}

LIMITED, FULL = 1, 2  # FFmpeg's numbers

HDR_TRANSFERS: Mapping[int, str] = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class Coding:
    """The colour coding of a frame: `matrix` and `range` as numbered by swscale; `depth` in bits.

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
    """Return the coding given by a pixel format called `name` and the tags of its stream, as numbered by FFmpeg.

    `height` is in lines, as stored. Unknown tags are treated as missing.
    """
    notes = []
    if transfer in HDR_TRANSFERS:
        notes.append(f"{HDR_TRANSFERS[transfer]} (HDR) values are compared as they are coded, without tone mapping")
    if alpha:
        notes.append("transparency is left out")
    if rgb or gray:
        return Coding(rgb, depth, MATRICES[5][1], FULL, notes=tuple(notes))
    assumed = []
    if matrix not in MATRICES:
        matrix = 1 if height >= HD else 6
        assumed.append(MATRICES[matrix][0])
    if name.startswith("yuvj"):  # FFmpeg's old way to say it
        span = FULL
    if span not in (LIMITED, FULL):
        span = LIMITED
        assumed.append("limited range")
    return Coding(False, depth, MATRICES[matrix][1], span, ", ".join(assumed), tuple(notes))


def white(found: Coding) -> float:
    """Return white in 16 bits as swscale converts it: 255 << 8 for limited range, the shifted peak for full range."""
    return float(255 << 8 if found.range == LIMITED else (2**found.depth - 1) << (16 - found.depth))
