"""The inputs for the comparison of LPIPS with other implementations. They come from this file and examples/ only.

The generator is numpy's legacy RandomState, because its streams never change. Newer generators may change.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from eyediff.metrics.backbones import TRUNKS, Trunk
from eyediff.metrics.ops import Array
from eyediff.records import Pixels

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NETS = ("alex", "vgg", "squeeze")


@dataclass(frozen=True)
class Case:
    """One network variant on one pair of images."""

    net: str
    version: str
    heads: bool
    images: str

    @property
    def name(self) -> str:
        return f"{'lpips' if self.heads else 'deep'}-{self.net}@{self.version} {self.images}"


def cases() -> Iterator[Case]:
    """Yield every network and version, with and without linear weights, on every kind of image."""
    for net in NETS:
        for version in ("0.1", "0.0"):
            for heads in (True, False):
                for images in ("smallest", "noise", "odd", "photo"):
                    yield Case(net, version, heads, images)


def seeded_parameters(trunk: Trunk) -> dict[str, Array]:
    """Return seeded parameters of a backbone.

    Weights have the standard deviation of He et al. 2015, so that features neither vanish nor explode.
    """
    random = np.random.RandomState(zlib.crc32(trunk.name.encode()))
    made = {}
    for name, shape in trunk.shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.05
        made[name] = (random.standard_normal(shape) * scale).astype(np.float32)
    return made


def pair(net: str, images: str) -> tuple[Pixels, Pixels]:
    """Return two batches, N x H x W x 3 of uint8."""
    if images == "photo":
        found = [np.asarray(Image.open(EXAMPLES / side / "cat.png"))[60:157, 30:157] for side in ("before", "after")]
        return found[0][None], found[1][None]
    side = TRUNKS[net].smallest
    batch, height, width = {"smallest": (3, side, side), "noise": (1, 48, 64), "odd": (2, 35, 61)}[images]
    random = np.random.RandomState(len(images))
    a = random.randint(0, 256, (batch, height, width, 3))
    b = a + random.randint(-40, 41, a.shape)
    return a.astype(np.uint8), b.clip(0, 255).astype(np.uint8)


def sample(maps: Array) -> Array:
    """Return nine values of each map, N x H x W: at the corners, the centres of the edges and the centre.

    Complete maps would make the file large without adding information.
    """
    rows, columns = (np.array([0, size // 2, size - 1]) for size in maps.shape[1:])
    return maps[:, rows][:, :, columns].reshape(len(maps), -1)
