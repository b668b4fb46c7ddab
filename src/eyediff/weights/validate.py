"""A file of weights, checked whole before any of it is used: names, shapes, finiteness, content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import WeightsError, shown
from ..metrics import lpips
from ..metrics.backbones import trunk
from ..metrics.ops import Array
from . import containers
from .catalogue import PUBLISHED, Published
from .hashing import canonical_sha256, file_sha256

_RECORD = "eyediff"
"""The key, in the metadata of a cached file, of what was known of the weights when they were put there."""


@dataclass(frozen=True, slots=True)
class LoadedTrunk:
    """A trunk's parameters, exactly those of `backbones.trunk(name).shapes`.

    `sha256` is their canonical hash, `source` the file they came from; `official` says that they are torchvision's, and
    not taken on the user's word.
    """

    parameters: Mapping[str, Array]
    sha256: str
    source: Path
    official: bool


def load(
    entry: Published, path: Path, *, trust: bool = False, cached: bool = False, cure: str | None = None
) -> LoadedTrunk:
    """The weights of a trunk out of a file, whole network or convolutions only.

    They must be the official ones, or taken on the user's word: now (`trust`), or when they were put into the cache
    (`cached`: the file is our own, and the record in it counts). `cure` ends the error where they are neither. Raises
    WeightsError, which names the file.
    """
    parameters = containers.read(path, of_a_trunk)
    network = trunk(entry.trunk)
    try:
        lpips.check_parameters(network, parameters)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    found = canonical_sha256(parameters)
    official, vouched, problem = _judge(entry, path, found, _read_record(path) if cached else {}, cure)
    if not official and not trust and not vouched:
        raise WeightsError(f"{shown(path)}: not the official weights of {network.title}: {problem}")
    return LoadedTrunk({name: parameters[name] for name in network.shapes}, found, path, official)


def _judge(
    entry: Published, path: Path, found: str, record: Mapping[str, object], cure: str | None
) -> tuple[bool, bool, str]:
    """Whether content of this hash is official, whether somebody vouched for it, and what is wrong if neither."""
    remove = f"remove it, and `eyediff weights get {entry.trunk}` brings them"
    if entry.canonical_sha256 is not None:
        problem = f"its convolutions have sha256 {found}, expected {entry.canonical_sha256}; {cure or remove}"
        return found == entry.canonical_sha256, False, problem
    if record:
        intact = record.get("canonical_sha256") == found
        problem = f"damaged, with sha256 {found}, recorded {record.get('canonical_sha256')}; {remove}"
        return intact and record.get("file_sha256") == entry.sha256, intact, problem
    whole = file_sha256(path)
    vouch = "`eyediff weights add` takes it on your word"
    return whole == entry.sha256, False, f"the file has sha256 {whole}, expected {entry.sha256}; {cure or vouch}"


def recognise(path: Path) -> str:
    """The name of the trunk whose names and shapes a file holds. Raises WeightsError, which names the file."""
    shapes = {name: figures.shape for name, figures in containers.read(path, of_a_trunk).items()}
    networks = [trunk(name) for name in PUBLISHED]
    for network in networks:
        if network.shapes == shapes:
            return network.name
    known = ", ".join(network.title for network in networks)
    raise WeightsError(f"{shown(path)}: its convolutions fit none of {known} by names and shapes")


def keep(entry: Published, loaded: LoadedTrunk, path: Path) -> None:
    """Write weights as safetensors, with a record of their hash and of the file that was recognised."""
    record = {"canonical_sha256": loaded.sha256, "file_sha256": entry.sha256 if loaded.official else None}
    containers.write(path, loaded.parameters, {_RECORD: json.dumps(record)})


def of_a_trunk(name: str) -> bool:
    """Whether this is the name of a convolution's parameter, as torchvision has it, and not of what classifies."""
    return name.startswith("features.")


def _read_record(path: Path) -> Mapping[str, object]:
    try:
        record = json.loads(containers.metadata(path).get(_RECORD, "{}"))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
