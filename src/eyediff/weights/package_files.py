"""Read the weights files that are part of the package. Each file is verified by its hash, and is memory-mapped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import WeightsError
from ..metrics.ops import Array
from .catalogue import PUBLISHED
from .hash_cache import cached_hash
from .hashing import canonical_sha256
from .search_path import PACKAGE

_LENGTH = 8
"""Number of bytes, at the start of a safetensors file, that contain the length of its header."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A safetensors file that is part of the package.

    Parameters
    ----------
    name : str
        Name of the file in the folder of this module.
    sha256 : str
        Canonical hash of all tensors in the file (`hashing.canonical_sha256`).
    """

    name: str
    sha256: str

    @property
    def path(self) -> Path:
        """Path of the file."""
        return PACKAGE / self.name

    def read(self) -> dict[str, Array]:
        """Return the tensors of the file by their names. They are read-only arrays that are mapped from the disk.

        Raises
        ------
        WeightsError
            If the file is missing, damaged, or not the original file of the package.
        """
        try:
            tensors = _map_tensors(self.path)
            sha256 = cached_hash("tensors", [self.path], lambda: canonical_sha256(tensors))
        except OSError as error:
            raise WeightsError(
                f"{self.path}: the file cannot be read ({error.strerror or error}); install eyediff again"
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WeightsError(f"{self.path}: the file is damaged; install eyediff again") from None
        if sha256 != self.sha256:
            problem = f"this is not the file of the package: its sha256 is {sha256}; expected {self.sha256}"
            raise WeightsError(f"{self.path}: {problem}; install eyediff again")
        return tensors


def _map_tensors(path: Path) -> dict[str, Array]:
    """Map the float32 tensors of a safetensors file. The layout is not checked here: the caller verifies the hash."""
    content = np.memmap(path, np.uint8, "r")
    start = _LENGTH + int.from_bytes(content[:_LENGTH].tobytes(), "little")
    header = json.loads(content[_LENGTH:start].tobytes())
    return {
        name: content[start + about["data_offsets"][0] : start + about["data_offsets"][1]]
        .view(np.ndarray)
        .view("<f4")
        .reshape(about["shape"])
        for name, about in header.items()
        if name != "__metadata__"
    }


def _published(backbone: str) -> PackageFile:
    sha256 = PUBLISHED[backbone].canonical_sha256
    if sha256 is None:
        raise WeightsError(f"the hash of the weights of {backbone} is not known")
    return PackageFile(f"{backbone}.safetensors", sha256)


BACKBONES = {backbone: _published(backbone) for backbone in ("alex", "squeeze")}
"""The files with the convolutions of torchvision's backbones (BSD-3-Clause, see NOTICE).

scripts/import_backbones.py writes them.
"""

HEADS = PackageFile("heads.safetensors", "95c94b9f7a62cbb083aec83efc41e5943e4e43b01f7ca1f4f178d9e53d782a5b")
"""The file with the linear weights of LPIPS (BSD-2-Clause, see NOTICE). scripts/import_heads.py writes it.

The name of a tensor is VERSION/BACKBONE/INDEX, where INDEX is the index of the feature layer.
"""

MINI = PackageFile("mini.safetensors", "92ed7cef5c1389df17b48f7a77c909cb62908f7bfaed5ff099942698b2175c2b")
"""The file with the network of lpips-mini and its linear weights. `eyediff distill` wrote it; see docs/mini.md.

The name of a tensor with linear weights is `head/INDEX`, where INDEX is the index of the feature layer.
"""

DISTS = PackageFile("dists.safetensors", "9c0043a91bb7d9702b5c5d8c3929d9c0cde83aa0f27f1be421ef219f38e54d4b")
"""The file with the weights alpha and beta of DISTS (MIT, see NOTICE). scripts/import_dists.py writes it."""

ALL = (*BACKBONES.values(), HEADS, MINI, DISTS)
