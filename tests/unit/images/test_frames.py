"""Files of several pictures: one is read, and the others are told of."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff.images import read

from .make import noise


def animated(kind: str, **how: object) -> Callable[[], bytes]:
    def made() -> bytes:
        frames = [PILImage.fromarray(noise(8, 8, seed=seed)) for seed in range(3)]
        found = io.BytesIO()
        frames[0].save(found, kind, save_all=True, append_images=frames[1:], **how)
        return found.getvalue()

    return made


@pytest.mark.parametrize(
    ("made", "note"),
    [
        (animated("WEBP", lossless=True), "first of 3 frames"),
        (animated("PNG"), "first of 3 frames"),
        (animated("TIFF"), "first of several pages"),
    ],
    ids=["webp", "png", "tiff"],
)
def test_of_several_frames_the_first_is_read_and_said_so(tmp_path: Path, made: Callable[[], bytes], note: str) -> None:
    """Lossless animations, so the first frame is exactly what was put in."""
    path = tmp_path / "moving"
    path.write_bytes(made())
    image = read(path)
    assert note in image.notes
    assert np.array_equal(image.pixels, noise(8, 8, seed=0))


def test_gif_and_icon_say_what_was_left_out(shared: Path) -> None:
    """The counts are those of the files' makers: five frames, four sizes of which 48 is the largest."""
    folder = shared / "images/decode/mixed"
    assert read(folder / "gif/anim/any-disposal.gif").notes == ("first of 5 frames",)
    icon = read(folder / "ico/images/multiple_entries_with_different_bit_depth.ico")
    assert icon.notes == ("largest of 4 sizes",)
    assert icon.pixels.shape == (48, 48, 3)
