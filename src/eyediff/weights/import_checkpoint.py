"""Weights of somebody else's training, under whatever names, brought to a trunk's own.

Self-supervised models keep a trunk as a part of something larger: `module.encoder_q.features.0.weight`. A prefix is
taken off where all of the trunk is found behind it, by names and by shapes; what else lies in the file is left.
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

OWN = "features."
"""How the names of a trunk begin in torchvision; a file may keep the layers under another name, or under none."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A trunk's parameters out of a file; `prefix` stood there in the place of `features.`."""

    parameters: Mapping[str, Array]
    prefix: str
    others: int


def read_foreign(path: Path, trunk: Trunk, prefix: str | None = None) -> Foreign:
    """A trunk's weights out of a .pth or safetensors file, whatever stands before their names, or behind `prefix`.

    Nothing of a pickle is run. Raises WeightsError, which names the file, where the trunk is not in it, or is there
    more than once and `prefix` does not say which is meant.
    """
    ends = {name.removeprefix(OWN): name for name in trunk.shapes}
    tensors = containers.read(path, lambda name: any(_begins(name, end) is not None for end in ends))
    starts = _starts(tensors, ends) if prefix is None else [prefix]
    fitting = [start for start in starts if _shapes(tensors, ends, start) == trunk.shapes]
    if len(fitting) > 1:
        names = ", ".join(map(repr, fitting))
        raise WeightsError(
            f"{shown(path)} holds {trunk.title} {len(fitting)} times, behind {shown(names)}; add ",
            Setting("prefix"),
        )
    if not fitting:
        raise WeightsError(f"{shown(path)}: {_missing(tensors, ends, starts, trunk)}")
    parameters = {ends[end]: tensors[fitting[0] + end] for end in ends}
    try:
        lpips.check_parameters(trunk, parameters)
    except WeightsError as error:
        raise WeightsError(f"{shown(path)}: {error}") from None
    return Foreign(parameters, fitting[0], len(tensors) - len(parameters))


def _begins(name: str, end: str) -> str | None:
    """What stands before the end of a name, where it ends so: whole words, or nothing."""
    start = name.removesuffix(end)
    return start if start != name and (not start or start.endswith(".")) else None


def _starts(tensors: Mapping[str, Array], ends: Mapping[str, str]) -> list[str]:
    """Beginnings that may be the trunk's: those before the first of its names."""
    first = next(iter(ends))
    return [start for name in tensors if (start := _begins(name, first)) is not None]


def _shapes(tensors: Mapping[str, Array], ends: Mapping[str, str], start: str) -> dict[str, tuple[int, ...]]:
    return {own: tensors[start + end].shape for end, own in ends.items() if start + end in tensors}


def _missing(tensors: Mapping[str, Array], ends: Mapping[str, str], starts: list[str], trunk: Trunk) -> str:
    """Why no beginning fits, told of that which comes nearest."""
    best = max(starts, key=lambda start: len(_shapes(tensors, ends, start)), default=None)
    if best is None or not (found := _shapes(tensors, ends, best)):
        where = "" if best is None else f" behind {best[:80]!r}"
        return f"not {trunk.title}: nothing in it is called like its layers{where}"
    if lacking := [end for end, own in ends.items() if own not in found]:
        return (
            f"not {trunk.title}: behind {best[:80]!r} it lacks {lacking[0]} ({len(lacking)} of {len(ends)} names); "
            "a network with other layers between, such as batch normalisation, is another network"
        )
    name = next(name for name, shape in trunk.shapes.items() if found[name] != shape)
    return f"not {trunk.title}: behind {best[:80]!r} {name} is {found[name]}, expected {trunk.shapes[name]}"
