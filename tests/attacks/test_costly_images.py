"""Files of a few kilobytes that took seconds and gigabytes, and headers whose HDR or depth was not found.

The defence: the reader limits the sides of an image, the pixels of a run-length BMP and the scans of a JPEG before
decoding. A pixel counts more in a format that takes more memory. The boxes of AVIF and the tokens of PNM are parsed.
"""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image as PILImage
from PIL import features

import eyediff
from eyediff.errors import ImageError
from eyediff.images import read
from eyediff.images.tiff_tags import find_pages
from eyediff.records import Failure
from tests.unit.images.make import icc_rgb, noise, tiff

from .costly import SEQUENTIAL, Maker, announced_png, arithmetic, ico, icon_bitmap, jpeg, progressive, scan, strips
from .test_images_hostile import error_of, memory_of, saved


@pytest.mark.parametrize(("width", "height"), [(1, 200_000_000), (1_000_001, 1)])
def test_a_picture_of_one_column(tmp_path: Path, width: int, height: int) -> None:
    """A side of more than 1,000,000 pixels is refused. 200 million rows of one pixel took 2.3 GB and 12 s."""
    path = tmp_path / "x.png"
    path.write_bytes(announced_png(width, height))
    grown, told = memory_of(path)
    assert "each side may be at most 1000000 pixels" in told
    assert grown < 20_000_000


@pytest.mark.parametrize("kind", [1, 2])
def test_a_run_length_bmp(tmp_path: Path, kind: int) -> None:
    """A large run-length BMP is refused, and a small one is read. 1 kB of "end of line" took 21 s and 1.1 GB."""
    for side in (14_000, 64):
        header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8 if kind == 1 else 4, kind, 0, 0, 0, 2, 0)
        palette = bytes(8)
        start = 14 + len(header) + len(palette)
        content = b"BM" + struct.pack("<III", 0, 0, start) + header + palette + b"\x40\1\0\0" * side + b"\0\1"
        if side > 64:
            assert "run-length encoded" in error_of(tmp_path / "x.bmp", content)
        else:
            (tmp_path / "x.bmp").write_bytes(content)
            assert read(tmp_path / "x.bmp").pixels.shape == (side, side, 3)


@pytest.mark.parametrize("scans", [5, 500])
def test_a_jpeg_of_many_scans(tmp_path: Path, scans: int) -> None:
    """A JPEG of more than 100 scans is refused.

    A decoder goes through the whole image for each scan: 500 scans took 10 s at 14000x14000.
    """
    content = saved("JPEG", progressive=True)
    place = content.rindex(b"\xff\xda")
    last = content[place:-2]
    path = tmp_path / "x.jpg"
    path.write_bytes(content[:place] + last * scans + content[-2:])
    if scans > 100:
        with pytest.raises(ImageError, match="more than 100 scans"):
            read(path)
    else:
        read(path)


def test_scans_count_like_pixels(tmp_path: Path) -> None:
    """Each pixel of a JPEG with 100 scans counts ten times.

    100 scans that refine all coefficients of 100 million pixels took 16 s, with arithmetic coding, too.
    """
    for make in (progressive, arithmetic):
        path = tmp_path / "x.jpg"
        path.write_bytes(make(64, 3, 100))
        assert read(path, max_pixels=40_960).pixels.shape == (64, 64, 3)
        with pytest.raises(ImageError, match="more than the limit of 4096 pixels for a JPEG of this kind"):
            read(path, max_pixels=40_959)


def test_one_component_before_a_whole_scan(tmp_path: Path) -> None:
    """Each pixel counts twice if a scan of one component stands before the scan of all components.

    A decoder keeps the coefficients of all scans of such a file. It was once counted as a JPEG of one scan.
    """
    parts = scan([1], 0, 63, 0, bytes(16)) + scan((1, 2, 3), 0, 63, 0, bytes(48))
    path = tmp_path / "x.jpg"
    path.write_bytes(jpeg(64, 3, SEQUENTIAL, parts))
    with pytest.raises(ImageError, match="more than the limit of 2500 pixels for a JPEG of this kind"):
        read(path, max_pixels=5000)


@pytest.mark.parametrize("compression", [1, 8])
def test_a_tiff_of_many_strips(tmp_path: Path, compression: int) -> None:
    """A TIFF of 300,000 strips is refused, and one of 300 strips is read.

    800,000 strips with the same position, in a file of 5 MB, took 16 s.
    """
    strip = bytes(8) if compression == 1 else zlib.compress(bytes(8))
    assert "300000 strips" in error_of(tmp_path / "x.tif", strips(8, 300_000, compression, strip))
    (tmp_path / "x.tif").write_bytes(strips(8, 300, compression, strip))
    assert read(tmp_path / "x.tif").pixels.shape == (300, 8, 3)


def test_strips_that_share_their_bytes(tmp_path: Path) -> None:
    """Strips may share their bytes only a limited number of times.

    A writer may store an empty tile once. Without the limit, long strips without pixels would be decoded again and
    again.
    """
    empty = b"\x78\x9c" + b"\0\0\0\xff\xff" * 10_000 + zlib.compress(bytes(8))[2:]
    assert "take more bytes than the file has" in error_of(tmp_path / "x.tif", strips(8, 300, 8, empty))
    (tmp_path / "x.tif").write_bytes(strips(8, 30, 8, empty))
    assert read(tmp_path / "x.tif").pixels.shape == (30, 8, 3)


@pytest.mark.parametrize("scans", [10, 11])
def test_scans_in_the_strips_of_a_tiff(tmp_path: Path, scans: int) -> None:
    """A TIFF is refused if a strip is a JPEG of more than 10 scans.

    99 scans in each strip, with 200 million pixels in total, took 15 s.
    """
    (tmp_path / "x.tif").write_bytes(strips(64, 2, 7, progressive(64, 1, scans), 64))
    if scans > 10:
        with pytest.raises(ImageError, match="JPEG with more than 10 scans"):
            read(tmp_path / "x.tif")
    else:
        assert read(tmp_path / "x.tif").pixels.shape == (128, 64, 3)


@pytest.mark.parametrize(
    "make", [lambda: announced_png(1, 170_000_000), lambda: icon_bitmap(13_000)], ids=["png", "bmp"]
)
def test_a_picture_in_an_icon(tmp_path: Path, make: Maker) -> None:
    """An ICO is refused if the picture in it is too large.

    The directory states 256x256 pixels. A picture of one column took 2 GB, and run lengths took 21 s.
    """
    assert "an ICO whose picture announces" in error_of(tmp_path / "x.ico", ico(make()))


@pytest.mark.parametrize(
    "kind", ["WEBP", "AVIF", "clear WEBP", "clear AVIF", "progressive", "transparent", "profile", "plain"]
)
def test_costly_pixels_count_more(tmp_path: Path, kind: str) -> None:
    """Pixels count more in formats in which they take more memory or time."""
    if "AVIF" in kind and not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    path = tmp_path / "x"
    picture = PILImage.fromarray(noise(100, 100))
    if kind.startswith(("transparent", "clear")):
        picture.putalpha(7)
    if kind == "profile":
        picture.info["icc_profile"] = icc_rgb(1.8)
    last = kind.rsplit(maxsplit=1)[-1]
    picture.save(path, {"progressive": "JPEG"}.get(last, last if last.isupper() else "PNG"), progressive=True)
    if kind == "plain":
        read(path, max_pixels=10_000)
        return
    with pytest.raises(ImageError, match=r"more than the limit of (2500|3333|5000|7692) pixels for a"):
        read(path, max_pixels=10_000)
    read(path, max_pixels=40_000)


def test_pixels_that_do_not_fit_into_the_memory(tmp_path: Path) -> None:
    """An image that does not fit into the memory limit becomes a row with an error, and is not decoded.

    A limit of 512 MB leaves 128 MB for each image. 7000x7000 pixels take more.
    """
    path = tmp_path / "x.png"
    path.write_bytes(announced_png(7000, 7000))
    other = shutil.copy(path, tmp_path / "y.png")
    (row,) = eyediff.compare(path, other, ["psnr"], memory="512MB").rows
    assert isinstance(row, Failure) and row.stage == "read"
    assert "7000x7000 pixels, which take 140 MB" in row.message
    assert "the memory limit leaves 128 MB for it" in row.message
    (row,) = eyediff.compare(path, other, ["psnr"], memory="600MB").rows
    assert isinstance(row, Failure) and "damaged" in row.message


def test_a_row_and_a_column_that_are_padded(tmp_path: Path) -> None:
    """A pair fails if its padded size exceeds the memory limit.

    Two files of some kilobytes became canvases of 22 GB.
    """
    for name, size in (("a.png", (60_000, 1)), ("b.png", (1, 60_000))):
        PILImage.new("L", size).save(tmp_path / name)
    (row,) = eyediff.compare(tmp_path / "a.png", tmp_path / "b.png", ["psnr"], size="pad").rows
    assert isinstance(row, Failure) and row.stage == "size"
    assert "take 20599 MB at 60000x60000 pixels, but the memory limit leaves" in row.message


def test_hdr_of_an_avif_behind_other_boxes(tmp_path: Path) -> None:
    """An AVIF in PQ is refused even if other boxes stand before `meta`.

    The reader looked for `colr` only in the first 64 kB, so a free box before `meta` hid that the image is HDR.
    """
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    content = bytearray(saved("AVIF"))
    place = content.index(b"colrnclx")
    content[place + 10 : place + 12] = (16).to_bytes(2, "big")
    after = int.from_bytes(content[:4], "big")
    free = struct.pack(">I4s", 8 + (1 << 17), b"free") + bytes(1 << 17)
    hidden = bytes(content[:after]) + free + bytes(content[after:])
    for each in (bytes(content), hidden):
        assert "is an HDR AVIF (PQ)" in error_of(tmp_path / "x.avif", each)


def test_a_name_of_a_property_among_the_data_of_an_avif(tmp_path: Path) -> None:
    """The bytes "colrnclx" in a free box are not a property, so they do not make an image HDR."""
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    path = tmp_path / "x.avif"
    content = saved("AVIF")
    after = int.from_bytes(content[:4], "big")
    free = b"colrnclx\0\x09\0\x10\0\x09\x80"
    content = content[:after] + struct.pack(">I4s", 8 + len(free), b"free") + free + content[after:]
    with pytest.raises(ImageError) as caught:  # the free box moves the data, so the decoder reports damage
        path.write_bytes(content)
        read(path)
    assert "HDR" not in str(caught.value)


def test_a_deep_picture_that_is_not_there(tmp_path: Path) -> None:
    """No memory is allocated for pixels that exist only in the header.

    A file of 30 bytes took the memory of the 36 million pixels in its header. A larger image is refused by its size.
    """
    path = tmp_path / "x"
    for kind, scale in (("P5 ", "65535"), ("P2 ", "65535"), ("PF\n", "-1")):
        small, large = (f"{kind}{side} {side} {scale}\n".encode() + bytes(10) for side in (4000, 20_000))
        assert "is 20000x20000" in error_of(path, large)
        assert "truncated: 10 of" in error_of(path, small)
    grown, told = memory_of(path)
    assert "truncated" in told and grown < 20_000_000


@pytest.mark.parametrize("side", [1, 3000])
def test_a_million_frames(tmp_path: Path, side: int) -> None:
    """A GIF with too many frames is refused, but its first frame can be read.

    All frames of one pixel in a file of 16 MB were counted. On a large canvas, each frame is a whole image.
    """
    screen = b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"  # 1 x 1, one block of codes
    path = tmp_path / "x.gif"
    path.write_bytes(screen + frame * 1_000_000 + b";")
    told = "more than the limit of 2000 frames" if side == 1 else "more than the limit of 20000000 pixels"
    with pytest.raises(ImageError, match=told):
        read(path, frames="all", max_pixels=20_000_000)
    assert read(path, frames="first").notes == ("only the first of several frames was read",)


def test_pages_that_share_their_tags() -> None:
    """A TIFF is refused if its pages have more than 131,072 tags in total.

    A file of 800 kB had 2,000 overlapping directories of 65,535 tags each. Each directory was read for its page.
    """
    entry, count = struct.pack("<HHII", 65000, 3, 1, 0), 0xFFFF
    content = bytearray(b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", count) + entry * (count + 4000))
    for number in range(2000):
        place = 8 + 24 * number
        struct.pack_into("<H", content, place, count)
        struct.pack_into("<I", content, place + 2 + 12 * count, place + 24)
    with pytest.raises(ValueError, match="more than 131072 tags"):
        list(find_pages(io.BytesIO(content)))


def test_pages_that_share_their_data(tmp_path: Path) -> None:
    """The pixels of all pages are counted before check sums are verified.

    The data of a page decompress to the pixels in its header, although the page takes only 120 bytes of the file.
    """
    side, count = 1000, 1900
    data = zlib.compress(bytes(side * side))
    start = 8 + len(data)
    entries = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 273: 8, 277: 1, 278: side, 279: len(data)}
    content = b"II*\0" + struct.pack("<I", start) + data
    for number in range(count):
        following = start + (number + 1) * (6 + 12 * len(entries))
        content += struct.pack("<H", len(entries))
        content += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries.items())
        content += struct.pack("<I", following if number < count - 1 else 0)
    path = tmp_path / "x.tif"
    path.write_bytes(content)
    with pytest.raises(
        ImageError, match="the first 11 frames or pages of the file have more than the limit of 10000000 pixels"
    ):
        read(path, frames="all", max_pixels=10_000_000)


@pytest.mark.parametrize("comment", [b"#" + b"x" * 5000 + b"\n", b"# " * 40 + b"\r", b""])
def test_a_long_comment_in_a_pnm(tmp_path: Path, comment: bytes) -> None:
    """The largest value of a PNM is found behind a long comment.

    The reader looked for it only in the first 4,096 bytes, so a comment hid that it is 65535.
    """
    path = tmp_path / "x.ppm"
    path.write_bytes(b"P6 " + comment + b"2 2 " + comment + b"65535\n" + bytes(range(24)))
    assert read(path).pixels.ravel().tolist() == [256 * high + high + 1 for high in range(0, 24, 2)]
    path.write_bytes(b"P6 " + comment + b"2 2 " + comment + b"255\n" + bytes(range(12)))
    assert read(path).pixels.ravel().tolist() == list(range(12))


def test_a_tiff_beyond_the_limit_of_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A TIFF above Pillow's own limit of 179 million pixels is read. It was once reported as damaged."""
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 4)
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(noise(9, 9)))
    assert np.array_equal(read(path).pixels, noise(9, 9))


@pytest.mark.skipif(int(PIL.__version__.partition(".")[0]) < 13, reason="before 13, Pillow reads a WebP of any size")
def test_a_gif_beyond_the_limit_of_pillow_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A WebP above Pillow's limit is not reported as damaged. The message names the limit of Pillow."""
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 4)
    told = error_of(tmp_path / "x.webp", saved("WEBP", lossless=True, exif=b"Exif\0\0"))
    assert "damaged" not in told and "PIL.Image.MAX_IMAGE_PIXELS" in told


def test_what_comes_from_outside_is_cut(tmp_path: Path) -> None:
    """A message shortens text from a file. A token of 4,000 characters once appeared in full."""
    told = error_of(tmp_path / "x.ppm", b"P6 2 2 " + b"9" * 4000 + b"\n" + bytes(12))
    assert len(told) < len(str(tmp_path)) + 300


@pytest.mark.skipif(sys.platform == "win32", reason="Pillow has libtiff inside itself there")
def test_libtiff_does_not_write_to_the_terminal(tmp_path: Path) -> None:
    """Messages of libtiff do not reach standard error. They were once printed unchanged."""
    path = tmp_path / "x.tif"
    file = io.BytesIO()
    PILImage.fromarray(noise(64, 64)).save(file, "TIFF", compression="tiff_lzw")
    content = bytearray(file.getvalue())
    content[300:900] = b"\xff" * 600
    path.write_bytes(content)
    script = "import sys; from pathlib import Path; from eyediff.images import read; read(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback") and done.stderr.rstrip().count("\n") == done.stderr.strip().count("\n")
    assert "not yet in table" not in done.stderr
