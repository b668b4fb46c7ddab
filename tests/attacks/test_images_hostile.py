"""Hostile images: false sizes, endless structures, files cut at every place, and random damage.

Each file must end in an ImageError of one line, or in an image if the damage does not reach the pixels. It must never
cause another exception, a crash, or the memory use that its stated size needs.
"""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import features

from eyediff.errors import ImageError
from eyediff.images import read
from tests.unit.images.make import GRAY, RGB, chunk, exif, icc_rgb, noise, png, tiff

HUGE = 60_000


def saved(kind: str, mode: str = "RGB", **how: object) -> bytes:
    found = io.BytesIO()
    PILImage.fromarray(noise(24, 24)).convert(mode).save(found, kind, **how)
    return found.getvalue()


def error_of(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return told


def huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", HUGE, HUGE, 8, RGB, 0, 0, 0)
    row = zlib.compressobj()
    data = row.compress(bytes(10_000_000)) + row.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND")


def patched(content: bytes, marker: bytes, offset: int, layout: str) -> bytes:
    found = bytearray(content)
    struct.pack_into(layout, found, found.index(marker) + offset, *([HUGE] * (len(layout) - 1)))
    return bytes(found)


def huge_gif() -> bytes:
    content = bytearray(saved("GIF", "P"))
    struct.pack_into("<HH", content, 6, HUGE, HUGE)
    return bytes(content)


def huge_webp() -> bytes:
    """Return a WebP whose extended header states the largest possible canvas."""
    content = bytearray(saved("WEBP", lossless=True, exif=exif(1)))
    content[24:30] = b"\xff\x3f\x00" * 2
    return bytes(content)


BOMBS: dict[str, Callable[[], bytes]] = {
    "png": huge_png,
    "jpeg": lambda: patched(saved("JPEG"), b"\xff\xc0", 5, ">HH"),
    "bmp": lambda: patched(saved("BMP"), b"BM", 18, "<ii"),
    "gif": huge_gif,
    "tiff": lambda: tiff(noise(), also={256: (HUGE,), 257: (HUGE,)}),
    "tiff16": lambda: tiff(noise(dtype=np.uint16), also={256: (HUGE,), 257: (HUGE,)}),
    "webp": huge_webp,
    "pnm": lambda: b"P6 60000 60000 255\n" + bytes(100),
}


MEASURE = """
import sys
from pathlib import Path
from eyediff.errors import ImageError
from eyediff.images import read

def peak():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024

small, path = map(Path, sys.argv[1:])
read(small)  # what a reader loads once is no part of the measure
before, told = peak(), ""
try:
    read(path)
except ImageError as error:
    told = str(error)
print(peak() - before)
print(told)
"""


def memory_of(path: Path) -> tuple[int, str]:
    """Return by how many bytes reading a file raises the peak resident memory, and the error message.

    The measurement runs in a separate process. Decoders allocate memory outside Python, which tracemalloc does not see,
    and a peak never falls.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell a process's peak memory in /proc")
    small = path.with_name("small.png")
    PILImage.fromarray(noise(24, 24)).save(small)
    command = [sys.executable, "-c", MEASURE, str(small), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    grown, _, told = done.stdout.partition("\n")
    return int(grown), told.strip()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_the_measure_sees_what_decoders_allocate(tmp_path: Path, kind: str) -> None:
    """The measurement includes the memory of decoders.

    A valid image of 9 megapixels takes at least its 27 MB, most of it in the decoder.
    """
    path = tmp_path / "honest"
    PILImage.new("RGB", (3000, 3000), (1, 2, 3)).save(path, kind)
    grown, told = memory_of(path)
    assert told == "" and grown > 27_000_000


@pytest.mark.parametrize("kind", BOMBS)
def test_announced_pixels_are_not_allocated(tmp_path: Path, kind: str) -> None:
    """An image of a huge stated size is refused by its header, and the process grows by less than 20 MB.

    This is less than two thousandths of the stated 10.8 GB. It is enough for the file, the library of its decoder and
    the message.
    """
    path = tmp_path / kind
    path.write_bytes(BOMBS[kind]())
    grown, told = memory_of(path)
    assert told.startswith(f"{path}: ") and "\n" not in told
    assert "limit" in told or kind == "webp"  # its decoder may reject the canvas before the limit is checked
    assert grown < 20_000_000


def test_a_bomb_of_text_in_a_png(tmp_path: Path) -> None:
    """A comment in a PNG that decompresses to 200 MB takes no memory.

    The comment is not part of the image. The file is refused, or the comment is not decompressed.
    """
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(), RGB, chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(200_000_000)))))
    with suppress(ImageError):
        assert np.array_equal(read(path).pixels, noise())
    grown, _ = memory_of(path)
    assert grown < 20_000_000


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("png", png(noise(24, 24), RGB)),
        ("png16", png(noise(24, 24, dtype=np.uint16), RGB)),
        ("png palette", saved("PNG", "P")),
        ("jpeg", saved("JPEG")),
        ("progressive", saved("JPEG", progressive=True)),
        ("gif", saved("GIF", "P")),
        ("bmp", saved("BMP")),
        ("webp", saved("WEBP", lossless=True)),
        ("tiff", tiff(noise(24, 24))),
        ("tiff16", tiff(noise(24, 24, dtype=np.uint16))),
        ("ico", saved("ICO", sizes=[(24, 24)])),
        pytest.param("avif", features.check("avif") and saved("AVIF"), marks=()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_cut_at_every_place(tmp_path: Path, kind: str, content: bytes) -> None:
    """A file that is cut gives an error, or the same image if only an end mark is missing.

    Such files come from a download that was interrupted.
    """
    if not content:
        pytest.skip("this Pillow was built without AVIF")
    path = tmp_path / "cut"
    path.write_bytes(content)
    whole = read(path).pixels
    whole_ones = 0
    for length in range(0, len(content), max(1, len(content) // 200)):
        path.write_bytes(content[:length])
        try:
            found = read(path)
        except ImageError as error:
            assert str(error).startswith(f"{path}: ")
            continue
        assert np.array_equal(found.pixels, whole), f"{kind} cut at {length} of {len(content)} gave another picture"
        whole_ones += 1
    assert whole_ones <= 2


def seeds() -> dict[str, bytes]:
    return {
        "png": png(noise(9, 9), RGB, chunk(b"eXIf", exif(6))),
        "png16": png(noise(9, 9, 1, np.uint16), GRAY),
        "jpeg": saved("JPEG", exif=b"Exif\0\0" + exif(3), icc_profile=icc_rgb(1.8)),
        "gif": saved("GIF", "P"),
        "bmp": saved("BMP"),
        "webp": saved("WEBP", exif=exif(5), icc_profile=icc_rgb(2.0)),
        "tiff": tiff(noise(9, 9)),
        "tiff16": tiff(noise(9, 9, dtype=np.uint16), orientation=6),
        "bigtiff": tiff(noise(9, 9), big=True),
        "ico": saved("ICO", sizes=[(24, 24)]),
        "pnm": saved("PPM"),
    }


@pytest.mark.parametrize("kind", seeds())
def test_random_damage(tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Random damage gives an image or an ImageError. No other exception and no warning occurs.

    Most of the changed bytes are in the header. 300 damaged copies of each file come from a fixed seed, so that a
    failure is reproducible.
    """
    content, dice = seeds()[kind], random.Random(kind)
    path = tmp_path / "damaged"
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(dice.choice((1, 2, 8))):
            place = dice.randrange(min(len(damaged), dice.choice((32, 256, 1 << 20))))
            damaged[place] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
        path.write_bytes(damaged)
        try:
            assert read(path, max_pixels=1_000_000).pixels.shape[2] == 3
        except ImageError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
            refused += 1
    assert refused > 0
    if "tiff" not in kind:  # libtiff prints its own messages
        assert capfd.readouterr().err == ""


def test_pages_that_follow_each_other_in_a_circle(tmp_path: Path) -> None:
    """A TIFF whose next page is itself is a file of one page, and counting its pages ends."""
    path = tmp_path / "circle.tif"
    content = tiff(noise())
    (start,) = struct.unpack_from("<I", content, 4)
    path.write_bytes(tiff(noise(), following=start))
    for frames in ("first", "all", "one"):
        image = read(path, frames=frames)
        assert np.array_equal(image.pixels, noise())
        assert image.notes == image.later == ()


def test_chunks_without_end(tmp_path: Path) -> None:
    """A PNG chunk that states 4 GB, or that goes beyond the end of the file, is refused."""
    start = png(noise(), RGB)[:33]
    for length in (0xFFFFFFFF, 0x7FFFFFFF, 1000):
        assert "PNG" in error_of(tmp_path / "a.png", start + struct.pack(">I", length) + b"IDAT" + bytes(100))
        assert "PNG" in error_of(tmp_path / "a.png", start + struct.pack(">I", length) + b"tEXt" + bytes(100))


def test_exif_that_points_nowhere(tmp_path: Path) -> None:
    """EXIF offsets and counts beyond the block cause a note, and the image is read as stored."""
    path = tmp_path / "a.jpg"
    for block in (b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"II+\0\x08\0\0\0" + b"\xff" * 8):
        path.write_bytes(saved("JPEG", exif=b"Exif\0\0" + block))
        assert "the EXIF block is damaged, so the image is not turned" in read(path).notes
