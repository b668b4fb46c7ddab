"""Determine how the colours of a video are coded, for the conversion to sRGB pixels.

A stream may have a tag for the matrix that converts RGB to luma and chroma. It may have another tag for the range of
the values. The range is full, or limited to the 8-bit values 16 to 235. If the tag for the matrix is missing, BT.709 is
assumed for frames of at least 720 lines, and BT.601 for smaller frames, as players do. If the tag for the range is
missing, limited range is assumed. The primaries and the transfer function are assumed to be those of sRGB, as for
images without a colour profile. No tone mapping is applied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HD = 720
"""Smallest number of lines at which BT.709 is assumed for a stream without a tag for the matrix."""

MATRICES: Mapping[int, tuple[str, int]] = {  # FFmpeg's number of a matrix -> its name, and its number in swscale
    1: ("BT.709", 1),
    4: ("FCC", 4),
    5: ("BT.601", 5),
    6: ("BT.601", 5),
    7: ("SMPTE 240M", 7),
    9: ("BT.2020", 9),
    10: ("BT.2020", 9),  # BT.2020 with constant luminance, which is not used in practice, is treated as number 9
}

LIMITED, FULL = 1, 2  # FFmpeg's numbers of the two ranges

HDR_TRANSFERS: Mapping[int, str] = {16: "PQ", 18: "HLG"}


@dataclass(frozen=True, slots=True)
class Coding:
    """Description of how the colours of a frame are coded.

    Parameters
    ----------
    rgb
        True if the frame is stored as RGB, so that no conversion is needed.
    depth
        Number of bits of a value.
    matrix, range
        Numbers by which swscale knows the matrix and the range.
    assumed
        Names of the values that are assumed because a tag is missing. Empty if no tag is missing.
    notes
        Remarks for people.
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
    """Return how colours are coded, from the pixel format and the tags of a stream. Unknown tags count as missing.

    Parameters
    ----------
    name
        FFmpeg's name of the pixel format.
    rgb, gray, alpha
        Whether the format is RGB, whether it is gray, and whether it has transparency.
    depth
        Number of bits of a value.
    height
        Number of lines of a stored frame, before it is rotated.
    matrix, span, transfer
        FFmpeg's numbers of the matrix, of the range of values and of the transfer function.
    """
    notes = []
    if transfer in HDR_TRANSFERS:
        notes.append(f"{HDR_TRANSFERS[transfer]} (HDR) values are compared without tone mapping")
    if alpha:
        notes.append("transparency, if there is any, is ignored")  # FFmpeg decodes every GIF with transparency
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
    """Return the value that white has after swscale converted a frame to 16 bits.

    It is 255 << 8 for limited range. For full range, it is the largest value of the format, shifted to 16 bits.
    """
    return float(255 << 8 if found.range == LIMITED else (2**found.depth - 1) << (16 - found.depth))
