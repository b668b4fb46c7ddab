"""Tests of the policies that give two images one size and one storage type."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff.errors import SizeError, UsageError
from eyediff.images import check_size, fit
from eyediff.records import Image

from .make import noise


def image(height: int, width: int, dtype: type = np.uint8, seed: int = 0, clear: bool = False) -> Image:
    pixels = noise(height, width, dtype=dtype, seed=seed)
    return Image(f"{seed}.png", pixels, noise(height, width, dtype=dtype, seed=seed + 100) if clear else None)


def test_images_of_one_size_are_left_alone() -> None:
    """The policies "refuse", "resize" and "crop" return the same objects if the images have the same size."""
    a, b = image(5, 7), image(5, 7, seed=1)
    for policy in ("refuse", "resize", "crop"):
        assert fit(a, b, policy) == (a, b)  # type: ignore[arg-type]


def test_refusing_names_both_files_and_sizes() -> None:
    """The error has both files, both sizes, and the policies that would accept them."""
    with pytest.raises(SizeError, match=r"^0\.png is 7x5, 1\.png is 8x5: .*size='resize' or size='crop'"):
        fit(image(5, 7), image(5, 8, seed=1), "refuse")


def test_cropping_keeps_the_centre_that_both_have() -> None:
    """Cropping keeps the common centre, also if one image is higher and the other is wider.

    The picture on white is cropped, too, and the notes say so.
    """
    a, b = image(9, 6, clear=True), image(4, 11, seed=1)
    left, right = fit(a, b, "crop")
    assert np.array_equal(left.pixels, a.pixels[2:6])
    assert left.over_white is not None
    assert a.over_white is not None
    assert np.array_equal(left.over_white, a.over_white[2:6])
    assert np.array_equal(right.pixels, b.pixels[:, 2:8])
    assert left.notes == ("cropped from 6x9 to 6x4",)
    assert right.notes == ("cropped from 11x4 to 6x4",)
    assert left.pixels.flags.c_contiguous


def test_resizing_brings_the_candidate_to_the_reference() -> None:
    """The candidate is resized to the size of the reference. The reference stays unchanged."""
    a, b = image(9, 6), image(30, 40, seed=1, clear=True)
    left, right = fit(a, b, "resize")
    assert left is a
    assert right.pixels.shape == a.pixels.shape
    assert right.over_white is not None
    assert right.over_white.shape == a.pixels.shape
    assert right.notes == ("resized from 40x30 to 6x9",)


def lanczos(signal: np.ndarray, size: int) -> np.ndarray:
    """Return a signal resized along its first axis by Lanczos with three lobes.

    If the signal shrinks, the kernel is widened by the scale. The weights sum to 1.

    The code follows the definition: sinc(x) sinc(x/3) at distances in output pixels, with half-pixel centres.
    """
    scale = max(len(signal) / size, 1.0)
    rows = []
    for index in range(size):
        centre = (index + 0.5) * len(signal) / size
        distance = (np.arange(len(signal)) + 0.5 - centre) / scale
        weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
        rows.append(np.tensordot(weights / weights.sum(), signal, 1))
    return np.array(rows)


@pytest.mark.parametrize(("height", "width"), [(13, 9), (40, 50), (7, 61)])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        # Values are rounded after each axis. The weights of the second axis multiply the first rounding error. Their
        # absolute sum is below 1.6, so the error is at most 0.5 * 1.6 + 0.5.
        (np.uint8, 1.3),
        (np.uint16, 0.6),  # rounded once: half a level; float32 has 8 bits more than the levels
        (np.float32, 1e-6),  # float32 sums of at most 60 products below 1
    ],
)
def test_the_kernel_is_lanczos_without_aliasing(height: int, width: int, dtype: type, tolerance: float) -> None:
    """Larger, smaller and mixed sizes agree with the definition, in every storage type.

    The values of this test do not overshoot the range.
    """
    peak = 1.0 if dtype is np.float32 else float(np.iinfo(dtype).max)
    pixels = ((noise(21, 23, dtype=np.uint16) / 65535 * 0.3 + 0.35) * peak).astype(dtype)
    exact = lanczos(lanczos(pixels.astype(np.float64).swapaxes(0, 1), width).swapaxes(0, 1), height)
    assert 0 < exact.min() < exact.max() < peak
    _, found = fit(Image("a", np.zeros((height, width, 3), dtype)), Image("b", pixels), "resize")
    assert found.pixels.dtype == dtype
    assert np.abs(found.pixels - exact).max() <= tolerance


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_overshoot_is_clipped(dtype: type) -> None:
    """Values beyond black and white are clipped.

    An edge from black to white overshoots both, and a wrap-around would give the opposite level.
    """
    peak = 1 if dtype is np.float32 else 65535
    pixels = np.zeros((8, 8, 3), dtype)
    pixels[:, 4:] = peak
    _, found = fit(Image("a", np.zeros((8, 64, 3), dtype)), Image("b", pixels), "resize")
    assert (found.pixels[:, :28] < peak / 4).all()
    assert (found.pixels[:, 36:] > peak * 3 / 4).all()
    assert found.pixels.min() == 0
    assert found.pixels.max() == peak


def test_8_bits_are_resized_as_pillow_does() -> None:
    """8-bit images are resized exactly as by Pillow, so that users who resize with Pillow first get the same score."""
    pixels = noise(21, 23)
    _, found = fit(Image("a", np.zeros((13, 50, 3), np.uint8)), Image("b", pixels), "resize")
    expected = PILImage.fromarray(pixels).resize((50, 13), PILImage.Resampling.LANCZOS)
    assert np.array_equal(found.pixels, np.asarray(expected))


def test_a_flat_image_stays_flat() -> None:
    """A flat image keeps its level at any size, because the weights sum to 1."""
    for dtype in (np.uint8, np.uint16, np.float32):
        level = 0.25 if dtype is np.float32 else 201
        _, found = fit(Image("a", np.zeros((17, 5, 3), dtype)), Image("b", np.full((8, 31, 3), level, dtype)), "resize")
        assert np.allclose(found.pixels, level, rtol=1e-6, atol=0)  # float32 sums of up to 19 weights


def test_storage_types_meet_exactly() -> None:
    """All 256 levels of 8 bits become 16 bits by the factor 257, because 65535 / 255 = 257.

    Floats are the fraction of white.
    """
    levels = np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), 3, axis=2)
    deep = noise(16, 16, dtype=np.uint16)
    a, b = fit(Image("a", levels), Image("b", deep), "refuse")
    assert b.pixels is deep
    assert all(
        Fraction(int(got), 65535) == Fraction(int(level), 255)
        for got, level in zip(a.pixels.flat, levels.flat, strict=True)
    )
    floats = np.zeros((16, 16, 3), np.float32)
    for pixels, peak in ((levels, 255), (deep, 65535)):
        left, right = fit(Image("a", pixels), Image("b", floats), "refuse")
        assert right.pixels is floats
        assert left.pixels.dtype == np.float32
        # The result is correctly rounded: it equals a division in double precision that is rounded once.
        assert np.array_equal(left.pixels, (pixels.astype(np.float64) / peak).astype(np.float32))


def test_over_white_takes_part_in_the_storage_type() -> None:
    """Both pictures of a transparent image have the same storage type."""
    a, b = fit(image(5, 7, clear=True), image(5, 7, np.uint16), "refuse")
    assert a.over_white is not None
    assert a.over_white.dtype == a.pixels.dtype == b.pixels.dtype == np.uint16


def test_the_upper_left_that_both_have() -> None:
    """The common upper left part is compared.

    So a page that grew at its end is compared where both pages have pixels.
    """
    a, b = image(9, 6, clear=True), image(4, 11, seed=1)
    left, right = fit(a, b, "top-left")
    assert np.array_equal(left.pixels, a.pixels[:4]) and np.array_equal(right.pixels, b.pixels[:, :6])
    assert left.over_white is not None and a.over_white is not None
    assert np.array_equal(left.over_white, a.over_white[:4])
    assert right.notes == ("cropped from 11x4 to 6x4",)


def test_what_is_missing_counts_as_different() -> None:
    """Pixels that one image lacks differ by at least half of the range, in each channel.

    Pixels that both images lack are black in both. The storage types are made equal first.
    """
    a, b = image(9, 6, dtype=np.uint16), image(4, 11, seed=1)
    left, right = fit(a, b, "pad")
    assert (
        left.pixels.shape == right.pixels.shape == (9, 11, 3) and left.pixels.dtype == right.pixels.dtype == np.uint16
    )
    assert np.array_equal(left.pixels[:, :6], a.pixels) and np.array_equal(right.pixels[:4], b.pixels * np.uint16(257))
    apart = np.abs(left.pixels.astype(int) - right.pixels)
    assert (apart[4:, :6] >= 32767).all() and (apart[:4, 6:] >= 32767).all() and not apart[4:, 6:].any()
    assert set(np.unique(left.pixels[:4, 6:])) <= {0, 65535}
    assert left.notes == ("padded from 6x9 to 11x9",)


@pytest.mark.parametrize("resampling", ["lanczos", "bicubic", "bilinear", "box", "nearest"])
def test_both_to_one_size_by_a_filter(resampling: str) -> None:
    """Both images are resized as by Pillow with the same filter. An image that already has the size stays unchanged."""
    a, b = image(30, 40), image(17, 23, seed=1)
    left, right = fit(a, b, "fit:23x17", resampling)  # type: ignore[arg-type]
    kernel = PILImage.Resampling[resampling.upper()]
    assert np.array_equal(left.pixels, np.asarray(PILImage.fromarray(a.pixels).resize((23, 17), kernel)))
    assert right is b
    resized, _ = fit(b, a, "resize", resampling)[::-1]  # type: ignore[arg-type]
    assert np.array_equal(resized.pixels, left.pixels)


@pytest.mark.parametrize("policy", ["fit", "fit:0x5", "fit:5", "fit:5x-5", "topleft", "fit:5x5x5"])
def test_unknown_policies_are_refused(policy: str) -> None:
    """An unknown policy is refused before any image is read, and the message lists the known policies."""
    with pytest.raises(UsageError, match="fit:WxH, such as fit:640x480"):
        check_size(policy)


@pytest.mark.parametrize("policy", ["fit:100x10000000", "fit:20000x10001", "fit:1000001x1"])
def test_sizes_that_are_too_large_are_refused(policy: str) -> None:
    """A size with too many pixels or a side that is too long is refused, with the limits.

    Such images would fill the memory.
    """
    with pytest.raises(UsageError, match=r"expected at most 200000000 pixels, and sides of at most 1000000"):
        check_size(policy)
    check_size("fit:20000x10001", max_pixels=200_020_000)


def test_a_filter_needs_something_to_resize() -> None:
    """A filter is refused if nothing is resized, because it would have no effect. An unknown filter is refused, too."""
    with pytest.raises(UsageError, match="nothing is resized"):
        check_size("crop", "bicubic")
    with pytest.raises(UsageError, match="resampling='cubic'"):
        check_size("resize", "cubic")  # type: ignore[arg-type]
    check_size("fit:3x3", "nearest")
