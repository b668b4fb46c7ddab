"""Read PGM and PPM of more than 8 bits, which Pillow cuts or scales, and PFM."""

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
"""Bytes of a sample that is written as text: five digits, white space, and room for comments."""

_NO_NUMBER = re.compile(rb"[^0-9\s]")


@dataclass(frozen=True, slots=True)
class NetpbmHeader:
    """The header of a PBM, PGM, PPM or PFM, behind which the samples begin at byte `start`.

    `white` is the value of white; 1 of the floats of a PFM, which have no range of their own.
    """

    kind: bytes
    width: int
    height: int
    white: int
    start: int
    little: bool = False

    @property
    def channels(self) -> int:
        """Samples of a pixel."""
        return 3 if self.kind in _COLOURS else 1

    @property
    def is_text(self) -> bool:
        """Samples are written as numbers, not as bytes."""
        return self.kind in _TEXTS

    @property
    def nbytes(self) -> int:
        """Bytes of the samples; of those that are written as text, the least that they take."""
        if self.kind == b"P4":
            return (self.width + 7) // 8 * self.height
        count = self.width * self.height * self.channels
        return 2 * count - 1 if self.is_text else count * self.sample.itemsize

    @property
    def sample(self) -> np.dtype[np.generic]:
        """Type of a sample that is stored as bytes."""
        if self.kind in _FLOATS:
            return np.dtype("<f4" if self.little else ">f4")
        return np.dtype(">u2" if self.white > 255 else "u1")


def inspect(file: BinaryIO) -> FileInfo:
    """Return the depth, and whether another picture follows. Raises UnsupportedImage for a damaged header."""
    header = read_header(file)
    floats = header.kind in _FLOATS
    bits = 32 if floats else 16 if header.white > 255 else 8
    return FileInfo(bits=bits, floats=floats, more=_is_followed(file, header))


def _is_followed(file: BinaryIO, header: NetpbmHeader) -> bool:
    """Return whether a picture stored as bytes has another one behind it, as netpbm's own tools write several."""
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
            f"a PNM with values up to {shown(white.decode('latin-1'))}, expected 1 to {_DEEPEST}: save it as 16-bit PNG"
        )
    return NetpbmHeader(kind, width, height, int(white), file.tell())


def _number(token: bytes) -> int:
    if not token.isdigit() or int(token) == 0:
        raise UnsupportedImage(
            f"a damaged PNM, its side is {shown(token.decode('latin-1'))} pixels: fetch or export it again"
        )
    return int(token)


def _token(file: BinaryIO, longest: int = _LONGEST_TOKEN) -> bytes:
    """Return the next number of a header; white space and comments, from # to the end of the line, come before it."""
    token, comment = b"", False
    for _ in range(_LONGEST_COMMENTS):
        byte = file.read(1)
        if not byte:
            break
        if comment or byte == b"#":  # which Pillow takes for the beginning of a comment within a number, too
            comment = byte not in b"\r\n"
        elif not byte.isspace():
            token += byte
            if len(token) > longest:
                break
        elif token:
            return token
    raise UnsupportedImage("a damaged PNM, its header has no three numbers: export it again")


def decode(file: BinaryIO, header: NetpbmHeader) -> DecodedImage:
    """Return the picture behind a header.

    Parameters
    ----------
    file
        An open file.
    header
        Its header, whose size has been checked.

    Returns
    -------
    DecodedImage
        Of a PGM or PPM uint16, whose white is 65535 whatever the white of the file is. Of a PFM float32, as stored.

    Raises
    ------
    UnsupportedImage
        If the file is damaged.

    Notes
    -----
    Samples that are bytes go row by row, so that they take no memory beside the result.

    The formats are those of the manual pages pgm(5) and ppm(5) of netpbm, and of Debevec's PFM. The rows of a PFM come
    from the bottom to the top, and a negative scale says that the least significant byte comes first.
    """
    there = file.seek(0, os.SEEK_END) - header.start
    if there < header.nbytes:
        raise UnsupportedImage(f"truncated: {there} of {header.nbytes} bytes are there; fetch or export it again")
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
            raise UnsupportedImage(f"a damaged PNM, it holds {most}, and its header says {header.white} at most")
        target[...] = (row.astype(np.uint32) * _DEEPEST + header.white // 2) // header.white
    return DecodedImage(levels)


def _stored_rows(file: BinaryIO, header: NetpbmHeader) -> Iterator[npt.NDArray[np.generic]]:
    count = header.width * header.channels
    for _ in range(header.height):
        data = file.read(count * header.sample.itemsize)
        yield np.frombuffer(data, header.sample).reshape(header.width, header.channels)


def _text_rows(file: BinaryIO, header: NetpbmHeader) -> npt.NDArray[np.int64]:
    """Return the rows of samples that are written as text."""
    shape = header.height, header.width, header.channels
    count = shape[0] * shape[1] * shape[2]
    text = re.sub(rb"#[^\r\n]*", b" ", file.read(_LONGEST_SAMPLE * count))
    if _NO_NUMBER.search(text):
        raise UnsupportedImage("a damaged PNM, one of its values is no number: fetch or export it again")
    samples = np.fromstring(text.decode(), np.int64, count=-1, sep=" ")
    if len(samples) < count:
        raise UnsupportedImage(f"a damaged PNM, it has {len(samples)} of {count} values: fetch or export it again")
    return samples[:count].reshape(shape)
