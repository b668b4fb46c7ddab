"""Import weights from checkpoints of other projects, with any names.

Self-supervised models store a backbone as a part of a larger model: `module.encoder_q.features.0.weight`. A prefix is
removed if the names and shapes behind it are those of the whole backbone. Other tensors of the file are ignored.
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
"""Prefix of a backbone's names in torchvision. Other files may use another prefix, or none."""


@dataclass(frozen=True, slots=True)
class ImportedCheckpoint:
    """Parameters of a backbone from a file, the prefix of their names in the file, and the number of other tensors."""

    parameters: Mapping[str, Array]
    prefix: str
    others: int


def read_checkpoint(path: Path, trunk: Trunk, prefix: str | None = None) -> ImportedCheckpoint:
    """Read the weights of a backbone from a .pth or safetensors file, with any prefix or the given one. No code is run.

    Raises
    ------
    WeightsError
        If the file does not contain the backbone, or contains it several times and `prefix` does not select one. The
        message names the file.
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
            f"{shown(path)} contains {trunk.title} {len(matching)} times, behind the prefixes {shown(names)}; add ",
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
    """Return what precedes `suffix` in a name. It must be empty or end with a dot; otherwise, return None."""
    prefix = name.removesuffix(suffix)
    return prefix if prefix != name and (not prefix or prefix.endswith(".")) else None


def _prefixes(tensors: Mapping[str, Array], names_by_suffix: Mapping[str, str]) -> list[str]:
    """Return all possible prefixes: everything that precedes the first name of the backbone."""
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
    """Describe why no prefix fits. The description is about the prefix that fits best."""
    best = max(prefixes, key=lambda prefix: len(_shapes(tensors, names_by_suffix, prefix)), default=None)
    if best is None or not (shapes := _shapes(tensors, names_by_suffix, best)):
        where = "" if best is None else f" behind {best[:80]!r}"
        return f"not {trunk.title}: no name in it is that of one of its layers{where}"
    if missing := [suffix for suffix, own in names_by_suffix.items() if own not in shapes]:
        return (
            f"not {trunk.title}: behind {best[:80]!r} it lacks {missing[0]} ({len(missing)} of {len(names_by_suffix)} "
            "names); a network with additional layers, such as batch normalisation, does not fit"
        )
    name = next(name for name, shape in trunk.shapes.items() if shapes[name] != shape)
    return f"not {trunk.title}: behind {best[:80]!r}, {name} has shape {shapes[name]}, expected {trunk.shapes[name]}"
