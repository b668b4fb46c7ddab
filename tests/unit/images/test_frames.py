"""Tests of files with several frames or pages: all are read, or one is read and a note reports the others."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff import defaults
from eyediff.errors import ImageError
from eyediff.images import read

from .make import GRAY, RGB, Samples, chunk, noise, png, tiff


def animated(kind: str, **how: object) -> Callable[[], bytes]:
    def made() -> bytes:
        frames = [PILImage.fromarray(noise(8, 8, seed=seed)) for seed in range(3)]
        found = io.BytesIO()
        frames[0].save(found, kind, save_all=True, append_images=frames[1:], **how)
        return found.getvalue()

    return made


@pytest.mark.parametrize(
    "made",
    [animated("WEBP", lossless=True), animated("PNG"), animated("TIFF"), animated("TIFF", compression="tiff_lzw")],
    ids=["webp", "png", "tiff", "lzw"],
)
def test_of_several_frames_the_first_or_all_are_read(tmp_path: Path, made: Callable[[], bytes]) -> None:
    """The first frame or all frames are read exactly, because the animations are lossless.

    If one frame is expected, the file is refused.
    """
    path = tmp_path / "moving"
    path.write_bytes(made())
    image = read(path)
    assert image.notes == ("only the first of several frames was read",)
    assert np.array_equal(image.pixels, noise(8, 8, seed=0))
    assert image.later == ()
    every = read(path, frames="all")
    assert every.notes == ()
    assert [frame.later for frame in every.frames] == [()] * 3
    for seed, frame in enumerate(every.frames):
        assert np.array_equal(frame.pixels, noise(8, 8, seed=seed))
    with pytest.raises(ImageError, match="has several frames or pages; expected one"):
        read(path, frames="one")


def control(number: int, side: int, at: int = 0) -> bytes:
    """Return the fcTL chunk of a frame that is blended over the previous frame."""
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, side, side, at, at, 1, 10, 0, 1))


def of_two(picture: Samples, colour: int, part: Samples, *extra: bytes) -> bytes:
    """Return an animated PNG of two frames: a picture, and a part of it that changes at pixel 1, 1."""
    rows = part.astype(part.dtype.newbyteorder(">")).reshape(len(part), -1).view(np.uint8)
    data = chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    begin = chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, len(picture))
    return png(picture, colour, *extra, begin, after=[control(1, len(part), at=1) + data])


def test_frames_are_what_is_shown(tmp_path: Path) -> None:
    """Each frame is the picture that a viewer shows.

    A frame that is only a part of the picture is drawn over the previous frame. A transparent colour stays transparent
    in every frame.
    """
    red, blue = (np.tile(np.array(colour, np.uint8), (4, 4, 1)) for colour in ((255, 0, 0), (0, 0, 255)))
    part, path = noise(2, 2), tmp_path / "a.png"
    path.write_bytes(of_two(red, RGB, part))
    expected = red.copy()
    expected[1:3, 1:3] = part
    first, later = read(path, frames="all").frames
    assert np.array_equal(first.pixels, red) and np.array_equal(later.pixels, expected)
    path.write_bytes(of_two(blue, RGB, part, chunk(b"tRNS", b"\0\0\0\0\0\xff")))
    first, later = read(path, frames="all").frames
    for frame in (first, later):
        assert frame.over_white is not None
        assert frame.pixels[0, 0].tolist() == [0, 0, 0] and frame.over_white[0, 0].tolist() == [255, 255, 255]
    assert np.array_equal(later.pixels[1:3, 1:3], part)


def test_an_animation_of_which_a_part_is_missing(tmp_path: Path) -> None:
    """An animation is refused if a later frame has a wrong check sum, or if its header states a wrong count."""
    content, path = animated("PNG")(), tmp_path / "a.png"
    place = content.rindex(b"fdAT") + 20
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(ImageError, match="check sum of its fdAT"):
        read(path, frames="all")
    counts = [chunk(b"acTL", struct.pack(">II", count, 0)) for count in (3, 2)]
    assert counts[0] in content
    path.write_bytes(content.replace(*counts))
    with pytest.raises(ImageError, match="its animation has 3 frames, but its header states 2"):
        read(path)


def joined(*makers: Callable[..., bytes]) -> bytes:
    """Return one TIFF with these pages. The directory of each page points to the next directory."""
    starts = [0]
    for make in makers:
        starts.append(starts[-1] + len(make()))
    directories = [struct.unpack_from("<I", make(at=at), 4)[0] for make, at in zip(makers, starts[:-1], strict=True)]
    each = zip(makers, starts[:-1], [*directories[1:], 0], strict=True)
    return b"".join(make(at=at, following=following) for make, at, following in each)


def test_pages_of_different_kinds(tmp_path: Path) -> None:
    """Each page keeps its own depth and orientation.

    A page that is a smaller copy of another page is left out, and a note says so.
    """
    pytest.importorskip("cv2")
    colours, gray = noise(4, 6, dtype=np.uint16), noise(4, 6, 1, seed=2)
    path = tmp_path / "a.tif"
    path.write_bytes(
        joined(
            partial(tiff, colours, orientation=3),
            partial(tiff, gray, photometric=1, orientation=6),
            partial(tiff, noise(2, 3), also={254: (1,)}),
            partial(tiff, colours[::-1].copy()),
        )
    )
    image = read(path, frames="all")
    assert image.notes == ("pages that are smaller copies or masks of other pages were left out",)
    first, second, third = image.frames
    assert np.array_equal(first.pixels, colours[::-1, ::-1])
    assert np.array_equal(second.pixels, np.repeat(np.rot90(gray, -1), 3, axis=2))
    assert np.array_equal(third.pixels, colours[::-1])


@pytest.mark.parametrize(
    ("kind", "white", "size"), [("P4", "", 2), ("P5", "255 ", 6), ("P6", "9 ", 18), ("P5", "300 ", 12)]
)
def test_a_pnm_of_several_pictures_is_not_compared(tmp_path: Path, kind: str, white: str, size: int) -> None:
    """Only the first picture of a PNM file is read.

    The values "all" and "one" of `frames` refuse a file with several pictures.
    """
    picture = f"{kind} 3 2 {white}".encode() + bytes(size)
    path = tmp_path / "a.pnm"
    path.write_bytes(picture + picture)
    assert read(path).notes == ("only the first of several frames was read",)
    for frames in ("all", "one"):
        with pytest.raises(ImageError, match="has several pictures"):
            read(path, frames=frames)
    path.write_bytes(picture)
    assert read(path, frames="all").notes == ()


def test_a_deep_animation_is_refused(tmp_path: Path) -> None:
    """All frames of a 16-bit animation are refused, because Pillow reduces them to 8 bits.

    The first frame alone is read.
    """
    path = tmp_path / "a.png"
    path.write_bytes(of_two(noise(4, 4, 1, np.uint16), GRAY, noise(2, 2, 1, np.uint16)))
    with pytest.raises(ImageError, match="is an animated PNG of 16 bits"):
        read(path, frames="all")
    assert read(path).notes == ("only the first of several frames was read",)


def test_frames_beyond_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is refused if all its frames together have too many pixels, or if it has too many frames."""
    path = tmp_path / "a.tif"
    path.write_bytes(animated("TIFF")())
    assert len(read(path, frames="all", max_pixels=192).frames) == 3
    with pytest.raises(
        ImageError, match="the first 3 frames or pages of the file have more than the limit of 191 pixels"
    ):
        read(path, frames="all", max_pixels=191)
    monkeypatch.setattr(defaults, "MAX_FRAMES", 2)
    with pytest.raises(ImageError, match="more than the limit of 2 frames or pages"):
        read(path, frames="all")


def test_gif_and_icon_say_what_was_left_out(shared: Path) -> None:
    """A note reports the frames or sizes that were left out.

    The makers of the files state the numbers: five frames, and four sizes of which 48 is the largest.
    """
    folder = shared / "images/decode/mixed"
    assert read(folder / "gif/anim/any-disposal.gif").notes == ("only the first of several frames was read",)
    assert len(read(folder / "gif/anim/any-disposal.gif", frames="all").frames) == 5
    icon = read(folder / "ico/images/multiple_entries_with_different_bit_depth.ico")
    assert icon.notes == ("only the largest of 4 sizes was read",)
    assert icon.pixels.shape == (48, 48, 3)
