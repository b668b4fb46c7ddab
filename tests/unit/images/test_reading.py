"""Tests of `read`: every file gives an image, or an ImageError of one line that begins with its path."""

from __future__ import annotations

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageFile

from eyediff import defaults
from eyediff.errors import ImageError
from eyediff.images import decode, read

from .make import RGB, chunk, exif, noise, png, tiff

REFUSED_BMPS = {  # combinations of bit fields and depths that Pillow does not support, and damage as the names say
    "Bad_badbitcount.bad_bmp", "Bad_clrsUsed.bad_bmp", "Bad_height.bad_bmp", "Bad_pal8oversizepal.bad_bmp",
    "Bad_reallybig.bad_bmp", "Bad_shortfile.bad_bmp", "Bad_unusual_extend_buffer_usage.bad_bmp", "Bad_width.bad_bmp",
    "V3_A4_R4_G4_B4.bmp", "V3_A4_R4_G4_B4_Top_Down.bmp", "V3_X4_R4_G4_B4.bmp", "V3_X4_R4_G4_B4_Top_Down.bmp",
    "pal2.bmp", "pal2color.bmp", "pal4rlecut.bmp", "rgb16-231.bmp", "rgb32-111110.bmp", "rgb32bf.bmp",
    "rgba16-1924.bmp", "rgba32-61754.bmp",
}  # fmt: skip
REFUSED = REFUSED_BMPS | {
    "incomplete_image.jpg",  # truncated
    "hpredict_cmyk.tiff",  # five channels: CMYK with alpha
    "rgb32f_bw.tiff",  # floating point
    "rgb32f_color.tiff",
}


def message(path: Path, **how: int) -> str:
    with pytest.raises(ImageError) as caught:
        read(path, **how)
    told = str(caught.value)
    assert told.startswith(f"{path}: ")
    assert "\n" not in told
    return told


def test_every_file_gives_an_image_or_a_named_error(shared: Path) -> None:
    """Every file in decode/ gives sRGB pixels or an error that begins with its path.

    REFUSED lists the files that are refused.
    """
    refused, wrong = set(), []
    for path in sorted((shared / "images/decode").rglob("*")):
        if not path.is_file():
            continue
        try:
            image = read(path)
        except ImageError as error:
            refused.add(path.name)
            if not str(error).startswith(f"{path}: ") or "\n" in str(error):
                wrong.append(path.name)
        else:
            pixels = image.pixels
            if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.flags.c_contiguous:
                wrong.append(path.name)
    assert not wrong
    refused -= {name for name in refused if name.startswith("x")}  # another test reads the corrupt files of PngSuite
    assert refused <= REFUSED
    assert REFUSED - refused <= {"pal4rlecut.bmp"}  # truncated, which Pillow before 13 does not detect


@pytest.mark.parametrize(
    ("name", "where", "colour"),
    [
        # These colours were read by eye: the sky around a sky diver, a sunset, a clear sky over a cheetah, and the
        # green at the top right of the XYB gradient.
        ("cymk.jpg", (390, 590), (30, 110, 230)),
        ("four_components.jpg", (600, 60), (10, 5, 5)),
        ("huge_sof_number.jpg", (100, 700), (85, 155, 225)),
        ("weird_sampling_2.jpeg", (0, 31), (0, 220, 0)),
        ("sampling_factors.jpg", (10, 10), (150, 150, 145)),
        ("down_sampled_grayscale_prog.jpg", (5, 5), (255, 255, 255)),
    ],
)
def test_odd_jpegs_look_as_they_should(
    shared: Path, name: str, where: tuple[int, int], colour: tuple[int, ...]
) -> None:
    """Odd JPEG files have the expected colour at one position, within 40 levels.

    They have CMYK with Adobe's inversion, YCCK, odd sampling, or XYB with its profile.

    An inverted or unconverted picture differs by more than 100 levels in a channel. The tolerance of 40 covers the
    error of reading a colour by eye.
    """
    pixels = read(shared / "images/decode/jpeg" / name).pixels.astype(int)
    assert np.abs(pixels[where] - colour).max() <= 40


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing file is an error. A file may disappear after it was listed."""
    assert "no such file" in message(tmp_path / "gone.png")


def test_a_folder_and_a_pipe_are_no_images(tmp_path: Path) -> None:
    """A folder, a pipe and a device are refused. The reader must not wait for a pipe without a writer."""
    os.mkfifo(tmp_path / "pipe.png")
    assert "a folder" in message(tmp_path)
    assert "pipe or device" in message(tmp_path / "pipe.png")
    assert "pipe or device" in message(Path("/dev/zero"))


@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    """The error has the reason of the operating system."""
    path = tmp_path / "locked.png"
    path.write_bytes(png(noise(), RGB))
    path.chmod(0)
    assert "ermission denied" in message(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"hello, world", "it begins with 68 65"),
        (b"v/1\x01" + bytes(60), "OpenEXR contains linear light"),
        (b"#?RADIANCE\n", "tone-map"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE HTML><title>404</title>", "web page"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "film"),
        (b"\xff\x0a" + bytes(30), "JPEG XL"),
        (b"P6 2 2 65536\n" + bytes(24), "maximum value of 65536"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_strangers_are_named(tmp_path: Path, content: bytes, told: str) -> None:
    """The error for an unsupported file describes its content, and says what to do.

    Users have such files with the suffix of an image.
    """
    path = tmp_path / "some.png"
    path.write_bytes(content)
    assert told in message(path)


def test_a_suffix_may_lie(tmp_path: Path) -> None:
    """The content of a file decides its format. The suffix has no influence, in upper or lower case."""
    path = tmp_path / "photo.JPG"
    path.write_bytes(png(noise(), RGB))
    assert np.array_equal(read(path).pixels, noise())


def test_a_name_with_a_line_break_stays_on_one_line(tmp_path: Path) -> None:
    """The error for a file name with a line break is one line.

    File systems allow such names, but a table or a log does not.
    """
    path = tmp_path / "two\nlines.png"
    path.write_bytes(b"?")
    with pytest.raises(ImageError) as caught:
        read(path)
    assert "two\\nlines.png: the file is not PNG" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_more_pixels_than_allowed_are_refused_before_decoding(tmp_path: Path) -> None:
    """The limit is that of the caller, and not the limit that Pillow has for the whole process."""
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(5, 7), RGB))
    assert "7x5" in message(path, max_pixels=34)
    assert read(path, max_pixels=35).pixels.shape == (5, 7, 3)


def test_pillows_own_limit_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of Pillow has no effect.

    A warning (an error in these tests) or a refusal by Pillow would depend on other code of the process.
    """
    monkeypatch.setattr(PILImage, "MAX_IMAGE_PIXELS", 20)
    for kind in ("png", "jpeg", "webp", "bmp", "gif", "tiff"):
        path = tmp_path / f"a.{kind}"
        PILImage.fromarray(noise(5, 7)).save(path)
        assert read(path).pixels.shape == (5, 7, 3)


def test_no_picture_while_pillow_lets_damage_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is read while LOAD_TRUNCATED_IMAGES is set.

    A script that sets it would otherwise get scores of incomplete pictures.
    """
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(), RGB))
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert "LOAD_TRUNCATED_IMAGES" in message(path)


def test_warnings_of_pillow_do_not_reach_the_user(tmp_path: Path) -> None:
    """A warning of Pillow does not reach the user, and the warning filters stay unchanged.

    Pillow warns about a TIFF with a tag of too many values, and the tests turn warnings into errors.
    """
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(noise(), also={296: (2, 2, 2)}))
    with pytest.warns(UserWarning, match="too many entries"), PILImage.open(path) as opened:
        opened.load()
    before = list(warnings.filters)
    assert np.array_equal(read(path).pixels, noise())
    assert warnings.filters == before


def test_many_threads_read_as_one(tmp_path: Path) -> None:
    """Eight threads give the same pixels as one thread.

    The threads share decoders, colour profiles, locks and the log level of OpenCV.
    """
    for index in range(24):
        samples = noise(40, 30, dtype=np.uint16 if index % 3 == 0 else np.uint8, seed=index)
        content = tiff(samples) if index % 2 else png(samples, RGB, chunk(b"eXIf", exif(1 + index % 8)))
        (tmp_path / f"{index}.any").write_bytes(content)
    paths = sorted(tmp_path.iterdir()) * 4
    alone = [read(path).pixels for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read, paths))
    assert all(np.array_equal(a, b.pixels) for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize(("limit", "together"), [(10**9, True), (199, False)])
def test_large_images_are_decoded_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, together: bool
) -> None:
    """Several threads decode large images one at a time.

    During decoding, Pillow needs more memory than the final pixels.
    """
    meeting, met = threading.Barrier(2), list[bool]()
    plain = decode._planes

    def watched(*given):
        try:
            meeting.wait(5 if together else 0.1)
            met.append(True)
        except threading.BrokenBarrierError:
            met.append(False)
            meeting.reset()
        return plain(*given)

    monkeypatch.setattr(decode, "_planes", watched)
    monkeypatch.setattr(defaults, "ALONE_PIXELS", limit)
    path = tmp_path / "a.png"
    PILImage.new("RGB", (20, 10), (1, 2, 3)).save(path)
    with ThreadPoolExecutor(2) as pool:
        assert [image.pixels.shape for image in pool.map(read, [path] * 2)] == [(10, 20, 3)] * 2
    assert met == [together] * 2
