"""Where a trunk's weights begin, without any label: by chance, or by what photos look like. Needs no torch."""

from __future__ import annotations

import math
from hashlib import sha256
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from ..._version import __version__
from ...distortions.photos import find_photos
from ...errors import Setting, UsageError, WeightsError
from ...metrics.backbones import Trunk
from ...metrics.ops import Array
from ...weights import MetricFile, check_free, read_metric, write_metric
from .kmeans import stacked

How: TypeAlias = Literal["gaussian", "kmeans"]
HOWS: tuple[How, ...] = get_args(How)

__all__ = ["HOWS", "How", "gaussian", "initial", "stacked", "write_initial_metric"]


def initial(trunk: Trunk, how: How, seed: int, photos: Path | None = None) -> dict[str, Array]:
    """A trunk's parameters to begin with, float32, by name: the same for the same arguments on the same machine.

    "gaussian" draws them; "kmeans" takes them from a folder of photos, layer by layer. Raises UsageError where the
    photos are missing, too small or all of one colour, or where they are given and not used.
    """
    if how not in HOWS:
        raise UsageError(f"no weights begin as {how!r}; there are {', '.join(HOWS)}")
    if how == "kmeans":
        if photos is None:
            raise UsageError("kmeans takes its weights from photos; name a folder of them with ", Setting("photos"))
        return stacked(trunk, seed, photos)
    if photos is not None:
        raise UsageError("gaussian weights come by chance and look at no photos; leave out ", Setting("photos"))
    return gaussian(trunk, seed)


def gaussian(trunk: Trunk, seed: int) -> dict[str, Array]:
    """Return normal weights of variance 2 / (inputs of a channel), and biases of 0.

    Notes
    -----
    He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852, equation 10. Their scale keeps activations from
    growing or vanishing with depth. To a distance it does not matter: features are brought to unit length and biases
    are 0, so that any other scale gives the same scores.
    """
    chance = np.random.default_rng(seed)
    parameters: dict[str, Array] = {}
    for name, shape in trunk.shapes.items():
        scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.0
        parameters[name] = (chance.standard_normal(shape) * scale).astype(np.float32)
    return parameters


def write_initial_metric(path: Path, trunk: Trunk, how: How, seed: int, photos: Path | None = None) -> MetricFile:
    """The metric of a trunk's first weights, without heads, in a file; one there that was made of the same is kept.

    Raises what `initial` raises, and WeightsError where something else lies there.
    """
    check_free(path)
    provenance: dict[str, object] = {"eyediff": __version__, "seed": seed}
    if photos is not None:
        paths = find_photos(photos)
        whole = sha256(b"".join(sha256(each.read_bytes()).digest() for each in paths)).hexdigest()
        provenance |= {"photos": len(paths), "photos_sha256": whole}
    try:
        form = (before := read_metric(path)).form
        if (form.trunk, form.mode, form.provenance) == (trunk.name, how, provenance):
            return before
    except WeightsError:  # not there, or damaged and now replaced
        pass
    parameters = initial(trunk, how, seed, photos)
    return write_metric(path, trunk=trunk.name, mode=how, provenance=provenance, parameters=parameters)
