"""Tests of groups of pictures for training, and of triples for evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.distortions import HELD_OUT
from eyediff.distortions.drawings import DRAWINGS
from eyediff.distortions.ops import Picture
from eyediff.distortions.photos import crop, find_photos, is_held_out, load_photos
from eyediff.errors import UsageError
from eyediff.training.distillation.evaluate import KINDS, UNRELATED, make_triple
from eyediff.training.distillation.groups import DRAWN, MEMBERS, blend, draw_chain, make_group

from ..distortions.scenes import scene

PHOTOS = [scene(number, 160) for number in range(4)]


SOURCES = [PHOTOS[:3], PHOTOS[3:]]


def test_group_depends_on_its_index_alone() -> None:
    """The same seed, side and index give the same pictures. Another seed or index gives other pictures."""
    one = make_group(SOURCES, 0, 64, 7)
    assert one.shape == (MEMBERS, 64, 64, 3)
    np.testing.assert_array_equal(one, make_group(SOURCES, 0, 64, 7))
    assert (one != make_group(SOURCES, 0, 64, 8)).any()
    assert (one != make_group(SOURCES, 1, 64, 7)).any()


def test_chains_hold_one_to_four_families_and_none_that_is_held_out() -> None:
    """A chain has one to four families, none of them held out.

    Held-out families show how a network estimates distortions that it has not seen.
    """
    rng = np.random.default_rng(0)
    chains = [draw_chain(rng) for _ in range(500)]
    assert {len(chain) for chain in chains} == {1, 2, 3, 4}
    assert {family for chain in chains for family in chain} == set(DRAWN)
    assert not set(DRAWN) & set(HELD_OUT)


def test_blend_lies_between_its_pictures() -> None:
    """Every level of a blend is between the levels of the two pictures at the same position."""
    a, b = PHOTOS[:2]
    for seed in range(12):
        mixed = blend(a, b, np.random.default_rng(seed))
        assert (mixed >= np.minimum(a, b)).all() and (mixed <= np.maximum(a, b)).all()


@pytest.mark.parametrize("draw", dict.fromkeys(DRAWINGS), ids=lambda draw: draw.__name__)
def test_drawings_are_pictures_of_any_side(draw: Callable[..., Picture]) -> None:
    """A drawing has the requested side and more than one level, and depends only on the random generator."""
    for side in (64, 97):
        picture = draw(side, np.random.default_rng(side))
        assert picture.shape == (side, side, 3) and picture.dtype == np.uint8
        assert picture.min() < picture.max()
        np.testing.assert_array_equal(picture, draw(side, np.random.default_rng(side)))


def test_pictures_are_held_out_by_name() -> None:
    """About one of six pictures is held out. Its folder and format do not matter."""
    held = {name for name in range(600) if is_held_out(Path(f"{name}.png"))}
    assert 70 < len(held) < 130
    assert held == {name for name in range(600) if is_held_out(Path(f"other/{name}.jpg"))}


@pytest.mark.parametrize("kind", KINDS)
def test_triple_is_the_same_again(kind: str) -> None:
    """The same arguments give the same pictures, so that an evaluation can be repeated.

    The two candidates differ in strength, unless they are unrelated to the reference.
    """
    first, strengths = make_triple(PHOTOS, 5, 64, kind, 2)
    again, _ = make_triple(PHOTOS, 5, 64, kind, 2)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert [picture.shape for picture in first] == [(64, 64, 3)] * 3
    assert kind == UNRELATED or strengths[0] != strengths[1]


def test_crop_looks_from_afar_only_as_far_as_the_photo_reaches() -> None:
    """A crop has the requested side, even if the photo is too small for the largest reduction."""
    rng = np.random.default_rng(0)
    assert {crop(PHOTOS[0], 128, rng, max_reduction=10).shape for _ in range(20)} == {(128, 128, 3)}
    assert crop(PHOTOS[0], 160, rng, max_reduction=10).shape == (160, 160, 3)


def test_photos_in_the_order_of_their_paths(tmp_path: Path) -> None:
    """Photos are found whatever the case of their suffix, in an order that does not depend on the file system."""
    for name in ("b.PNG", "a.jpg", "c.txt"):
        Image.fromarray(scene(0)).save(tmp_path / name, "PNG")
    assert [path.name for path in find_photos(tmp_path)] == ["a.jpg", "b.PNG"]


def test_folder_without_photos_is_refused(tmp_path: Path) -> None:
    """An empty folder is refused by its name."""
    with pytest.raises(UsageError, match=str(tmp_path)):
        find_photos(tmp_path)


def test_photo_that_is_too_small_is_refused(tmp_path: Path) -> None:
    """A photo smaller than a crop is refused. The error states its name, its size and the smallest side."""
    Image.fromarray(scene(0)).save(tmp_path / "small.png")
    with pytest.raises(UsageError, match=r"small\.png: 96x96 .* at least 128"):
        load_photos([tmp_path / "small.png"], 128)
