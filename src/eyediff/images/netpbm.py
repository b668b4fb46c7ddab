"""Read PFM files, and PGM and PPM files with more than 8 bits, because Pillow would cut or scale their values."""

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
BILEVEL = (b"P1", b"P4")
_FLOATS = (b"Pf", b"PF")
_DEEPEST = 65535
_LONGEST_TOKEN = 10
_LONGEST_SCALE = 32
_LONGEST_COMMENTS = 1 << 20
_LONGEST_SAMPLE = 8
"""Largest average number of bytes for each sample of a text file: digits, white space, and a share of the comments."""

_NO_NUMBER = re.compile(rb"[^0-9\s]")


@dataclass(frozen=True, slots=True)
class NetpbmHeader:
    """The header of a PBM, PGM, PPM or PFM file.

    `kind` is the magic number, such as b"P6". `white` is the sample value that means white; it is 1 for a PFM, because
    a PFM does not state the range of its floats. The samples begin at byte `start` of the file. `little` is True if the
    first byte of a float is the least significant one.
    """

    kind: bytes
    width: int
    height: int
    white: int
    start: int
    little: bool = False

    @property
    def channels(self) -> int:
        """Number of samples that each pixel has."""
        return 3 if self.kind in _COLOURS else 1

    @property
    def is_text(self) -> bool:
        """True if the samples are written as text, not as bytes."""
        return self.kind in _TEXTS

    @property
    def nbytes(self) -> int:
        """Number of bytes that the samples take in the file. For text samples, this is the smallest possible number."""
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
    """Return the number of bits of a sample, and whether a second picture follows. Raises UnsupportedImage."""
    header = read_header(file)
    floats = header.kind in _FLOATS
    bits = 32 if floats else 16 if header.white > 255 else 8
    return FileInfo(bits=bits, floats=floats, more=_is_followed(file, header))


def _is_followed(file: BinaryIO, header: NetpbmHeader) -> bool:
    """Return whether a second picture follows in a file whose samples are bytes.

    The netpbm tools can write several pictures into one file.
    """
    if header.is_text or file.seek(0, os.SEEK_END) - header.start <= header.nbytes:
        return False
    file.seek(header.start + header.nbytes)
    return file.read(3).lstrip()[:1] == b"P"


def read_header(file: BinaryIO) -> NetpbmHeader:
    """Return the header of a PBM, PGM, PPM or PFM file. Raises UnsupportedImage if the header is damaged."""
    file.seek(0)
    kind = file.read(2)
    width, height = _number(_token(file)), _number(_token(file))
    if kind in BILEVEL:  # these formats do not state a largest value
        return NetpbmHeader(kind, width, height, 1, file.tell())
    if kind in _FLOATS:
        scale = _token(file, _LONGEST_SCALE)
        return NetpbmHeader(kind, width, height, 1, file.tell(), little=scale.startswith(b"-"))
    white = _token(file)
    if not white.isdigit() or not 0 < int(white) <= _DEEPEST:
        raise UnsupportedImage(
            f"the PNM file has a maximum value of {shown(white.decode('latin-1'))}; expected 1 to {_DEEPEST}; "
            "save the image as PNG"
        )
    return NetpbmHeader(kind, width, height, int(white), file.tell())


def _number(token: bytes) -> int:
    if not token.isdigit() or int(token) == 0:
        raise UnsupportedImage(
            f"the PNM file is damaged: its width or height is {shown(token.decode('latin-1'))}; expected a whole "
            "number of at least 1; download or export the file again"
        )
    return int(token)


def _token(file: BinaryIO, longest: int = _LONGEST_TOKEN) -> bytes:
    """Return the next number of a header. White space and comments before the number are skipped.

    A comment extends from # to the end of the line.
    """
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
    raise UnsupportedImage(
        "the PNM file is damaged: a number in its header is missing or too long; export the file again"
    )


def decode(file: BinaryIO, header: NetpbmHeader) -> DecodedImage:
    """Decode the picture that follows a header.

    Parameters
    ----------
    file
        An open file.
    header
        Header of the file. The caller must have checked that the width and height are allowed.

    Returns
    -------
    DecodedImage
        The colours of a PGM or PPM are uint16, scaled so that white is 65535. The colours of a PFM are float32, with
        the values that the file stores.

    Raises
    ------
    UnsupportedImage
        If the file is damaged.

    Notes
    -----
    Samples that are stored as bytes are read row by row, so that reading needs no memory in addition to the result.

    PGM and PPM are defined by the manual pages pgm(5) and ppm(5) of netpbm, and PFM is defined by Debevec. A PFM stores
    its rows from the bottom to the top. If the scale in the header of a PFM is negative, the least significant byte of
    each float comes first.
    """
    there = file.seek(0, os.SEEK_END) - header.start
    if there < header.nbytes:
        raise UnsupportedImage(
            f"the file is truncated: {there} of {header.nbytes} bytes of pixel data are there; "
            "download or export the file again"
        )
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
                f"the PNM file is damaged: it has the value {most}, but its header states a maximum of {header.white}; "
                "export the file again"
            )
        target[...] = (row.astype(np.uint32) * _DEEPEST + header.white // 2) // header.white
    return DecodedImage(levels)


def _stored_rows(file: BinaryIO, header: NetpbmHeader) -> Iterator[npt.NDArray[np.generic]]:
    count = header.width * header.channels
    for _ in range(header.height):
        data = file.read(count * header.sample.itemsize)
        yield np.frombuffer(data, header.sample).reshape(header.width, header.channels)


def _text_rows(file: BinaryIO, header: NetpbmHeader) -> npt.NDArray[np.int64]:
    """Read the samples of a text file, and return them as height x width x channels."""
    shape = header.height, header.width, header.channels
    count = shape[0] * shape[1] * shape[2]
    text = re.sub(rb"#[^\r\n]*", b" ", file.read(_LONGEST_SAMPLE * count))
    if _NO_NUMBER.search(text):
        raise UnsupportedImage(
            "the PNM file is damaged: one of its values is not a number; download or export the file again"
        )
    samples = np.fromstring(text.decode(), np.int64, count=-1, sep=" ")
    if len(samples) < count:
        raise UnsupportedImage(
            f"the PNM file is damaged: it has {len(samples)} of {count} values; download or export the file again"
        )
    return samples[:count].reshape(shape)
