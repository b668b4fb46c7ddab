"""Sets of tiny files with known embeddings.

A file has the levels of its pixels as text. The embedding of an image, a point, has these levels scaled to 0 to 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eyediff.errors import EyediffError, ImageError
from eyediff.records import Header, Image, MetricHeader, Pixels, SizePolicy
from eyediff.sets import EmbeddingJob, ImageSet


class Levels:
    """An embedder that returns the pixels of an image, scaled to 0 to 1.

    It fails on a white image, and on a batch with more than `most` images.
    """

    smallest = 2

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.passes = 0
        self.batches: list[int] = []

    def embeddings(self, x: Pixels) -> np.ndarray:
        self.batches.append(len(x))
        if len(x) > self.most:
            raise EyediffError(f"the engine failed on {len(x)}")
        if any(image.min() == 255 for image in x):
            raise EyediffError("too bright")
        self.passes += len(x)
        peak = 255 if x.dtype == np.uint8 else 65535
        return (x.reshape(len(x), -1) / np.float32(peak)).astype(np.float32)


def read(path: Path) -> Image:
    """Read a file with the text `height width level level ...`.

    A level above 255 makes the image 16 bits. Any other text raises ImageError.
    """
    try:
        height, width, *levels = map(int, path.read_text().split())
        dtype = np.uint8 if max(levels) < 256 else np.uint16
        return Image(str(path), np.array(levels, dtype).reshape(height, width, 3))
    except ValueError as error:
        raise ImageError(f"{path}: not an image") from error


def put(path: Path, pixels: np.ndarray) -> None:
    """Write a file that `read` can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, _ = pixels.shape
    path.write_text(f"{height} {width} {' '.join(map(str, pixels.ravel().tolist()))}")


def some(count: int, seed: int = 0) -> list[np.ndarray]:
    """Return random images with a height of 4 pixels and a width of 3 pixels."""
    random = np.random.RandomState(seed)
    return [random.randint(0, 250, (4, 3, 3)).astype(np.uint8) for _ in range(count)]


def folder(root: Path, pixels: Sequence[np.ndarray]) -> ImageSet:
    """Write images with the names 00, 01, ... and return their set."""
    names = [f"{index:02}" for index in range(len(pixels))]
    for name, each in zip(names, pixels, strict=True):
        put(root / name, each)
    return ImageSet(root, names)


def job(
    embedder: Levels | None = None, size: SizePolicy = "refuse", metric: str = "lpips", **changes: str
) -> EmbeddingJob:
    """Return the settings with which the images of such a set are read and embedded."""
    header = Header(
        eyediff="1.0",
        metrics={metric: MetricHeader(**{"version": "0.1", "weights_sha256": "ab" * 32, "engine": "levels"} | changes)},
        size=size,
        higher_is_better={metric: False},
    )
    return EmbeddingJob(embedder or Levels(), header, read, workers=2)


def points(pixels: Sequence[np.ndarray]) -> np.ndarray:
    """Return the points of these images in double precision."""
    return np.array([each.ravel() / (255.0 if each.dtype == np.uint8 else 65535.0) for each in pixels])


def brute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return all squared distances, computed from the differences of the points."""
    return ((a.astype(np.float64)[:, None] - b.astype(np.float64)[None]) ** 2).sum(-1)


def touch(path: Path) -> None:
    """Change the modification time of a file, as an edit does."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))


class Full:
    """A file on a disk that has space for `room` bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = min(self.room, len(data))
        self.room -= taken
        return taken
