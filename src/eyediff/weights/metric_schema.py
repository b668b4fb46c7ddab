"""The description in a metric's file, and the tensors that it requires. A description is checked, never trusted.

All functions raise WeightsError without the file's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..errors import WeightsError
from ..metrics.backbones import TRUNKS, Trunk

KEY = "eyediff.metric"
"""Key of the only metadata string. safetensors writes several in any order; with one, equal metrics are equal bytes."""

FORMAT = 1

MODULE = "module:"
"""Prefix of the name of a backbone that is a module of the user. The rest of the name is for people."""

HEAD, TRUNK = "heads.", "trunk."
"""Prefixes of tensors: `heads.INDEX`, one for each feature layer, and `trunk.NAME`, the parameters of the backbone."""

MAX_TEXT_LENGTH = 200
"""Longest name of a backbone, mode or feature layer, in characters."""

_TYPES: Mapping[str, type] = {
    "trunk": str,
    "trunk_sha256": str,
    "scaled": bool,
    "mode": str,
    "taps": list,
    "provenance": dict,
}


@dataclass(frozen=True)
class MetricDescription:
    """Everything that decides a metric beside its values, and its origin.

    Attributes
    ----------
    trunk : str
        Name of the backbone.
    trunk_sha256 : str
        Canonical hash of the parameters that the linear weights belong to.
    scaled : bool
        Whether the input is scaled: version 0.1 rather than 0.0.
    mode : str
        How it was made: head, tune or scratch (trained), imported, kmeans, gaussian.
    taps : tuple of str
        Submodules of the feature layers, for a module of the user.
    provenance : mapping
        JSON that its author chose to record. It decides nothing.
    """

    trunk: str
    trunk_sha256: str
    scaled: bool
    mode: str
    taps: tuple[str, ...]
    provenance: Mapping[str, object]

    @property
    def is_module(self) -> bool:
        """True if the backbone is a module of the user, which no file can contain."""
        return self.trunk.startswith(MODULE)

    def to_json(self) -> str:
        """Return one line of JSON. Raises WeightsError if the provenance is not JSON."""
        try:
            return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"its provenance is no strict JSON ({error})") from None

    def check(self) -> None:
        """Raise WeightsError if a value is invalid."""
        texts = [self.trunk, self.mode, *self.taps]
        if not all(isinstance(one, str) and one and one.isprintable() and len(one) <= MAX_TEXT_LENGTH for one in texts):
            raise WeightsError(
                f"its trunk, mode and taps are not all text of 1 to {MAX_TEXT_LENGTH} printable characters"
            )
        if not re.fullmatch("[0-9a-f]{64}", self.trunk_sha256):
            raise WeightsError("its trunk_sha256 is no sha256 of 64 digits")
        if not self.is_module and self.trunk not in TRUNKS:
            raise WeightsError(f"for an unknown trunk, {self.trunk!r}; there are {', '.join(TRUNKS)} and {MODULE}NAME")
        if self.is_module != bool(self.taps):
            raise WeightsError(f"taps are named where the trunk is {MODULE}NAME, and there alone")

    def expected_tensors(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every required tensor, given those that exist.

        Linear weights exist for all layers or for none.
        """
        trunk = TRUNKS.get(self.trunk)
        expected: dict[str, tuple[int, ...]] = {}
        if any(name.startswith(HEAD) for name in shapes):
            expected |= {f"{HEAD}{index}": (count,) for index, count in enumerate(self._channels(trunk, shapes))}
        if trunk is not None and any(name.startswith(TRUNK) for name in shapes):
            expected |= {f"{TRUNK}{name}": shape for name, shape in trunk.shapes.items()}
        return expected

    def _channels(self, trunk: Trunk | None, shapes: Mapping[str, tuple[int, ...]]) -> Sequence[int]:
        """Return the length of each linear weight. Only a module itself knows its number of channels."""
        if trunk is not None:
            return trunk.taps
        return [max(1, *shapes.get(f"{HEAD}{index}", (1,))[:1]) for index in range(len(self.taps))]


def parse_description(text: str | None) -> MetricDescription:
    """Parse the description in a file's metadata."""
    if text is None:
        raise WeightsError(
            "holds tensors, but is no metric of eyediff; `eyediff weights import` makes one of a trunk's weights"
        )
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or type(record.get("format")) is not int or record["format"] < 1:
        raise WeightsError(f"its {KEY} is no description of a metric")
    if (version := record.pop("format")) > FORMAT:
        raise WeightsError(f"of format {version}, this eyediff reads up to {FORMAT}; install a newer one")
    if record.keys() != _TYPES.keys() or any(type(record[name]) is not kind for name, kind in _TYPES.items()):
        raise WeightsError(f"its {KEY} does not have the fields {', '.join(_TYPES)}, each of its type")
    description = MetricDescription(**{**record, "taps": tuple(record["taps"])})
    description.check()
    return description


def check_tensors(description: MetricDescription, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise WeightsError unless types, names and shapes are those of the backbone and of its linear weights."""
    if wrong := [name for name, (kind, _) in tensors.items() if kind != "F32"]:
        raise WeightsError(f"{wrong[0][:80]!r} is of type {tensors[wrong[0]][0]}, expected F32")
    shapes = {name: shape for name, (_, shape) in tensors.items()}
    expected = description.expected_tensors(shapes)
    if not expected:
        raise WeightsError("holds neither heads nor a trunk: nothing that a metric could be made of")
    if missing := [name for name in expected if name not in shapes]:
        raise WeightsError(f"lacks {missing[0]} ({len(missing)} of {len(expected)} tensors of {description.trunk})")
    if extra := [name for name in shapes if name not in expected]:
        raise WeightsError(f"holds {extra[0][:80]!r}, which a metric of {description.trunk} does not have")
    if other := [name for name in expected if shapes[name] != expected[name]]:
        raise WeightsError(f"{other[0]} is of shape {shapes[other[0]]}, expected {expected[other[0]]}")
