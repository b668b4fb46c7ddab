"""The inputs on which LPIPS is held against other implementations: made here, from nothing but this file and examples/.

numpy's legacy RandomState is used throughout, since its streams are frozen for good; newer generators may change.
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
    """Every network, version and with or without heads, on every kind of image."""
    for net in NETS:
        for version in ("0.1", "0.0"):
            for heads in (True, False):
                for images in ("smallest", "noise", "odd", "photo"):
                    yield Case(net, version, heads, images)


def seeded_parameters(trunk: Trunk) -> dict[str, Array]:
    """Weights of the size that He et al. 2015 start from, so that features neither vanish nor explode."""
    random = np.random.RandomState(zlib.crc32(trunk.name.encode()))
    made = {}
    for name, shape in trunk.shapes.items():
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) > 1 else 0.05
        made[name] = (random.standard_normal(shape) * scale).astype(np.float32)
    return made


def pair(net: str, images: str) -> tuple[Pixels, Pixels]:
    """Two batches, N x H x W x 3 of uint8."""
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
    """Nine places of each N x H x W map: corners, edges, centre. Whole maps would be a large file that says no more."""
    rows, columns = (np.array([0, size // 2, size - 1]) for size in maps.shape[1:])
    return maps[:, rows][:, :, columns].reshape(len(maps), -1)
