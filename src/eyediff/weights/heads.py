"""Load the linear weights of LPIPS and DISTS from the package, and compute the hash of the weights of a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..metrics import lpips
from ..metrics.backbones import MINI
from ..metrics.backbones import trunk as trunk_of
from ..metrics.ops import Array
from . import package_files
from .hash_cache import cached_hash
from .hashing import canonical_sha256
from .search_path import PACKAGE
from .validate import LoadedTrunk

MINI_HEAD = "head/{}"
"""Pattern for the name of the tensor with the linear weights of a feature layer, in a weights file of lpips-mini."""


def load_heads(trunk: str, version: str = lpips.VERSIONS[0]) -> tuple[Array, ...]:
    """Return the linear weights of a backbone.

    Parameters
    ----------
    trunk : str
        Name of the backbone.
    version : str
        Version of the linear weights.

    Returns
    -------
    tuple of arrays of float32
        One array for each feature layer l. It has one value >= 0 for each of the C_l channels.

    Raises
    ------
    UsageError
        If the backbone or the version is unknown.
    WeightsError
        If the file of the package is damaged.

    Examples
    --------
    >>> [len(weights) for weights in load_heads("alex")]
    [64, 192, 384, 256, 256]
    """
    network = trunk_of(trunk)
    if network is MINI:
        return load_mini()[1]
    if version not in lpips.VERSIONS:
        raise UsageError(
            f"there are no linear weights of the version {version!r}; the versions are {', '.join(lpips.VERSIONS)}"
        )
    release, shipped = lpips.head_version(version), package_files.HEADS.read()
    return tuple(shipped[f"{release}/{trunk}/{index}"] for index in range(len(network.taps)))


def load_dists() -> tuple[Array, Array]:
    """Return the weights alpha and beta of DISTS. The sum of all values of both is 1.

    Raises
    ------
    WeightsError
        If the file of the package is damaged.
    """
    shipped = package_files.DISTS.read()
    alpha, beta = (shipped[name].astype(np.float64) for name in ("alpha", "beta"))
    total = alpha.sum() + beta.sum()
    return (alpha / total).astype(np.float32), (beta / total).astype(np.float32)


def load_mini() -> tuple[dict[str, Array], tuple[Array, ...]]:
    """Return the parameters and the linear weights of lpips-mini.

    Raises
    ------
    WeightsError
        If the file of the package is damaged.
    """
    shipped = package_files.MINI.read()
    heads = tuple(shipped[MINI_HEAD.format(index)] for index in range(len(MINI.taps)))
    return {name: shipped[name] for name in MINI.shapes}, heads


def metric_sha256(parameters: Mapping[str, Array], heads: Sequence[Array] | None) -> str:
    """Return the hash of the weights of a metric: the parameters of its backbone, and its linear weights.

    Results record this hash.
    """
    return canonical_sha256({**parameters, **{f"heads.{index}": head for index, head in enumerate(heads or ())}})


def network_sha256(loaded: LoadedTrunk, heads: Sequence[Array] | None, version: str) -> str:
    """Return `metric_sha256` of a backbone and its linear weights.

    For weights of the package, the hash is stored between runs.

    Parameters
    ----------
    loaded : LoadedTrunk
        Parameters of the backbone, and the file from which they were read.
    heads : sequence of arrays, optional
        Linear weights. If they are None, every linear weight is 1.
    version : str
        Version of the linear weights.
    """
    if loaded.source.parent != PACKAGE:
        return metric_sha256(loaded.parameters, heads)
    purpose = f"metric, linear weights {lpips.head_version(version)}" if heads else "metric without linear weights"
    files = [loaded.source, package_files.HEADS.path]
    return cached_hash(purpose, files, lambda: metric_sha256(loaded.parameters, heads))
