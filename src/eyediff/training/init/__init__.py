"""Make initial weights of a backbone without labels: random weights, or weights computed from photos by k-means.

This package does not need torch.
"""

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
from .kmeans import kmeans_parameters

InitMethod: TypeAlias = Literal["gaussian", "kmeans"]
METHODS: tuple[InitMethod, ...] = get_args(InitMethod)

__all__ = ["METHODS", "InitMethod", "gaussian", "initial_parameters", "kmeans_parameters", "write_initial_metric"]


def initial_parameters(trunk: Trunk, method: InitMethod, seed: int, photos: Path | None = None) -> dict[str, Array]:
    """Return initial parameters of a backbone.

    Parameters
    ----------
    trunk : Trunk
        The backbone.
    method : {"gaussian", "kmeans"}
        "gaussian" gives random weights. "kmeans" computes the weights from a folder of photos, layer by layer.
    seed : int
        Seed of all random choices. On one machine, equal arguments give equal weights.
    photos : Path, optional
        Folder of photos. It is needed for "kmeans", and not allowed for "gaussian".

    Returns
    -------
    dict of str to array of float32

    Raises
    ------
    UsageError
        If the method is unknown. If photos are missing, too small or of a single colour. If photos are given for
        "gaussian".
    """
    if method not in METHODS:
        raise UsageError(f"the method {method!r} is unknown; expected one of {', '.join(METHODS)}")
    if method == "kmeans":
        if photos is None:
            raise UsageError(
                "the method kmeans computes weights from photos, but none were given; set ",
                Setting("photos"),
                " to a folder of photos",
            )
        return kmeans_parameters(trunk, seed, photos)
    if photos is not None:
        raise UsageError(
            "photos were given, but gaussian weights are random and need no photos; leave out ", Setting("photos")
        )
    return gaussian(trunk, seed)


def gaussian(trunk: Trunk, seed: int) -> dict[str, Array]:
    """Return normally distributed weights with the variance 2 / (number of inputs of a channel), and biases of 0.

    Notes
    -----
    The variance is equation 10 of He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852. With this variance,
    activations neither grow nor vanish with the depth of the network. A distance does not depend on the scale of the
    weights, because features are normalised and biases are 0.

    Examples
    --------
    >>> from eyediff.metrics.backbones import MINI
    >>> parameters = gaussian(MINI, seed=0)
    >>> parameters.keys() == MINI.shapes.keys()
    True
    """
    rng = np.random.default_rng(seed)
    parameters: dict[str, Array] = {}
    for name, shape in trunk.shapes.items():
        scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.0
        parameters[name] = (rng.standard_normal(shape) * scale).astype(np.float32)
    return parameters


def write_initial_metric(
    path: Path, trunk: Trunk, method: InitMethod, seed: int, photos: Path | None = None
) -> MetricFile:
    """Write a metric file with initial weights of a backbone and without linear weights.

    If the path has a metric file that was made with the same settings, that file is kept.

    Raises
    ------
    UsageError, ImageError
        In the same cases as `initial_parameters`.
    WeightsError
        If the path has a file that is not a metric file.
    """
    check_free(path)
    provenance: dict[str, object] = {"eyediff": __version__, "seed": seed}
    if photos is not None:
        paths = find_photos(photos)
        photos_sha256 = sha256(b"".join(sha256(each.read_bytes()).digest() for each in paths)).hexdigest()
        provenance |= {"photos": len(paths), "photos_sha256": photos_sha256}
    try:
        schema = (existing := read_metric(path)).description
        if (schema.trunk, schema.mode, schema.provenance) == (trunk.name, method, provenance):
            return existing
    except WeightsError:  # the file is missing, or is damaged and is replaced now
        pass
    parameters = initial_parameters(trunk, method, seed, photos)
    return write_metric(path, trunk=trunk.name, mode=method, provenance=provenance, parameters=parameters)
