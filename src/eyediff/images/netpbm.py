"""Read PGM and PPM files with more than 8 bits, which Pillow cuts or scales, and PFM files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import shown
from .formats import FileInfo, UnsupportedImage
from .planes import DecodedImage

_COLOURS = (b"P3", b"P6", b"PF")
_TEXTS = (b"P1", b"P2", b"P3")
_BILEVEL = (b"P1", b"P4")
_FLOATS = (b"Pf", b"PF")
_DEEPEST = 65535
_LONGEST_TOKEN = 10
_LONGEST_SCALE = 32
_LONGEST_COMMENTS = 1 << 20
_LONGEST_SAMPLE = 8
"""Largest number of bytes of a text sample: five digits, white space, and a share of the comments."""

_NO_NUMBER = re.compile(rb"[^0-9\s]")


@dataclass(frozen=True, slots=True)
class NetpbmHeader:
    """The header of a PBM, PGM, PPM or PFM. The samples begin at byte `start`.

    `white` is the value of white. It is 1 for a PFM, whose floats have no known range.
    """

    kind: bytes
    width: int
    height: int
    white: int
    start: int
    little: bool = False

    @property
    def channels(self) -> int:
        """Number of samples of a pixel."""
        return 3 if self.kind in _COLOURS else 1

    @property
    def is_text(self) -> bool:
        """True if the samples are written as text, not as bytes."""
        return self.kind in _TEXTS

    @property
    def nbytes(self) -> int:
        """Number of bytes of the samples. For text samples, it is the smallest possible number."""
        if self.kind == b"P4":
            return (self.width + 7) // 8 * self.height
        count = self.width * self.height * self.channels
        return 2 * count - 1 if self.is_text else count * self.sample.itemsize

    @property
    def sample(self) -> np.dtype[np.generic]:
        """Data type of a sample that is stored as bytes."""
        if self.kind in _FLOATS:
            return np.dtype("<f4" if self.little else ">f4")
        return np.dtype(">u2" if self.white > 255 else "u1")


def inspect(file: BinaryIO) -> FileInfo:
    """Read the depth, and whether another picture follows. Raises UnsupportedImage for a damaged header."""
    header = read_header(file)
    floats = header.kind in _FLOATS
    bits = 32 if floats else 16 if header.white > 255 else 8
    return FileInfo(bits=bits, floats=floats, more=_is_followed(file, header))


def _is_followed(file: BinaryIO, header: NetpbmHeader) -> bool:
    """Return whether another picture follows one that is stored as bytes. The tools of netpbm can write several."""
    if header.is_text or file.seek(0, os.SEEK_END) - header.start <= header.nbytes:
        return False
    file.seek(header.start + header.nbytes)
    return file.read(3).lstrip()[:1] == b"P"


def read_header(file: BinaryIO) -> NetpbmHeader:
    """Return the header of a PBM, PGM, PPM or PFM. Raises UnsupportedImage."""
    file.seek(0)
    kind = file.read(2)
    width, height = _number(_token(file)), _number(_token(file))
    if kind in _BILEVEL:  # without a largest value
        return NetpbmHeader(kind, width, height, 1, file.tell())
    if kind in _FLOATS:
        scale = _token(file, _LONGEST_SCALE)
        return NetpbmHeader(kind, width, height, 1, file.tell(), little=scale.startswith(b"-"))
    white = _token(file)
    if not white.isdigit() or not 0 < int(white) <= _DEEPEST:
        raise UnsupportedImage(
            f"is a PNM with values up to {shown(white.decode('latin-1'))}, expected 1 to {_DEEPEST}; save it as PNG"
        )
    return NetpbmHeader(kind, width, height, int(white), file.tell())


def _number(token: bytes) -> int:
    if not token.isdigit() or int(token) == 0:
        raise UnsupportedImage(
            f"is a damaged PNM: its side is {shown(token.decode('latin-1'))} pixels; download or export it again"
        )
    return int(token)


def _token(file: BinaryIO, longest: int = _LONGEST_TOKEN) -> bytes:
    """Return the next number of a header, after white space and comments. A comment extends from # to the line end."""
    token, comment = b"", False
    for _ in range(_LONGEST_COMMENTS):
        byte = file.read(1)
        if not byte:
            break
        if comment or byte == b"#":  # Pillow also accepts the start of a comment inside a number
            comment = byte not in b"\r\n"
        elif not byte.isspace():
            token += byte
            if len(token) > longest:
                break
        elif token:
            return token
    raise UnsupportedImage("is a damaged PNM: its header has fewer than three numbers; export it again")


def decode(file: BinaryIO, header: NetpbmHeader) -> DecodedImage:
    """Decode the picture that follows a header.

    Parameters
    ----------
    file
        An open file.
    header
        Its header, whose size has been checked.

    Returns
    -------
    DecodedImage
        A PGM or PPM becomes uint16, scaled so that white is 65535. A PFM becomes float32 with the stored values.

    Raises
    ------
    UnsupportedImage
        If the file is damaged.

    Notes
    -----
    Samples that are stored as bytes are read row by row, so that they need no memory in addition to the result.

    The formats are defined by the manual pages pgm(5) and ppm(5) of netpbm, and by Debevec for PFM. The rows of a PFM
    are stored from the bottom to the top. A negative scale means that the least significant byte comes first.
    """
    there = file.seek(0, os.SEEK_END) - header.start
    if there < header.nbytes:
        raise UnsupportedImage(f"is truncated: {there} of {header.nbytes} bytes are there; download or export it again")
    file.seek(header.start)
    rows: Iterable[npt.NDArray[Any]] = (_text_rows if header.is_text else _stored_rows)(file, header)
    if header.kind in _FLOATS:
        floats = np.empty((header.height, header.width, 3), np.float32)
        for target, row in zip(floats[::-1], rows, strict=True):
            target[...] = row
        return DecodedImage(floats)
    levels = np.empty((header.height, header.width, 3), np.uint16)
    for target, row in zip(levels, rows, strict=True):
        if (most := int(row.max())) > header.white:
            raise UnsupportedImage(
                f"is a damaged PNM: it has the value {most}, but its white is {header.white}; export it again"
            )
        target[...] = (row.astype(np.uint32) * _DEEPEST + header.white // 2) // header.white
    return DecodedImage(levels)


def _stored_rows(file: BinaryIO, header: NetpbmHeader) -> Iterator[npt.NDArray[np.generic]]:
    count = header.width * header.channels
    for _ in range(header.height):
        data = file.read(count * header.sample.itemsize)
        yield np.frombuffer(data, header.sample).reshape(header.width, header.channels)


def _text_rows(file: BinaryIO, header: NetpbmHeader) -> npt.NDArray[np.int64]:
    """Return the rows of text samples."""
    shape = header.height, header.width, header.channels
    count = shape[0] * shape[1] * shape[2]
    text = re.sub(rb"#[^\r\n]*", b" ", file.read(_LONGEST_SAMPLE * count))
    if _NO_NUMBER.search(text):
        raise UnsupportedImage("is a damaged PNM: one of its values is not a number; download or export it again")
    samples = np.fromstring(text.decode(), np.int64, count=-1, sep=" ")
    if len(samples) < count:
        raise UnsupportedImage(
            f"is a damaged PNM: it has {len(samples)} of {count} values; download or export it again"
        )
    return samples[:count].reshape(shape)
