"""Tests of large images that are converted in pieces: the pixels are the same, in every mode."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from eyediff.images import icc
from eyediff.images.decode import to_array

RANDOM = np.random.RandomState(2)
PICTURE = Image.fromarray(RANDOM.randint(0, 256, (23, 17, 3)).astype(np.uint8))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "YCbCr", "RGBX"])
@pytest.mark.parametrize("piece", [1, 40, 17 * 22, 17 * 23])
def test_pieces_are_the_whole(mode: str, piece: int) -> None:
    """Pieces give the pixels of the complete image. A piece has one row, two rows, all rows but one, or all rows."""
    im = PICTURE.convert(mode)
    np.testing.assert_array_equal(to_array(im, lambda part: part, piece), np.asarray(im.convert("RGB")))


def test_a_change_is_applied_to_each_piece() -> None:
    """A change is applied to every piece.

    A profile changes each pixel independently, so the pieces do not alter the result. An unusable profile raises
    BrokenProfileError.
    """
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    with pytest.raises(icc.BrokenProfileError):
        to_array(PICTURE, lambda part: icc.to_srgb(part, profile.tobytes()), 40)
    found = to_array(PICTURE, lambda part: part.point([255 - level for level in range(256)] * 3), 40)
    np.testing.assert_array_equal(found, 255 - np.asarray(PICTURE))
