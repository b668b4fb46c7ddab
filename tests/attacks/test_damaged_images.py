"""Damage that decoders do not report: images with missing or changed parts were read as complete images.

Of 40 JPEG files that were cut and closed with an end mark, 34 were read, with gray in place of the missing data. Of 40
deflated TIFF files with a hole, all 40 were read. The defence: `images/jpeg.py` passes each scan to libjpeg separately,
and detects whether libjpeg waits for more data. The check sums of deflated strips, and of a PNG inside an ICO, are
verified.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff.errors import ImageError
from eyediff.images import jpeg, read
from tests.unit.images.make import noise, png

END = b"\xff\xd9"


def blocks() -> PILImage.Image:
    """Return an image of 30 x 20 blocks with noisy colours."""
    flat = np.kron(noise(30, 20), np.ones((8, 8, 1), np.uint8))
    return PILImage.fromarray((flat * 0.7 + noise(240, 160, seed=1) * 0.2).astype(np.uint8))


WAYS: dict[str, dict[str, object]] = {
    "4:2:0": {},
    "4:4:4": {"subsampling": 0, "quality": 100},
    "gray": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
    "restarts": {"restart_marker_blocks": 5},
    "progressive": {"progressive": True},
    "progressive gray": {"mode": "L", "progressive": True, "restart_marker_rows": 1},
}


def coded(mode: str = "RGB", **how: object) -> bytes:
    file = io.BytesIO()
    blocks().convert(mode).save(file, "JPEG", **how)
    return file.getvalue()


@pytest.mark.parametrize("way", WAYS)
def test_a_jpeg_cut_and_closed(tmp_path: Path, way: str) -> None:
    """A JPEG that is cut gives an error, or a note if only its last scans are missing.

    The test cuts each file at 40 places before its last two blocks. A whole file is read as Pillow reads it.
    """
    content = coded(**WAYS[way])  # type: ignore[arg-type]
    path = tmp_path / "x.jpg"
    path.write_bytes(content)
    with PILImage.open(path) as im:
        assert np.array_equal(read(path).pixels, np.asarray(im.convert("RGB")))
    start = content.index(b"\xff\xda") + 20
    for cut in np.linspace(start, len(content) - 300, 40).astype(int):
        path.write_bytes(content[:cut] + END)
        try:
            assert jpeg.LATER_SCANS in read(path).notes
        except ImageError as error:
            assert "coded data end before the picture does" in str(error)


def test_a_progressive_jpeg_without_its_last_scan(tmp_path: Path) -> None:
    """A progressive JPEG without its last scan is valid. It is read with a note."""
    content = coded(progressive=True)
    path = tmp_path / "x.jpg"
    path.write_bytes(content[: content.rindex(b"\xff\xda")] + END)
    assert read(path).notes == (jpeg.LATER_SCANS,)


@pytest.mark.parametrize("way", ["4:2:0", "progressive"])
def test_a_jpeg_with_data_behind_its_last_pixel(tmp_path: Path, way: str) -> None:
    """A JPEG with data after its last pixel is read with a note, or refused as damaged.

    The test inserts zeros, each of which stands for many pixels, so that other data remain at the end.
    """
    content = coded(**WAYS[way])  # type: ignore[arg-type]
    place = content.index(b"\xff\xda") + 20
    path = tmp_path / "x.jpg"
    path.write_bytes(content[:place] + bytes(2000) + content[place:])
    try:
        assert jpeg.SURPLUS in read(path).notes
    except ImageError as error:
        assert "damaged" in str(error)


@pytest.mark.parametrize("depth", [8, 16])
def test_a_hole_in_a_deflated_tiff(tmp_path: Path, depth: int) -> None:
    """A deflated TIFF with zeros in place of 100 bytes is refused. The test tries 40 places."""
    path = tmp_path / "x.tif"
    if depth == 8:
        blocks().save(path, compression="tiff_adobe_deflate")
    else:
        cv2 = pytest.importorskip("cv2")
        pixels = np.asarray(blocks()).astype(np.uint16) * 257
        cv2.imwrite(str(path), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 8])
    content = path.read_bytes()
    assert read(path).pixels.shape == (240, 160, 3)
    for place in np.linspace(200, len(content) * 0.9, 40).astype(int):
        path.write_bytes(content[:place] + bytes(100) + content[place + 100 :])
        with pytest.raises(ImageError):
            read(path)


def test_damage_in_a_png_inside_an_ico(tmp_path: Path) -> None:
    """A changed byte in the image data of a PNG inside an ICO is detected by the check sum."""
    inner = png(noise(32, 32, 4), 6)
    head = struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(inner), 22)
    path = tmp_path / "x.ico"
    path.write_bytes(head + inner)
    read(path)
    for place in range(inner.index(b"IDAT") + 8, len(inner) - 16, len(inner) // 40):
        damaged = inner[:place] + bytes([inner[place] ^ 1]) + inner[place + 1 :]
        path.write_bytes(head + damaged)
        with pytest.raises(ImageError, match="check sum"):
            read(path)
