"""Check a weights file completely before it is used: names, shapes, finite values and content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError, shown
from ..metrics import lpips
from ..metrics.backbones import ALL_TRUNKS, trunk
from ..metrics.ops import Array
from . import containers
from .catalogue import PUBLISHED, PublishedWeights
from .hashing import canonical_sha256, file_sha256

_RECORD_KEY = "eyediff"
"""Metadata key of a record in cached files. It has the facts known about the weights when they were stored."""


@dataclass(frozen=True, slots=True)
class LoadedTrunk:
    """Parameters of a backbone, with exactly the names and shapes of `backbones.trunk(name).shapes`.

    Attributes
    ----------
    parameters : mapping of str to array
        The tensors by name.
    sha256 : str
        Canonical hash of the tensors.
    source : Path
        The file from which they were read.
    official : bool
        Whether they are torchvision's. Otherwise, the user has accepted them.
    """

    parameters: Mapping[str, Array]
    sha256: str
    source: Path
    official: bool


def load(
    entry: PublishedWeights, path: Path, *, trust: bool = False, cached: bool = False, cure: str | None = None
) -> LoadedTrunk:
    """Load the weights of a backbone from a file with the whole network or only its convolutions.

    Parameters
    ----------
    entry : PublishedWeights
        The backbone.
    path : Path
        The file.
    trust : bool
        Accept weights that are not the official ones.
    cached : bool
        Whether the file is in the cache. Then weights that were trusted before are accepted.
    cure : str, optional
        The end of the error message, which tells what to do.

    Raises
    ------
    WeightsError
        If the weights are neither official nor trusted. The message names the file.
    """
    parameters = containers.read(path, is_backbone_parameter)
    network = trunk(entry.trunk, ALL_TRUNKS)
    try:
        lpips.check_parameters(network, parameters)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    sha256 = canonical_sha256(parameters)
    official, trusted_before, problem = _judge(entry, path, sha256, _read_record(path) if cached else {}, cure)
    if not official and not trust and not trusted_before:
        raise WeightsError(f"{shown(path)}: not the official weights of {network.title}: {problem}")
    return LoadedTrunk({name: parameters[name] for name in network.shapes}, sha256, path, official)


def _judge(
    entry: PublishedWeights, path: Path, found: str, record: Mapping[str, object], cure: str | None
) -> tuple[bool, bool, str]:
    """Return whether content with this hash is official, whether it was trusted before, and what is wrong otherwise."""
    remove = f"remove it and run `eyediff weights get {entry.trunk}`"
    if entry.canonical_sha256 is not None:
        problem = f"its convolutions have sha256 {found}, expected {entry.canonical_sha256}; {cure or remove}"
        return found == entry.canonical_sha256, False, problem
    if record:
        intact = record.get("canonical_sha256") == found
        problem = f"damaged: it has sha256 {found}, but {record.get('canonical_sha256')} is recorded; {remove}"
        return intact and record.get("file_sha256") == entry.sha256, intact, problem
    file_hash = file_sha256(path)
    advice = "`eyediff weights add` accepts it if you trust it"
    return (
        file_hash == entry.sha256,
        False,
        f"the file has sha256 {file_hash}, expected {entry.sha256}; {cure or advice}",
    )


def recognise(path: Path) -> str:
    """Return the name of the backbone that has the names and shapes in a file.

    Raises WeightsError if there is no such backbone.
    """
    shapes = {name: figures.shape for name, figures in containers.read(path, is_backbone_parameter).items()}
    networks = [trunk(name, ALL_TRUNKS) for name in PUBLISHED]
    for network in networks:
        if network.shapes == shapes:
            return network.name
    known = ", ".join(network.title for network in networks)
    raise WeightsError(f"{shown(path)}: names and shapes of its convolutions fit none of {known}")


def write_cached(entry: PublishedWeights, loaded: LoadedTrunk, path: Path) -> None:
    """Write weights as safetensors, with a record of their hash and the hash of the recognised file."""
    record = {"canonical_sha256": loaded.sha256, "file_sha256": entry.sha256 if loaded.official else None}
    containers.write(path, loaded.parameters, {_RECORD_KEY: json.dumps(record)})


def is_backbone_parameter(name: str) -> bool:
    """Return whether this is torchvision's name of a convolution's parameter and not of the classifier."""
    return name.startswith("features.")


def _read_record(path: Path) -> Mapping[str, object]:
    try:
        record = json.loads(containers.metadata(path).get(_RECORD_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
