"""Tests of the pixels of a pair that count: masks, rectangles, borders and rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

import eyediff
from eyediff.errors import EyediffError, RangeError, SizeError, UsageError
from eyediff.images.region import as_mask, as_rectangle, parse_rectangle, prepare, read_mask, stated_mask
from eyediff.records import Conventions, Image, Rectangle


def pair(height: int = 20, width: int = 30) -> tuple[Image, Image]:
    pixels = np.random.RandomState(0).randint(0, 256, (2, height, width, 3)).astype(np.uint8)
    return Image("a", pixels[0]), Image("b", pixels[1], over_white=255 - pixels[1])


def test_the_order_of_what_is_done() -> None:
    """Rectangles are in pixels of the complete image. The border is then cut off from both images and the mask."""
    a, b = pair()
    conventions = Conventions(crop_border=3, region=Rectangle(2, 4, 20, 10), ignore=(Rectangle(5, 5, 4, 3),))
    first, second, counted = prepare(conventions, a, b)
    expected = np.zeros((20, 30), np.bool_)
    expected[4:14, 2:22] = True
    expected[5:8, 5:9] = False
    assert counted is not None
    np.testing.assert_array_equal(counted, expected[3:-3, 3:-3])
    np.testing.assert_array_equal(first.pixels, a.pixels[3:-3, 3:-3])
    np.testing.assert_array_equal(second.pixels[counted], b.pixels[3:-3, 3:-3][counted])
    np.testing.assert_array_equal(second.pixels[~counted], first.pixels[~counted])
    assert second.over_white is not None
    np.testing.assert_array_equal(second.over_white[~counted], first.pixels[~counted])


@pytest.mark.parametrize(
    ("conventions", "mask", "message"),
    [
        (Conventions(crop_border=10), None, "a border of 10 pixels leaves no pixels of an image of 30x20"),
        (Conventions(region=Rectangle(20, 0, 11, 5)), None, "20,0,11,5 is not inside an image of 30x20"),
        (Conventions(ignore=(Rectangle(0, 0, 30, 20),)), None, "no pixels are left to compare"),
        (Conventions(crop_border=2, region=Rectangle(0, 0, 30, 2)), None, "are in the border"),
        (Conventions(), np.ones((5, 5), np.bool_), "the mask is 5x5, but the images are 30x20"),
    ],
)
def test_what_leaves_nothing_is_refused(conventions: Conventions, mask: Any, message: str) -> None:
    """A pair is refused if no pixel counts, because it has no score.

    A rectangle or mask that does not fit the images is refused, too.
    """
    with pytest.raises(SizeError, match=message):
        prepare(conventions, *pair(), mask)


def test_rounding_to_eight_bits() -> None:
    """16 bits and floats become the nearest of 256 levels, and halves are rounded up.

    8 bits stay unchanged, without a note.
    """
    deep = np.array([[[0, 128, 129], [65535, 65406, 65407]]], np.uint16)
    first, second, _ = prepare(
        Conventions(eight_bits=True), Image("a", deep), Image("b", (deep / 65535).astype(np.float32))
    )
    assert first.pixels.tolist() == [[[0, 0, 1], [255, 254, 255]]] == second.pixels.tolist()
    assert first.notes == ("rounded to 8 bits",)
    assert prepare(Conventions(eight_bits=True), *pair())[0].notes == ()


def test_a_mask_s_white_counts(tmp_path: Path) -> None:
    """A pixel counts if its level is at least half of white. Transparent pixels do not count."""
    levels = np.array([[0, 127, 128, 255]], np.uint8)
    expected = [[False, False, True, True]]
    PILImage.fromarray(levels).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == expected
    for given in (
        levels,
        levels[..., None],
        levels > 127,
        levels / 255,
        PILImage.fromarray(levels),
        tmp_path / "mask.png",
    ):
        assert as_mask(given).tolist() == expected
    clear = np.dstack([levels, levels, levels, np.array([[255, 255, 0, 255]], np.uint8)])
    PILImage.fromarray(clear).save(tmp_path / "clear.png")
    assert read_mask(tmp_path / "clear.png").tolist() == [[False, False, False, True]]


@pytest.mark.parametrize(
    "bad", [np.zeros(3), np.zeros((2, 2)) + 7.0, np.zeros((2, 2), np.int64), np.zeros((1, 1, 1, 1, 2))]
)
def test_what_is_no_mask(bad: Any) -> None:
    """An array is refused if its shape, type or values do not say clearly which pixels count."""
    with pytest.raises(RangeError, match="mask"):
        as_mask(bad)


def test_a_mask_of_zeros_and_ones(tmp_path: Path) -> None:
    """If all values of a mask are too small for a pixel to count, the message says so. An all-black mask is a mask."""
    labels = np.ones((4, 4), np.uint8)
    PILImage.fromarray(labels).save(tmp_path / "labels.png")
    with pytest.raises(
        SizeError,
        match=r"the brightest pixel has the mean 1; expected at least 127\.5 of 255",
    ):
        as_mask(labels)
    with pytest.raises(SizeError, match=r"the mean 0\.25; expected at least 0\.5 of 1"):
        as_mask(np.full((4, 4), 0.25))
    with pytest.raises(SizeError, match=r"labels.png: no pixel counts"):
        read_mask(tmp_path / "labels.png")
    assert not as_mask(0 * labels).any()


def test_a_mask_with_channels() -> None:
    """A mask with channels is refused, with its shape."""
    image = np.zeros((70, 64, 3), np.uint8)
    with pytest.raises(SizeError, match=r"the mask has the shape \(70, 64, 3\); expected a mask without channels"):
        eyediff.distance(image, image, "psnr", mask=image + 255)


def test_rectangles() -> None:
    """Rectangles are accepted as text and as tuples. Negative positions, empty sizes and other values are refused."""
    assert parse_rectangle("1,2,3,4") == as_rectangle((1, 2, 3, 4)) == Rectangle(1, 2, 3, 4)
    for bad in ("1,2,3", "1,2,3,x", "-1,0,3,3", "0,0,0,3"):
        with pytest.raises(UsageError, match="expected"):
            parse_rectangle(bad)
    for value in ((1, 2, 3), (1.5, 2, 3, 4), 7):
        with pytest.raises(UsageError, match="expected"):
            as_rectangle(value)  # type: ignore[arg-type]


def test_masked_arrays() -> None:
    """A pixel does not count if it is masked in any channel of either array.

    With `mask`, it counts only if `mask` and the arrays allow it.
    """
    a = np.ma.zeros((4, 4, 3), np.uint8)
    a[0, 0, 1] = np.ma.masked
    b = np.ma.array(np.zeros((4, 4, 3), np.uint8), mask=False)
    b[1] = np.ma.masked
    counted = stated_mask(np.eye(4, dtype=np.bool_), a, b)
    assert counted is not None and np.argwhere(counted).tolist() == [[2, 2], [3, 3]]
    assert stated_mask(None, b.data) is None


def test_the_api_takes_masks() -> None:
    """`distance`, `Metric.distances` and `scores` give equal scores with a mask.

    Ignored pixels of the candidate have no influence.
    """
    random = np.random.RandomState(3)
    a, b = random.randint(0, 256, (2, 2, 64, 70, 3)).astype(np.uint8)
    mask = random.rand(64, 70) < 0.7
    hidden = np.ma.array(b[0], mask=~np.repeat(mask[..., None], 3, 2))
    wild = np.where(mask[..., None], b[0], 255 - b[0])
    for name in ("lpips", "psnr", "ssim"):
        metric = eyediff.Metric(name)
        scores = [
            metric.distance(a[0], b[0], mask=mask),
            metric.distance(a[0], wild, mask=mask),
            metric.distance(a[0], hidden),
            metric.distances(a, b, mask=mask)[0],
            eyediff.scores(a[0], b[0], [name], mask=mask)[name],
        ]
        assert scores == pytest.approx([scores[0]] * 5, rel=1e-6) and scores[0] == scores[1] == scores[2]
        assert metric.distance(a[0], b[0], mask=np.ones_like(mask)) == metric.distance(a[0], b[0])
    assert eyediff.scores(a[0], b[0], ["psnr"], region=(10, 5, 40, 30))["psnr"] == pytest.approx(
        eyediff.distance(a[0, 5:35, 10:50], b[0, 5:35, 10:50], "psnr"), rel=1e-12
    )
    assert eyediff.scores(a[0], b[0], crop_border=4) == eyediff.scores(a[0, 4:-4, 4:-4], b[0, 4:-4, 4:-4])


def test_the_api_refuses(tmp_path: Path) -> None:
    """Masks are refused for a metric that does not define them, and with an embedding.

    Masks of a wrong size or number, a mask that excludes all pixels, and a scale without a protocol are refused, too.
    """
    a, b = np.zeros((2, 2, 64, 64, 3), np.uint8)
    lpips, mask = eyediff.Metric("lpips"), np.eye(64, dtype=np.bool_)
    calls: list[tuple[str, Any]] = [
        ("does not support masks", lambda: eyediff.distance(a[0], b[0], "gmsd", mask=mask)),
        ("does not support masks", lambda: eyediff.scores(a[0], b[0], ["ms-ssim"], ignore=[(0, 0, 9, 9)])),
        ("masks of the shape", lambda: lpips.distances(a, b, mask=np.ones((3, 64, 64), np.bool_) & mask)),
        ("no pixels of one pair are left", lambda: lpips.distances(a, b, mask=np.zeros((64, 64), np.bool_))),
        ("with an embedding", lambda: lpips.distances(lpips.embed(a), b, mask=mask)),
        ("without a protocol", lambda: eyediff.scores(a[0], b[0], scale=4)),
        ("the mask is 64x64", lambda: eyediff.distance(a[0, :40], b[0, :40], "psnr", mask=mask)),
    ]
    for message, call in calls:
        with pytest.raises(EyediffError, match=message):
            call()
