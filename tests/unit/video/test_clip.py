"""Tests of reading clips: rotated, raw, truncated and other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.errors import ImageError
from eyediff.video import open_clip
from eyediff.video.clip import Clip

from .make import cut, encode, pattern


def test_lossless_frames_come_back(tmp_path: Path) -> None:
    """Every pixel of a lossless clip is read in order, with the time of each frame."""
    with Clip(encode(tmp_path / "a.mkv", range(5))) as clip:
        assert (clip.width, clip.height, clip.notes) == (64, 48, ())
        frames = list(clip.frames())
        assert [frame.number for frame in frames] == list(range(5))
        assert [frame.time for frame in frames] == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])
        for i, frame in enumerate(frames):
            np.testing.assert_array_equal(clip.pixels(frame), pattern(i))
        assert clip.shortfall(5, frames[-1].time) is None


@pytest.mark.parametrize("turned", [90, -90, 180])
def test_a_turned_clip_is_turned(tmp_path: Path, turned: int) -> None:
    """A clip is rotated by its display matrix, which counts counter-clockwise. A quarter turn swaps the sides."""
    path = encode(tmp_path / "a.mp4", range(3), codec="libx264rgb", pixels="rgb24", options={"qp": "0"}, turned=turned)
    with Clip(path) as clip:
        assert (clip.width, clip.height) == ((64, 48) if turned == 180 else (48, 64))
        first = next(clip.frames())
        np.testing.assert_array_equal(clip.pixels(first), np.rot90(pattern(0), turned // 90))


def test_the_small_copy_is_a_mean(tmp_path: Path) -> None:
    """Each pixel of the thumbnail is the mean of all pixels of its block, so a fine checkerboard becomes gray.

    Two roundings allow a difference of 2 levels.
    """
    with Clip(encode(tmp_path / "a.mkv", range(2), size=(640, 360))) as clip:
        thumb = next(clip.frames()).thumb
    luma = pattern(0, 640, 360) @ np.array([0.299, 0.587, 0.114])
    expected = luma.reshape(36, 10, 64, 10).mean((1, 3)) * 219 / 255 + 16
    assert min(np.abs(thumb - expected).max(), np.abs(thumb - (expected - 16) * 255 / 219).max()) < 2


def test_a_stream_without_times_is_counted(tmp_path: Path) -> None:
    """The frames of a raw H.264 stream have no times. They follow each other at a constant rate, and a note says so."""
    path = encode(tmp_path / "a.h264", range(6), codec="libx264", pixels="yuv420p")
    with Clip(path) as clip:
        assert any("have no times" in note for note in clip.notes)
        assert [frame.time for frame in clip.frames()] == pytest.approx([i * clip.seconds for i in range(6)])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_file_cut_short_says_so(tmp_path: Path, name: str) -> None:
    """The existing frames of a truncated file are decoded. The clip reports that its header announces more."""
    path = encode(tmp_path / name, range(24), codec="libx264", pixels="yuv420p", options={"bf": "0"})
    with Clip(cut(path, 0.7)) as clip:
        frames = list(clip.frames())
        assert 3 < len(frames) < 24
        assert clip.shortfall(len(frames), frames[-1].time)


def test_an_animated_webp_is_a_clip(tmp_path: Path) -> None:
    """An animated WebP, which FFmpeg does not support, is read with its own times.

    A frame that cannot be decoded is reported.
    """
    path, frames = tmp_path / "a.bin", [Image.fromarray(pattern(i)) for i in range(4)]
    durations = [40, 100, 20, 60]
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], lossless=True, duration=durations)
    with open_clip(path) as clip:
        assert (clip.width, clip.height, clip.notes, clip.announced, clip.seconds) == (64, 48, (), 4, 0.04)
        found = list(clip.frames())
        assert [frame.time for frame in found] == pytest.approx([0, 0.04, 0.14, 0.16])
        for i, frame in enumerate(found):
            np.testing.assert_array_equal(clip.pixels(frame), pattern(i))
        assert clip.shortfall(4, found[-1].time) is None
    content = bytearray(path.read_bytes())
    place = content.rindex(b"VP8L") + 9  # the data of the last frame
    content[place : place + 400] = bytes(400)
    path.write_bytes(content)
    with open_clip(path) as clip:
        count = len(list(clip.frames()))
        assert count == 3 and "its header states 4 frames, but 3 could be decoded" in clip.shortfall(count, 0.14)
    path.write_bytes(content[:60])
    with pytest.raises(ImageError, match="cannot be read as a WebP"):
        open_clip(path)
    assert type(open_clip(encode(tmp_path / "a.mkv", range(2)))) is Clip


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    """A missing file, a folder, a text, a playlist and an image are refused as videos.

    A playlist could open other files.
    """
    encode(tmp_path / "a.ts", range(3), codec="libx264", pixels="yuv420p")
    texts = {"a.txt": "no video", "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\na.ts\n#EXT-X-ENDLIST\n"}
    texts["a.ffconcat"] = f"ffconcat version 1.0\nfile {tmp_path / 'a.ts'}\n"
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    for name in [*texts, "missing.mp4", "."]:
        with pytest.raises(ImageError, match=r"cannot be read as a video|does not exist|is a folder"):
            open_clip(tmp_path / name)
    for kind in ("PNG", "TIFF"):
        Image.new("RGB", (8, 8)).save(tmp_path / "image", kind)
        with pytest.raises(ImageError, match=rf"it is an image \({kind}\); `eyediff compare`"):
            open_clip(tmp_path / "image")


def test_a_damaged_frame_is_not_compared(tmp_path: Path) -> None:
    """A damaged frame has no score, because the decoder guessed its pixels."""
    with Clip(encode(tmp_path / "a.mkv", range(2))) as clip:
        frame = next(clip.frames())
        guessed = type(frame)(frame.number, frame.time, frame.thumb, frame.picture, True)
        with pytest.raises(ImageError, match="frame 0 is damaged"):
            clip.pixels(guessed)
