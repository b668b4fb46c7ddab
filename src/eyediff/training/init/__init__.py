"""Where a trunk's weights begin, without any label: by chance, or by what photos look like. Needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ...errors import UsageError
from ...metrics.backbones import Trunk
from ...metrics.ops import Array
from .gaussian import gaussian
from .kmeans import stacked

How: TypeAlias = Literal["gaussian", "kmeans"]
HOWS: tuple[How, ...] = get_args(How)

__all__ = ["HOWS", "How", "gaussian", "initial", "stacked"]


def initial(trunk: Trunk, how: How, seed: int, photos: Path | None = None) -> dict[str, Array]:
    """A trunk's parameters to begin with, float32, by name: the same for the same arguments on the same machine.

    "gaussian" draws them; "kmeans" takes them from a folder of photos, layer by layer. Raises UsageError where the
    photos are missing, too small or all of one colour, or where they are given and not used.
    """
    if how not in HOWS:
        raise UsageError(f"no weights begin as {how!r}; there are {', '.join(HOWS)}")
    if how == "kmeans":
        if photos is None:
            raise UsageError("kmeans takes its weights from photos; name a folder of them with --photos DIR")
        return stacked(trunk, seed, photos)
    if photos is not None:
        raise UsageError("gaussian weights come by chance and look at no photos; leave out --photos")
    return gaussian(trunk, seed)
