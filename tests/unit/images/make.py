"""Image files that are made byte by byte, so that their content is known without the reader under test."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6


def noise(height: int = 5, width: int = 7, channels: int = 3, dtype: type = np.uint8, seed: int = 0) -> Samples:
    """Return random samples. All levels are equally likely, and black and white both occur."""
    found = np.random.default_rng(seed).integers(
        0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True
    )
    found[0, 0], found[-1, -1] = 0, np.iinfo(dtype).max
    return found


def chunk(name: bytes, content: bytes = b"") -> bytes:
    """Return one chunk of a PNG, with its length and check sum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(samples: Samples, colour: int, *extra: bytes, depth: int | None = None, after: Sequence[bytes] = ()) -> bytes:
    """Return a PNG of H x W x C samples of 8 or 16 bits.

    A `depth` below 8 packs gray. The chunks `extra` come before the image data, and the chunks `after` come after it.
    """
    height, width, _ = samples.shape
    bits = depth or 8 * samples.dtype.itemsize
    if bits < 8:
        spread = np.unpackbits(samples.reshape(height, width, 1).astype(np.uint8), axis=2)[..., 8 - bits :]
        rows = np.packbits(spread.reshape(height, -1), axis=1)
    else:
        rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", data), *after, chunk(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(
    samples: Samples,
    *,
    photometric: int = 2,
    order: str = "<",
    orientation: int = 1,
    bits: int | None = None,
    kind: int = 1,
    planar: int = 1,
    extra: tuple[int, ...] = (),
    following: int = 0,
    also: Mapping[int, tuple[int, ...]] | None = None,
    big: bool = False,
    strip: bytes | None = None,
    at: int = 0,
) -> bytes:
    """Return an uncompressed TIFF (TIFF 6.0) of H x W x C samples, or of the bytes `strip`.

    `also` adds tags of 16 bits.

    `at` is the number of bytes in the file before this TIFF. `following` is the position of the directory of the next
    page.
    """
    height, width, channels = samples.shape
    stored = samples if planar == 1 else samples.transpose(2, 0, 1)
    data = strip if strip is not None else stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    strips = 1 if planar == 1 else channels
    size, start = len(data) // strips, at + (16 if big else 8)
    wide = {273: tuple(start + i * size for i in range(strips)), 279: (size,) * strips}
    tags: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (bits or 8 * samples.dtype.itemsize,) * channels, 259: (1,),
        262: (photometric,), 274: (orientation,), 277: (channels,), 278: (height,), 284: (planar,),
        339: (kind,) * channels, **wide, **(also or {}),
    }  # fmt: skip
    if extra:
        tags[338] = extra
    count, offset = ("Q", "Q") if big else ("H", "I")
    field = struct.calcsize(offset)
    heap_at = start + len(data) + struct.calcsize(count) + len(tags) * (4 + 2 * field) + field
    directory, heap = struct.pack(order + count, len(tags)), b""
    for tag, values in sorted(tags.items()):
        code, type_ = ("I", 4) if tag in wide else ("H", 3)
        raw = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(raw) > field:
            raw, heap = struct.pack(order + offset, heap_at + len(heap)), heap + raw
        directory += struct.pack(f"{order}HH{offset}", tag, type_, len(values)) + raw.ljust(field, b"\0")
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head = magic + (struct.pack(order + "HH", 8, 0) if big else b"") + struct.pack(order + offset, start + len(data))
    return head + data + directory + struct.pack(order + offset, following) + heap


def exif(orientation: int, order: str = "<") -> bytes:
    """Return an EXIF block that has only an orientation, without the JPEG prefix."""
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def icc(space: bytes, tags: Mapping[bytes, bytes], kind: bytes = b"mntr", connection: bytes = b"XYZ ") -> bytes:
    """Return an ICC profile of version 2.4 (ICC.1:2001-04, clause 6) with these tags and the required ones."""
    text = b"desc" + struct.pack(">II", 0, 5) + b"test\0" + bytes(4 + 4 + 2 + 1 + 67)
    every = {b"desc": text, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1.0, 0.8249), **tags}
    table, body, start = struct.pack(">I", len(every)), b"", 128 + 4 + 12 * len(every)
    for name, content in every.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = (
        bytes(4) + b"none" + struct.pack(">I", 0x02400000) + kind + space + connection + bytes(12) + b"acsp" + bytes(28)
    )
    head += xyz(0.9642, 1.0, 0.8249)[8:] + bytes(48)
    whole = head + table + body
    return struct.pack(">I", len(whole)) + whole[4:]


def xyz(*values: float) -> bytes:
    """Return a colour as a tag of an ICC profile."""
    return b"XYZ \0\0\0\0" + struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def gamma(exponent: float) -> bytes:
    """Return a curve with one exponent as a tag of an ICC profile."""
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


# Primaries of sRGB, adapted to D50, as in IEC 61966-2-1 and the sRGB profiles of the ICC. A column has X, Y and Z.
SRGB_COLUMNS = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def icc_rgb(exponent: float, order: tuple[int, int, int] = (0, 1, 2)) -> bytes:
    """Return an RGB profile with the primaries of sRGB and one exponent for all channels.

    `order` exchanges the primaries.
    """
    columns = {b"rgb"[i : i + 1] + b"XYZ": xyz(*SRGB_COLUMNS[order[i]]) for i in range(3)}
    return icc(b"RGB ", {**columns, **{b"rgb"[i : i + 1] + b"TRC": gamma(exponent) for i in range(3)}})


def icc_gray(exponent: float) -> bytes:
    """Return a gray profile with one exponent."""
    return icc(b"GRAY", {b"kTRC": gamma(exponent)})


def srgb_decoded(levels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the light of display values from 0 to 1 (IEC 61966-2-1)."""
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def srgb_encoded(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the display values of light from 0 to 1 (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def over(colours: Samples, alpha: Samples, white: bool) -> Samples:
    """Return the colours blended with black or white in exact integers, rounded to the nearest level.

    Halves do not occur, because the largest level is odd.
    """
    peak = int(np.iinfo(colours.dtype).max)
    wide = colours.astype(object) * alpha.astype(object)[..., None]
    if white:
        wide = wide + peak * (peak - alpha.astype(object)[..., None])
    return ((2 * wide + peak) // (2 * peak)).astype(colours.dtype)
