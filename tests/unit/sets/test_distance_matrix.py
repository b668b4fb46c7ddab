"""Distance matrices of folders: comparison with brute force, failed images, several blocks, and full disks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import ImageError, OutputError, SizeError, UsageError
from eyediff.records import Pixels
from eyediff.sets import ImageSet, compute_matrix
from eyediff.sets import pairwise_distance as squares
from eyediff.sets.distance_matrix import _Grid
from eyediff.sets.store import PointStore

from .made import Full, Levels, brute, folder, job, points, put, some


def test_it_is_what_brute_force_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """N passes give the distances of all pairs, in blocks.

    float32 has a relative rounding error of 6e-8 for each level. Differences of 0.1 then have an error of 1e-6.
    """
    monkeypatch.setattr(squares, "ROWS", 3)
    pixels, levels, told = some(8), Levels(), []
    with compute_matrix(job(levels), folder(tmp_path, pixels), progress=lambda *now: told.append(now)) as found:
        distances = np.array(found.distances)
        assert found.rows == found.columns == [f"{index:02}" for index in range(8)]
    np.testing.assert_allclose(distances, brute(points(pixels), points(pixels)), rtol=1e-5)
    np.testing.assert_array_equal(distances, distances.T)
    assert (distances.diagonal() == 0).all() and levels.passes == 8
    assert (8, 8) in told and told[-1] == (6, 6)


def test_against_another_folder(tmp_path: Path) -> None:
    """Folders with N and M images give a matrix of N rows and M columns, in N + M passes."""
    first, second = some(4), some(3, 1)
    levels, sources = Levels(), (folder(tmp_path / "a", first), folder(tmp_path / "b", second))
    with compute_matrix(job(levels), *sources) as found:
        np.testing.assert_allclose(found.distances, brute(points(first), points(second)), rtol=1e-5)
    assert levels.passes == 7


def test_storage_types_may_differ(tmp_path: Path) -> None:
    """Images of 8 and 16 bits in one folder are embedded in separate batches, and are in one matrix."""
    pixels = some(5)
    pixels[2] = pixels[2].astype(np.uint16) * 257 + 1
    levels = Levels()
    with compute_matrix(job(levels), folder(tmp_path, pixels)) as found:
        np.testing.assert_allclose(found.distances, brute(points(pixels), points(pixels)), rtol=1e-5)
    assert levels.batches == [2, 1, 2]


def test_what_fails_is_named_and_left_out(tmp_path: Path) -> None:
    """A file that is not an image, and an image on which the engine fails, are named and left out.

    The other images of the same batch stay in the matrix.
    """
    pixels = some(5)
    pixels[3] = np.full((4, 3, 3), 255, np.uint8)
    source = folder(tmp_path, pixels)
    (tmp_path / "00").write_text("no image")
    with compute_matrix(job(), source) as found:
        assert [(each.name, each.stage) for each in found.failed] == [("00", "read"), ("03", "score")]
        assert found.rows == ["01", "02", "04"]
        good = [pixels[1], pixels[2], pixels[4]]
        np.testing.assert_allclose(found.distances, brute(points(good), points(good)), rtol=1e-5)


def test_too_many_at_once_are_tried_one_by_one(tmp_path: Path) -> None:
    """If an engine cannot compute a batch, for example for lack of memory, it gets the images one by one."""
    with compute_matrix(job(Levels(most=1)), folder(tmp_path, some(3))) as found:
        assert found.distances.shape == (3, 3) and not found.failed


def test_sizes(tmp_path: Path) -> None:
    """Different sizes are refused by name, or are changed to one size.

    `resize` uses the size of the first readable image. `crop` uses the central part that all images have. A size that
    is too small for the metric is refused.
    """
    pixels = [np.arange(75, dtype=np.uint8).reshape(5, 5, 3), *some(2)]
    source = folder(tmp_path, pixels)
    with pytest.raises(SizeError, match=r"00 is 5x5, .*01 is 3x4"), compute_matrix(job(), source):
        pass
    (tmp_path / "zz").write_text("")
    with compute_matrix(job(size="resize"), source) as found:
        assert found.distances.shape == (3, 3)
    cropped = [pixels[0][0:4, 1:4], *pixels[1:]]
    with compute_matrix(job(size="crop"), source) as found:
        np.testing.assert_allclose(found.distances, brute(points(cropped), points(cropped)), rtol=1e-5)
    put(tmp_path / "00", np.zeros((1, 9, 3), np.uint8))
    with pytest.raises(SizeError, match="at least 2 pixels"), compute_matrix(job(size="resize"), source):
        pass


def test_sets_that_are_none(tmp_path: Path) -> None:
    """A set with a single image, and a set without a readable image, are errors."""
    source = folder(tmp_path, some(2))
    with (
        pytest.raises(UsageError, match="a matrix needs at least two"),
        compute_matrix(job(), ImageSet(tmp_path, ["00"])),
    ):
        pass
    for name in source.names:
        (tmp_path / name).write_text("broken")
    with pytest.raises(ImageError, match=r"no image .* can be read"), compute_matrix(job(), source):
        pass


def test_a_full_disk_is_one_error() -> None:
    """A full disk raises OutputError with the name of the file, and does not kill the process.

    The test checks the file of the points and the file of the result.
    """
    with pytest.raises(OutputError, match="the scratch: No space left"):
        PointStore(Full(600), "the scratch").append(np.zeros((2, 20), np.float32))  # type: ignore[arg-type]
    grid = _Grid(_Seekable(8 * 5), 3, 3, "the result")
    with pytest.raises(OutputError, match="the result: No space left"):
        grid.put(squares.Block(0, 0, np.zeros((3, 3))))


class _Seekable(Full):
    def seek(self, _: int) -> None:
        """Do nothing: the free space does not depend on the position."""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_real_full_disk(tmp_path: Path) -> None:
    """The full device of the operating system gives the same error."""
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OutputError, match="No space left"):
        PointStore(full, "scratch")


def test_an_engine_may_raise_anything(tmp_path: Path) -> None:
    """An exception of the runtime leaves out the image that it cannot compute, and does not end the matrix."""

    class Runtime(Levels):
        def embeddings(self, x: Pixels) -> np.ndarray:
            if any(image.min() == 255 for image in x):
                raise RuntimeError("no kernel for this")
            return super().embeddings(x)

    pixels = [*some(3), np.full((4, 3, 3), 255, np.uint8)]
    with compute_matrix(job(Runtime()), folder(tmp_path, pixels)) as found:
        assert found.rows == ["00", "01", "02"]
        assert [(each.name, each.message) for each in found.failed] == [("03", "RuntimeError: no kernel for this")]
