"""Read JPEG files in a way that detects missing parts of a picture.

libjpeg fills missing parts with gray and warns, but Pillow hides the warnings. This module detects missing parts in
another way: the decoder waits for more data if its input ends in the middle of a scan. So each scan is passed to the
decoder separately, followed by padding bits that are not a valid code.

If the picture has a single scan and the scan is complete, the decoder then has all rows. If the picture has several
scans, two more bytes are passed after each scan. After a complete scan, the decoder consumes these bytes, because it
skips all bytes before the next marker. After an incomplete scan, the decoder keeps these bytes, because it waits for
more bytes.

Markers and scans are defined in ITU-T T.81 (1992), annex B. No valid code has only ones (annex C).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from math import ceil
from typing import Any

from PIL import Image as PILImage
from PIL import JpegImagePlugin

from .formats import UnsupportedImage

MOST_SCANS = 100
"""Largest number of scans that a JPEG may have.

Usual files have about ten scans. For each scan, a decoder processes the complete picture, even if the scan is short.
"""

_PADDING = b"\xff\x00" * 8
"""Padding of 64 bits, because the decoder looks ahead 64 bits.

The decoder may read the padding as data. So two missing blocks of 8x8 pixels at the very end are not detected.
"""

_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_BASELINE, _PROGRESSIVE, _SCAN, _END, _INTERVAL = (0xC0, 0xC1), 0xC2, 0xDA, 0xD9, 0xDD
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_SURPLUS = 256
SURPLUS = "the file has coded data after the end of the picture, so it is damaged or padded"
LATER_SCANS = "the last scans of the JPEG are missing, so the image has less detail than the original"


@dataclass(frozen=True, slots=True)
class Scans:
    """Facts about the scans of a JPEG. `ends` has the byte position at which the coded data of each scan ends.

    `single` is True if the first scan contains all components of a baseline JPEG. `checked` is True if the coding of
    the JPEG allows this module to detect missing data. `refined` is False if a progressive file lacks the last bits of
    a coefficient. `restarted` is False if a scan lacks restart markers. The decoder skips all data while it waits for
    a missing restart marker.
    """

    ends: list[int]
    single: bool = False
    checked: bool = True
    refined: bool = True
    restarted: bool = True


def find_scans(data: bytes) -> Scans:
    """Find the scans of a JPEG from its markers.

    The search ends at an invalid marker. The decoder then reports the damage.
    """
    ends: list[int] = []
    frame, components, single, interval, restarted, sizes = 0, b"", False, 0, True, b""
    missing: set[tuple[int, int]] = set()
    place = 2
    while (place := data.find(b"\xff", place)) >= 0 and place + 4 <= len(data):
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == _END:
            break
        if marker == 0 or marker in _ALONE:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        content = data[place + 4 : place + 2 + length]
        place += 2 + length
        if marker in _FRAMES and not frame:
            frame, components, sizes = marker, content[6::3], content
            missing = {(component, index) for component in components for index in range(64)}
        elif marker == _INTERVAL and len(content) == 2:
            (interval,) = struct.unpack(">H", content)
        elif marker == _SCAN:
            found = _SCAN_END.search(data, place)
            if found is None:
                break
            if content and len(content) >= 1 + 2 * content[0] + 3 and content[-1] & 15 == 0:
                first, last = content[-3], min(content[-2], 63)
                missing -= {(part, index) for part in content[1:-3:2] for index in range(first, last + 1)}
            if not ends:  # the first scan decides whether a decoder keeps all coefficients
                single = frame in _BASELINE and content[:1] == bytes([len(components)])
            if interval:
                units = _units(sizes, content[1:-3:2])
                restarted = restarted and len(_RESTART.findall(data, place, found.start())) >= (units - 1) // interval
            place = found.start()
            ends.append(place)
            if len(ends) > MOST_SCANS:
                break
    refined = frame != _PROGRESSIVE or not missing
    return Scans(ends, single, frame in (*_BASELINE, _PROGRESSIVE), refined, restarted)


def _units(frame: bytes, components: bytes) -> int:
    """Return the number of minimum coded units (MCU; T.81, A.2) of a scan with these components.

    Return 0 if the frame header is invalid.
    """
    sizes = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame) - 2, 3)}
    if len(frame) < 9 or any(part not in sizes for part in components) or not all(map(all, sizes.values())):
        return 0
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    across, down = (max(size[axis] for size in sizes.values()) for axis in (0, 1))
    if len(components) == 1:
        own = sizes[components[0]]
        width, height = ceil(width * own[0] / across), ceil(height * own[1] / down)
        across = down = 1
    return ceil(width / (8 * across)) * ceil(height / (8 * down))


class Jpeg(JpegImagePlugin.JpegImageFile):
    """Reader of JPEG files whose `load` raises OSError if a part of the coded data is missing.

    After `load`, `remarks` has notes about other faults. The resolution is not read: Pillow would read it from the EXIF
    block, and would warn about every error in that block.
    """

    remarks: tuple[str, ...] = ()

    def _read_dpi_from_exif(self) -> None:
        pass

    def _open(self) -> None:
        super()._open()
        if self.fp is not None:
            self.fp.seek(0)
            self._data = self.fp.read()
            self.scans = find_scans(self._data)

    def load(self) -> Any:
        """Decode the picture scan by scan.

        Raises OSError for missing or invalid data, and UnsupportedImage for more than MOST_SCANS scans.
        """
        if not self.tile:
            return super().load()
        data, scans = self._data, self.scans
        if len(scans.ends) > MOST_SCANS:
            raise UnsupportedImage(
                f"the JPEG file has more than {MOST_SCANS} scans; it was not decoded, because it may be an attack; "
                "save the image again"
            )
        if not scans.restarted:
            raise OSError("its coded data end before the picture does")
        self.load_prepare()
        _, extents, _, arguments = self.tile[0]
        decoder = PILImage._getdecoder(self.mode, "jpeg", arguments, self.decoderconfig)
        try:
            decoder.setimage(self.im, extents)
            whole, surplus = _decode(decoder, data, scans)
            if not whole:
                raise OSError("its coded data end before the picture does")
        finally:
            decoder.cleanup()
        self.remarks = (LATER_SCANS,) * (not scans.refined) + (SURPLUS,) * surplus
        self.tile = []
        return PILImage.Image.load(self)


def _decode(decoder: Any, data: bytes, scans: Scans) -> tuple[bool, bool]:
    """Return whether the picture is complete, and whether a scan has far more data than its pixels need."""
    rest = b""

    def give(piece: bytes) -> bool:
        """Pass the next piece of data to the decoder, and return whether the picture is complete.

        `rest` is the data that the decoder has not consumed, because it waits for more data.
        """
        nonlocal rest
        rest += piece
        consumed, error = decoder.decode(rest)
        if error < 0:
            raise OSError(f"its coded data are invalid (error {error})")
        rest = rest[consumed:] if consumed >= 0 else b""
        return bool(consumed < 0)

    def waits(*pieces: bytes) -> bool:
        """Pass two bytes to the decoder, and return whether it is inside a scan.

        Inside a scan, the decoder keeps at least one of the two bytes.
        """
        kept = False
        for piece in pieces:
            give(piece)
            kept = kept or bool(rest)
        return kept

    start, surplus = 0, False
    for end in scans.ends if scans.checked else []:
        early = end - _SURPLUS
        if early > start + _SURPLUS and b"\xff" not in data[early : early + 2]:
            if give(data[start:early]):
                return True, True
            surplus = surplus or not waits(data[early : early + 1], data[early + 1 : early + 2])
            start = early + 2
        if give(data[start:end] + _PADDING):
            return True, surplus
        if scans.single or waits(b"\0", b"\0"):
            return False, surplus
        start = end
    return give(data[start:]), surplus
