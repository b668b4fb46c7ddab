"""Files of a second attack: tiles, animation and sparse weights that took memory or gave a wrong image.

The defences: sizes in headers are checked before a decoder or a library allocates memory. Frames that a decoder would
show instead of the default image are removed from the file first.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import ImageError
from eyediff.images import read
from eyediff.weights import containers
from tests.unit.images.make import chunk

from .refused import refuse


def tiff_of(tags: Mapping[int, int]) -> bytes:
    """Return a little-endian TIFF whose tags each have a single long."""
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def tiled(side: int, tile: int) -> bytes:
    """Return a gray TIFF whose only tile has these sides and no data."""
    return tiff_of(
        {256: side, 257: side, 258: 8, 259: 1, 262: 1, 277: 1, 322: tile, 323: tile, 324: 8, 325: tile * tile}
    )


def test_a_tile_far_larger_than_its_picture(tmp_path: Path) -> None:
    """A tile far larger than its image is refused by the header.

    16x16 pixels in a tile of 26000x26000 took 4 GB.
    """
    path = tmp_path / "tile.tif"
    path.write_bytes(tiled(16, 26_000))
    with pytest.raises(ImageError, match="tiles of 26000x26000 pixels"):
        read(path)


def test_usual_tiles_pass_the_check(tmp_path: Path) -> None:
    """A tile of 256 around an image of 16 passes the check, because writers make such tiles.

    Only the missing data of the tile are reported.
    """
    path = tmp_path / "tile.tif"
    path.write_bytes(tiled(16, 256))
    with pytest.raises(ImageError, match="damaged"):
        read(path)


def animated(depth: int) -> bytes:
    """Return an APNG whose default image is not a frame, and whose only frame is black.

    The level of the default image is 51400 at 16 bits, and 200 at 8 bits.
    """
    side, scale = 4, depth // 8
    rows = [zlib.compress((b"\0" + bytes([value]) * 3 * side * scale) * side) for value in (200, 0)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, 2, 0, 0, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0))
    frames = chunk(b"acTL", struct.pack(">II", 1, 0))
    pieces = [header, frames, chunk(b"IDAT", rows[0]), frame, chunk(b"fdAT", struct.pack(">I", 1) + rows[1])]
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("depth", "level"), [(8, 200), (16, 200 * 257)])
def test_the_default_image_of_an_animation_is_read(tmp_path: Path, depth: int, level: int) -> None:
    """The default image of an APNG is read. At 16 bits, the first frame was once read instead."""
    pytest.importorskip("cv2")
    path = tmp_path / "animated.png"
    path.write_bytes(animated(depth))
    assert np.unique(read(path).pixels).tolist() == [level]


def sparse(path: Path, kind: str, size: int) -> Path:
    """Write a safetensors file of one tensor, whose values take no space on the disk."""
    count = size // (8 if kind == "F64" else 2)
    header = json.dumps({"features.0.weight": {"dtype": kind, "shape": [count], "data_offsets": [0, size]}}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + size)
    return path


@pytest.mark.parametrize(("kind", "size"), [("F16", 1_000_000_000), ("F64", (256 << 20) + 8), ("F16", (128 << 20) + 2)])
def test_tensors_of_more_than_the_limit(tmp_path: Path, kind: str, size: int) -> None:
    """Tensors of more than the limit are refused before they are read.

    Their size is counted as stored and as float32. 1 GB of float16 took 4 GB.
    """
    refuse(sparse(tmp_path / "w.safetensors", kind, size), "its tensors take")


def test_tensors_that_are_not_kept_do_not_count(tmp_path: Path) -> None:
    """Tensors that are not kept do not count, so a classifier beside the features is accepted."""
    assert containers.read(sparse(tmp_path / "w.safetensors", "F16", 1_000_000_000), lambda _: False) == {}


def test_a_file_of_6_gb(tmp_path: Path) -> None:
    """A file of 6 GB is refused by its size.

    The size is checked first. Such a file once ended in a PanicException, which no error handler catches.
    """
    refuse(sparse(tmp_path / "w.safetensors", "F16", 6_000_000_000), "has 6,000,000,[0-9]{3} bytes")


def test_a_huge_header(tmp_path: Path) -> None:
    """A huge header is refused. The header is parsed as JSON, so its length is limited."""
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", 2 << 20) + b"{" + b" " * (2 << 20))
    refuse(path, "the file states a header of")
