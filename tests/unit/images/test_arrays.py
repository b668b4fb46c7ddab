"""Tests of the inputs of library users: stated ranges are checked, and shapes are distinguished."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff.errors import ArgumentTypeError, ImageError, RangeError, SizeError
from eyediff.images import as_batch, as_image, composites

from .make import RGB, chunk, exif, noise, png


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_are_taken_as_they_are(dtype: type) -> None:
    """Arrays H x W x 3 of uint8 or uint16 are used unchanged, with any strides and byte order."""
    samples = noise(dtype=dtype)
    for value in (samples, np.asfortranarray(samples), samples.astype(samples.dtype.newbyteorder(">"))):
        image = as_image(value)
        assert image.pixels.dtype == dtype
        assert image.pixels.flags.c_contiguous
        assert np.array_equal(image.pixels, samples)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1)])
def test_gray_is_three_equal_channels(shape: tuple[int, ...]) -> None:
    """Gray arrays H x W and H x W x 1 become three equal channels."""
    gray = noise(5, 7, 1)
    assert np.array_equal(as_image(gray.reshape(shape)).pixels, np.repeat(gray, 3, axis=2))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("stated", [(0, 1), (-1, 1), (0, 255), [0.0, 255.0]])
def test_floats_become_float32_from_0_to_1(kind: type, stated: Any) -> None:
    """Black becomes exactly 0, and white becomes exactly 1. Values between them are within two roundings of float32."""
    black, white = stated
    values = np.linspace(black, white, 4 * 5 * 3).astype(kind).reshape(4, 5, 3)
    image = as_image(values, range=tuple(stated))
    assert image.pixels.dtype == np.float32
    assert image.pixels.flat[0] == 0
    assert image.pixels.flat[-1] == 1
    exact = (values.astype(np.float64) - black) / (white - black)
    assert np.abs(image.pixels - exact).max() <= 2 * np.finfo(np.float32).eps  # two steps, each with one rounding


def test_levels_of_255_are_divided_exactly() -> None:
    """Floats with the levels 0 to 255 are divided by 255 to the last bit, as uint8 would be."""
    levels = np.arange(256, dtype=np.float32).reshape(16, 16)
    assert np.array_equal(as_image(levels, range=(0, 255)).pixels[..., 0], levels / np.float32(255))


@pytest.mark.parametrize(
    ("values", "stated", "told"),
    [
        ([0.02, 0.98], None, r"float64 needs a range; its values are 0.02 to 0.98; use range=\(0, 1\)"),
        ([-0.5, 0.98], None, r"its values are -0.5 to 0.98; use range=\(-1, 1\)"),
        ([0, 254.5], None, r"its values are 0 to 254.5; use range=\(0, 255\)"),
        ([-300, 2], None, r"its values are -300 to 2; use range=\(black, white\)"),
        ([0, 1.01], (0, 1), r"outside range=\(0, 1\); its values are 0 to 1.01; clip the values$"),
        ([0, 200], (0, 1), r"outside range=\(0, 1\); its values are 0 to 200; clip .*, or use range=\(0, 255\)"),
        ([0, 200], (-1, 1), r"outside range=\(-1, 1\); its values are 0 to 200"),
        ([-1, 1], (0, 1), r"outside range=\(0, 1\); its values are -1 to 1; clip the values, or use range=\(-1, 1\)"),
        ([0, 1], (2, 0), r"expected \(black, white\), two numbers, the lower one first"),
        ([0, 1], (0, np.inf), r"expected \(black, white\)"),
        ([0, np.nan], (0, 1), "NaN or infinity"),
        ([0, np.inf], (0, 1), "NaN or infinity"),
    ],
)
def test_a_wrong_range_is_told_with_what_was_seen(values: list[float], stated: Any, told: str) -> None:
    """The message for a wrong range says which values the array has and what to write.

    This is the most frequent mistake of users.
    """
    array = np.full((4, 4, 3), values[0], np.float64)
    array[2, 2, 1] = values[1]
    with pytest.raises(RangeError, match=told) as caught:
        as_image(array, range=stated, name="left")
    assert str(caught.value).startswith("left")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.zeros((4, 4, 3), bool), r"bool was given.*\* 255 for a mask"),
        (np.zeros((4, 4, 3), np.int64), r"int64 was given.*astype\(np.uint8\)"),
        (np.zeros((4, 4, 3), complex), "complex128 was given"),
        (np.zeros((3, 8, 9), np.uint8), r"shape \(3, 8, 9\) has the channels first.*\.transpose\(1, 2, 0\)"),
        (np.zeros((4, 4, 4), np.float32), r"four channels.*\[\.\.\., :3\]"),
        (np.zeros((2, 4, 4, 3), np.uint8), "a stack with the shape"),
        (np.zeros((4, 4, 2), np.uint8), r"shape is \(4, 4, 2\); expected H x W x 3"),
        (np.zeros(9, np.uint8), r"shape is \(9,\)"),
        (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
    ],
)
def test_other_types_of_levels_and_shapes_are_refused_with_advice(value: Any, told: str) -> None:
    """Other types and shapes are refused with advice. A guess could score something that the user did not mean."""
    with pytest.raises(RangeError, match=told):
        as_image(value)


@pytest.mark.parametrize("value", [object(), None, 3])
def test_what_is_no_image_at_all_is_a_type_error(value: Any) -> None:
    """An object that is not an image raises ArgumentTypeError, as users of other image functions expect."""
    with pytest.raises(ArgumentTypeError, match=f"{type(value).__name__} was given; expected a path, bytes"):
        as_image(value)


def test_a_range_that_values_exceed_is_refused(tmp_path: Path) -> None:
    """Levels up to 255 are refused with the range (0, 1)."""
    PILImage.fromarray(noise()).save(tmp_path / "a.png")
    for value in (noise(), str(tmp_path / "a.png"), PILImage.fromarray(noise())):
        with pytest.raises((RangeError, ImageError), match=r"outside range=\(0, 1\)"):
            as_image(value, range=(0, 1))
    assert as_image(noise(), range=(0, 255)).pixels.dtype == np.uint8


def test_whatever_numpy_can_read_will_do() -> None:
    """Any object that NumPy can read as an array is accepted, such as a tensor.

    If the object refuses, the message says what to do.
    """

    class Tensor:
        def __init__(self, fails: bool) -> None:
            self.fails = fails

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            if self.fails:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
            return noise()

    assert np.array_equal(as_image(Tensor(False)).pixels, noise())
    with pytest.raises(RangeError, match=r"requires grad.*\.detach\(\)"):
        as_image(Tensor(True))


def test_paths_and_pil_images_follow_the_rules_of_files(tmp_path: Path) -> None:
    """Orientation and transparency are applied to a PIL image as to its file, so both give the same score."""
    path = tmp_path / "turned.png"
    path.write_bytes(png(noise(), RGB, chunk(b"tRNS", noise()[2, 2].astype(">u2").tobytes()), chunk(b"eXIf", exif(6))))
    with PILImage.open(path) as opened:
        for value in (path, str(path), opened):
            image = as_image(value)
            assert image.name == str(path)
            assert image.pixels.shape == (7, 5, 3)
            assert image.over_white is not None
            assert np.array_equal(image.over_white, as_image(path).over_white)


def test_pil_modes() -> None:
    """PIL images of the modes L, RGB, P, LA and RGBA, and of 16-bit gray, are accepted.

    Modes without a known display range are refused by name.
    """
    gray = noise(5, 7, 1)[..., 0]
    im = PILImage.fromarray(gray)
    for mode in ("L", "RGB", "P", "LA", "RGBA"):
        assert np.array_equal(as_image(im.convert(mode)).pixels[..., 1], gray)
    deep = PILImage.fromarray(gray.astype(np.uint16) * 257)
    assert np.array_equal(as_image(deep).pixels[..., 0], gray.astype(np.uint16) * 257)
    for mode, told in (("I", "the PIL mode I has no known display range"), ("F", ".*has floats from 0 to 255; state")):
        with pytest.raises(ImageError, match=f"left: {told}"):
            as_image(im.convert(mode), name="left")


def test_a_pil_image_that_cuts_its_file_to_8_bits_is_refused(tmp_path: Path) -> None:
    """A PIL image of a 16-bit RGB file is refused, because PIL reduces it to 8 bits without a message.

    Its path keeps the depth.
    """
    path = tmp_path / "deep.png"
    path.write_bytes(png(noise(dtype=np.uint16), RGB))
    with PILImage.open(path) as opened, pytest.raises(ImageError, match="give its path instead"):
        as_image(opened)


def test_alpha_may_be_refused() -> None:
    """The policy "refuse" of `read` also applies to PIL images."""
    with pytest.raises(ImageError, match="transparent"):
        as_image(PILImage.fromarray(noise(channels=4)), alpha="refuse")


def test_a_damaged_pil_image_is_an_image_error() -> None:
    """A damaged PIL image raises ImageError. PIL decodes an image when it is first used, which is here."""
    with (
        PILImage.open(io.BytesIO(png(noise(60, 60), RGB)[:-2000])) as opened,
        pytest.raises(ImageError, match="left: the file is damaged"),
    ):
        as_image(opened, name="left")


def test_a_stack_stays_a_stack() -> None:
    """Stacks with 3 channels or 1 channel, and stacks of floats with a range, stay stacks, also for N = 1.

    The shape is N x H x W x 3 or N x H x W x 1. Stacks with the channels first are refused.
    """
    stack = np.stack([noise(seed=seed) for seed in range(4)])
    assert np.array_equal(as_batch(stack), stack)
    assert as_batch(stack[:1]).shape == (1, 5, 7, 3)
    assert np.array_equal(as_batch(stack[..., :1]), np.repeat(stack[..., :1], 3, axis=3))
    assert np.array_equal(as_batch(stack / 255, range=(0, 1)), (stack / 255).astype(np.float32))
    with pytest.raises(RangeError, match=r"has the channels first.*\.transpose\(0, 2, 3, 1\)"):
        as_batch(stack.transpose(0, 3, 1, 2))


def test_a_list_becomes_a_stack(tmp_path: Path) -> None:
    """A list of paths, PIL images and arrays becomes a stack. The stack has the widest storage type of the images."""
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(), RGB))
    found = as_batch([path, PILImage.fromarray(noise(seed=1)), noise(seed=2)])
    assert np.array_equal(found, np.stack([noise(seed=seed) for seed in range(3)]))
    deep = as_batch([noise(), noise(dtype=np.uint16)])
    assert np.array_equal(deep, np.stack([noise().astype(np.uint16) * 257, noise(dtype=np.uint16)]))
    mixed = as_batch([path, np.full((5, 7, 3), 0.5)], range=(0, 1))
    assert np.array_equal(mixed[0], noise() / np.float32(255))
    assert (mixed[1] == 0.5).all()


def test_one_image_is_a_stack_of_one(tmp_path: Path) -> None:
    """One image becomes a stack of one, so that a reference can be given where a batch is expected."""
    path = tmp_path / "a.png"
    path.write_bytes(png(noise(), RGB))
    for value in (noise(), path, str(path), PILImage.fromarray(noise())):
        assert np.array_equal(as_batch(value), noise()[None])


def test_errors_in_a_list_name_the_index(tmp_path: Path) -> None:
    """An error in a list has the index or the path of the image, so that it can be found among a thousand images."""
    with pytest.raises(RangeError, match=r"^images\[1\]: an array of bool was given"):
        as_batch([noise(), noise() > 0])
    with pytest.raises(SizeError, match=r"images\[1\] is 7x4, but images\[0\] is 7x5"):
        as_batch([noise(), noise(4, 7)])
    with pytest.raises(ImageError, match=r"images\[1\].*transparent"):
        as_batch([noise(), PILImage.fromarray(noise(channels=4))])
    with pytest.raises(ImageError, match=r"gone\.png: there is no such file"):
        as_batch([noise(), tmp_path / "gone.png"])
    with pytest.raises(RangeError, match="the list is empty"):
        as_batch([])


def test_grounds_of_opaque_and_transparent_images() -> None:
    """Opaque images are compared once.

    If one image is transparent, the pair is compared on black and on white. The opaque image stays unchanged.
    """
    opaque, clear = as_image(noise()), as_image(PILImage.fromarray(noise(channels=4)))
    assert [tuple(map(id, pair)) for pair in composites(opaque, opaque)] == [(id(opaque.pixels), id(opaque.pixels))]
    assert [tuple(map(id, pair)) for pair in composites(opaque, clear)] == [
        (id(opaque.pixels), id(clear.pixels)),
        (id(opaque.pixels), id(clear.over_white)),
    ]
