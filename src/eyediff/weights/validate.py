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
"""Key of a metadata string in cached files. The string has the hashes of the weights when they were stored."""


@dataclass(frozen=True, slots=True)
class LoadedTrunk:
    """The parameters of a backbone that were loaded from a file.

    Attributes
    ----------
    parameters : mapping of str to array
        The tensors by their names. They have exactly the names and shapes of `backbones.trunk(name).shapes`.
    sha256 : str
        Canonical hash of the tensors.
    source : Path
        The file from which the tensors were read.
    official : bool
        Whether the tensors are the official ones of torchvision. If not, the user has accepted them.
    """

    parameters: Mapping[str, Array]
    sha256: str
    source: Path
    official: bool


def load(
    entry: PublishedWeights, path: Path, *, trust: bool = False, cached: bool = False, cure: str | None = None
) -> LoadedTrunk:
    """Load the weights of a backbone from a file that has the complete network, or only its convolutions.

    Parameters
    ----------
    entry : PublishedWeights
        The published weights of the backbone.
    path : Path
        Path of the file.
    trust : bool
        Whether weights are accepted that are not the official ones.
    cached : bool
        Whether the file is in the cache. If it is, weights are accepted that the user trusted when they were stored.
    cure : str, optional
        Text that says what to do, for the end of the error message.

    Raises
    ------
    WeightsError
        If the weights are neither official nor trusted. The message states the path of the file.
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
        raise WeightsError(f"{shown(path)}: the file does not have the official weights of {network.title}: {problem}")
    return LoadedTrunk({name: parameters[name] for name in network.shapes}, sha256, path, official)


def _judge(
    entry: PublishedWeights, path: Path, found: str, record: Mapping[str, object], cure: str | None
) -> tuple[bool, bool, str]:
    """Return whether weights with the hash `found` are official, whether they were trusted before, and what is wrong.

    The third value is a text for the case that the weights are neither official nor trusted.
    """
    remove = f"remove the file and run `eyediff weights get {entry.trunk}`"
    if entry.canonical_sha256 is not None:
        problem = f"its convolutions have the sha256 {found}; expected {entry.canonical_sha256}; {cure or remove}"
        return found == entry.canonical_sha256, False, problem
    if record:
        intact = record.get("canonical_sha256") == found
        problem = f"it is damaged: it has the sha256 {found}, but states {record.get('canonical_sha256')}; {remove}"
        return intact and record.get("file_sha256") == entry.sha256, intact, problem
    file_hash = file_sha256(path)
    advice = "if you trust the file, `eyediff weights add` accepts it"
    return (
        file_hash == entry.sha256,
        False,
        f"the file has the sha256 {file_hash}; expected {entry.sha256}; {cure or advice}",
    )


def recognise(path: Path) -> str:
    """Return the name of the backbone whose parameters have the same names and shapes as the tensors in a file.

    Raises WeightsError if there is no such backbone.
    """
    shapes = {name: figures.shape for name, figures in containers.read(path, is_backbone_parameter).items()}
    networks = [trunk(name, ALL_TRUNKS) for name in PUBLISHED]
    for network in networks:
        if network.shapes == shapes:
            return network.name
    known = ", ".join(network.title for network in networks)
    raise WeightsError(f"{shown(path)}: its convolutions fit none of these backbones: {known}; give another file")


def write_cached(entry: PublishedWeights, loaded: LoadedTrunk, path: Path) -> None:
    """Write weights to a safetensors file in the cache. Its metadata has the hashes of the weights and their file."""
    record = {"canonical_sha256": loaded.sha256, "file_sha256": entry.sha256 if loaded.official else None}
    containers.write(path, loaded.parameters, {_RECORD_KEY: json.dumps(record)})


def is_backbone_parameter(name: str) -> bool:
    """Return whether `name` is the name that torchvision gives to a parameter of a convolution.

    Parameters of the classifier have other names.
    """
    return name.startswith("features.")


def _read_record(path: Path) -> Mapping[str, object]:
    try:
        record = json.loads(containers.metadata(path).get(_RECORD_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
