"""Import the weights of a backbone from checkpoints of other projects. Their tensors have other names.

For example, self-supervised models store a backbone as a part of a larger model, with names such as
`module.encoder_q.features.0.weight`. A prefix of the names is removed if the rest of the names, and the shapes, are
those of the complete backbone. All other tensors of the file are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import Setting, WeightsError, shown
from ..metrics import lpips
from ..metrics.backbones import Trunk
from ..metrics.ops import Array
from . import containers

TORCHVISION_PREFIX = "features."
"""Prefix of the names of a backbone's parameters in torchvision. Other files may have another prefix, or none."""


@dataclass(frozen=True, slots=True)
class ImportedCheckpoint:
    """The parameters of a backbone that were read from a file.

    `prefix` is the prefix of the names of these parameters in the file. `others` is the number of tensors that were
    ignored.
    """

    parameters: Mapping[str, Array]
    prefix: str
    others: int


def read_checkpoint(path: Path, trunk: Trunk, prefix: str | None = None) -> ImportedCheckpoint:
    """Read the weights of a backbone from a .pth or safetensors file. No code in the file is run.

    If `prefix` is None, the tensors of the backbone may have any prefix.

    Raises
    ------
    WeightsError
        If the file does not contain the backbone. Also if it contains the backbone several times, with different
        prefixes, and `prefix` is None. The message states the path of the file.
    """
    names_by_suffix = {name.removeprefix(TORCHVISION_PREFIX): name for name in trunk.shapes}
    tensors = containers.read(
        path, lambda name: any(_prefix_of(name, suffix) is not None for suffix in names_by_suffix)
    )
    prefixes = _prefixes(tensors, names_by_suffix) if prefix is None else [prefix]
    matching = [candidate for candidate in prefixes if _shapes(tensors, names_by_suffix, candidate) == trunk.shapes]
    if len(matching) > 1:
        names = ", ".join(map(repr, matching))
        raise WeightsError(
            f"{shown(path)} contains {trunk.title} {len(matching)} times, with the prefixes {shown(names)}; choose one "
            "with ",
            Setting("prefix"),
        )
    if not matching:
        raise WeightsError(f"{shown(path)}: {_describe_mismatch(tensors, names_by_suffix, prefixes, trunk)}")
    parameters = {names_by_suffix[suffix]: tensors[matching[0] + suffix] for suffix in names_by_suffix}
    try:
        lpips.check_parameters(trunk, parameters)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    return ImportedCheckpoint(parameters, matching[0], len(tensors) - len(parameters))


def _prefix_of(name: str, suffix: str) -> str | None:
    """Return the part of a name before `suffix`. Return None if this part is not empty and does not end with a dot."""
    prefix = name.removesuffix(suffix)
    return prefix if prefix != name and (not prefix or prefix.endswith(".")) else None


def _prefixes(tensors: Mapping[str, Array], names_by_suffix: Mapping[str, str]) -> list[str]:
    """Return all possible prefixes: the parts of tensor names before the name of the backbone's first parameter."""
    first = next(iter(names_by_suffix))
    return [prefix for name in tensors if (prefix := _prefix_of(name, first)) is not None]


def _shapes(
    tensors: Mapping[str, Array], names_by_suffix: Mapping[str, str], prefix: str
) -> dict[str, tuple[int, ...]]:
    return {
        own: tensors[prefix + suffix].shape for suffix, own in names_by_suffix.items() if prefix + suffix in tensors
    }


def _describe_mismatch(
    tensors: Mapping[str, Array], names_by_suffix: Mapping[str, str], prefixes: list[str], trunk: Trunk
) -> str:
    """Return a description of why no prefix fits. It describes the prefix that fits best."""
    best = max(prefixes, key=lambda prefix: len(_shapes(tensors, names_by_suffix, prefix)), default=None)
    if best is None or not (shapes := _shapes(tensors, names_by_suffix, best)):
        where = "" if best is None else f" with the prefix {best[:80]!r}"
        return f"the file does not contain {trunk.title}: no tensor has the name of one of its layers{where}"
    if missing := [suffix for suffix, own in names_by_suffix.items() if own not in shapes]:
        return (
            f"the file does not contain {trunk.title}: with the prefix {best[:80]!r}, {missing[0]} is missing "
            f"({len(missing)} of {len(names_by_suffix)} tensors are missing); a network with additional layers, such "
            "as batch normalisation, does not fit"
        )
    name = next(name for name, shape in trunk.shapes.items() if shapes[name] != shape)
    return (
        f"the file does not contain {trunk.title}: with the prefix {best[:80]!r}, {name} has the shape {shapes[name]}; "
        f"expected {trunk.shapes[name]}"
    )
