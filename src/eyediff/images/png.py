"""Inspect PNG files: read their metadata, and check whether their bytes are complete.

The source is Portable Network Graphics, third edition (W3C 2025). Clause 11 defines the chunks, and section 5.6 defines
their order.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import BinaryIO

from .formats import FileInfo, UnsupportedImage
from .tiff_tags import DAMAGED_EXIF, orientation

DEPTHS: Mapping[int, tuple[int, ...]] = {
    0: (1, 2, 4, 8, 16),
    2: (8, 16),
    3: (1, 2, 4, 8),
    4: (8, 16),
    6: (8, 16),
}
"""Allowed bits of a channel for each colour type: gray, RGB, palette, gray with alpha, RGB with alpha."""

_USED = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"eXIf")
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_STREAMED = (b"PLTE", b"IDAT", b"iCCP", b"IEND", b"fcTL", b"fdAT")  # their content is read by the decoder, not here
_PIECE = 1 << 20
_MOST_CHUNKS = 1_000_000  # 8 GB with usual chunks of 8 kB; more is probably an attack

SRGB_GAMMA = 45455
SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_GAMMA_SLACK = 0.05  # smaller changes of gamma are invisible; libpng has the same limit
_PRIMARIES_SLACK = 1000  # 0.01 in chromaticity; covers rounding and variants of sRGB
_ABSOLUTE_LIGHT = {16: "PQ", 18: "HLG"}
_DISPLAY_LIGHT = (1, 13)


def inspect(file: BinaryIO) -> FileInfo:
    """Return the facts that decide how a PNG is decoded, and verify the check sums of the chunks that matter.

    Pillow does not verify the check sums of the image data. It also accepts a file that ends early if all rows are
    filled. Raises UnsupportedImage for a damaged file or an HDR image.
    """
    chunks, frames = _walk(file)
    _check_animation(chunks, frames)
    depth, colour = chunks[b"IHDR"][8], chunks[b"IHDR"][9]
    if depth not in DEPTHS.get(colour, ()):
        raise _damaged(f"its header has colour type {colour} with {depth} bits, which PNG does not allow")
    if b"IDAT" not in chunks:
        raise _damaged("it has no image data")
    turned, notes = _orientation(chunks)
    return FileInfo(
        bits=depth,
        gray=colour == 0,
        key=_key(chunks.get(b"tRNS", b""), colour, depth),
        orientation=turned,
        notes=(*notes, *_colour_notes(chunks)),
    )


def _walk(file: BinaryIO) -> tuple[dict[bytes, bytes], int]:
    """Return the content of the chunks that are used, by their names, and the number of frames of an animation.

    If several chunks have the same name, the first one is returned. Chunks of `_STREAMED` are returned without content.
    """
    file.seek(8)
    found: dict[bytes, bytes] = {}
    frames = 0
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            raise _damaged("it ends early")
        length, name = struct.unpack(">I4s", head)
        if not found and (name != b"IHDR" or length != 13):
            raise _damaged("it does not begin with an IHDR chunk")
        if name not in _USED and name not in _ANIMATION:
            file.seek(length + 4, 1)
            continue
        content, total = b"", zlib.crc32(name)
        if name in _STREAMED:
            while length > 0 and (piece := file.read(min(length, _PIECE))):
                total, length = zlib.crc32(piece, total), length - len(piece)
        else:
            content = file.read(min(length, _PIECE))
            total = zlib.crc32(content, total)
        if file.read(4) != total.to_bytes(4, "big"):
            raise _damaged(f"the check sum of its {name.decode()} chunk is wrong")
        found.setdefault(name, content)
        frames += name == b"fcTL"
        if name == b"IEND":
            return found, frames
    raise _damaged(f"it has more than {_MOST_CHUNKS} chunks")


def _key(content: bytes, colour: int, depth: int) -> tuple[int, ...] | None:
    """Return the colour that a gray or RGB image declares as transparent; None if there is none.

    The decoder handles the transparency of a palette.
    """
    channels = {0: 1, 2: 3}.get(colour)
    if channels is None or len(content) != 2 * channels:
        return None
    return tuple(value & ((1 << depth) - 1) for value in struct.unpack(f">{channels}H", content))


def _orientation(chunks: Mapping[bytes, bytes]) -> tuple[int, tuple[str, ...]]:
    if b"eXIf" not in chunks:
        return 1, ()
    try:
        return orientation(chunks[b"eXIf"]), ()
    except ValueError:
        return 1, (DAMAGED_EXIF,)


def _colour_notes(chunks: Mapping[bytes, bytes]) -> list[str]:
    """Return notes about ignored colour chunks. Raises UnsupportedImage for HDR, which has no display values.

    Browsers apply the chunks gAMA and cHRM, but metric tools ignore them. They are ignored here, too, because the
    numbers in papers were computed without them. ICC profiles are applied by another module.
    """
    if (cicp := chunks.get(b"cICP", b"")) and len(cicp) == 4:
        primaries, transfer = cicp[0], cicp[1]
        if transfer in _ABSOLUTE_LIGHT:
            raise UnsupportedImage(
                f"the file is an HDR PNG ({_ABSOLUTE_LIGHT[transfer]}); tone-map it, and save the result as normal PNG"
            )
        if primaries != 1 or transfer not in _DISPLAY_LIGHT:
            return [
                f"the colour space (cICP primaries {primaries}, transfer {transfer}) is ignored: the image is read as "
                "sRGB"
            ]
    if b"sRGB" in chunks or b"iCCP" in chunks:
        return []
    notes = []
    gamma = int.from_bytes(chunks.get(b"gAMA", b""), "big") or SRGB_GAMMA
    if abs(gamma / SRGB_GAMMA - 1) > _GAMMA_SLACK:
        notes.append(f"the gamma (gAMA {gamma / 100_000:g}) is ignored: the image is read as sRGB")
    if len(content := chunks.get(b"cHRM", b"")) == 32:
        stated = struct.unpack(">8I", content)
        if any(abs(got - want) > _PRIMARIES_SLACK for got, want in zip(stated, SRGB_PRIMARIES, strict=True)):
            notes.append("the primaries (cHRM) are ignored: the image is read as sRGB")
    return notes


def _check_animation(chunks: Mapping[bytes, bytes], frames: int) -> None:
    """Refuse an animation if its number of frames differs from the number in its header.

    Decoders would show only a part of such an animation.
    """
    content = chunks.get(b"acTL")
    if content is None:
        return
    announced = int.from_bytes(content[:4], "big")
    if len(content) != 8 or announced == 0 or announced != frames:
        raise _damaged(f"its animation has {frames} frames, but its header states {announced}")


def without_animation(data: bytes | bytearray) -> bytes:
    """Return a PNG without its animation chunks, so that every decoder shows the default image.

    Some decoders would show the first frame of the animation instead. The default image, in the IDAT chunks, need not
    be a frame. The caller must have checked the chunks by `inspect`.
    """
    kept, place, view = [bytes(data[:8])], 8, memoryview(data)
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        end = place + length + 12
        if name not in _ANIMATION:
            kept.append(bytes(view[place:end]))
        place = end
    return b"".join(kept)


def _damaged(how: str) -> UnsupportedImage:
    return UnsupportedImage(f"the PNG file is damaged: {how}; download or export the file again")
