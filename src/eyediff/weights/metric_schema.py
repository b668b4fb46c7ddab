"""The description in a metric's file, and the tensors that it requires. A description is checked before use.

All functions raise WeightsError. Their messages do not name the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..errors import WeightsError
from ..metrics.backbones import TRUNKS, Trunk

KEY = "eyediff.metric"
"""Key of the only metadata string. There is one, because safetensors does not keep the order of several strings."""

FORMAT = 1

MODULE = "module:"
"""Prefix of a backbone's name if it is a module of the user. The rest of the name is only for people."""

HEAD, TRUNK = "heads.", "trunk."
"""Prefixes of tensor names: `heads.INDEX` for each feature layer, and `trunk.NAME` for the backbone's parameters."""

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
    """Everything except the values that determines a metric, and the metric's origin.

    Attributes
    ----------
    trunk : str
        Name of the backbone.
    trunk_sha256 : str
        Canonical hash of the parameters for which the linear weights were made.
    scaled : bool
        Whether the input is scaled, as in version 0.1. In version 0.0 it is not.
    mode : str
        How the metric was made: head, tune or scratch (trained), imported, kmeans, gaussian.
    taps : tuple of str
        Names of the submodules whose outputs are the feature layers, for a module of the user.
    provenance : mapping
        JSON that the author of the metric recorded. It has no effect.
    """

    trunk: str
    trunk_sha256: str
    scaled: bool
    mode: str
    taps: tuple[str, ...]
    provenance: Mapping[str, object]

    @property
    def is_module(self) -> bool:
        """True if the backbone is a module of the user. Its code is never in the file."""
        return self.trunk.startswith(MODULE)

    def to_json(self) -> str:
        """Return one line of JSON. Raises WeightsError if the provenance is not JSON."""
        try:
            return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"its provenance is not strict JSON ({error})") from None

    def check(self) -> None:
        """Raise WeightsError if a value is invalid."""
        texts = [self.trunk, self.mode, *self.taps]
        if not all(isinstance(one, str) and one and one.isprintable() and len(one) <= MAX_TEXT_LENGTH for one in texts):
            raise WeightsError(
                f"its trunk, mode and taps must all be text of 1 to {MAX_TEXT_LENGTH} printable characters"
            )
        if not re.fullmatch("[0-9a-f]{64}", self.trunk_sha256):
            raise WeightsError("its trunk_sha256 must be a sha256 of 64 digits")
        if not self.is_module and self.trunk not in TRUNKS:
            raise WeightsError(f"its trunk {self.trunk!r} is unknown; expected {', '.join(TRUNKS)} or {MODULE}NAME")
        if self.is_module != bool(self.taps):
            raise WeightsError(f"it must have taps if its trunk is {MODULE}NAME, and otherwise none")

    def expected_tensors(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Return name and shape of every required tensor. `shapes` are those of the tensors in the file.

        Linear weights exist for all feature layers or for none.
        """
        trunk = TRUNKS.get(self.trunk)
        expected: dict[str, tuple[int, ...]] = {}
        if any(name.startswith(HEAD) for name in shapes):
            expected |= {f"{HEAD}{index}": (count,) for index, count in enumerate(self._channels(trunk, shapes))}
        if trunk is not None and any(name.startswith(TRUNK) for name in shapes):
            expected |= {f"{TRUNK}{name}": shape for name, shape in trunk.shapes.items()}
        return expected

    def _channels(self, trunk: Trunk | None, shapes: Mapping[str, tuple[int, ...]]) -> Sequence[int]:
        """Return the length of each linear weight. For a module of the user, only the file tells the lengths."""
        if trunk is not None:
            return trunk.taps
        return [max(1, *shapes.get(f"{HEAD}{index}", (1,))[:1]) for index in range(len(self.taps))]


def parse_description(text: str | None) -> MetricDescription:
    """Parse the description in a file's metadata."""
    if text is None:
        raise WeightsError(
            "it has tensors, but is not a metric of eyediff; `eyediff weights import` makes one from a backbone"
        )
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or type(record.get("format")) is not int or record["format"] < 1:
        raise WeightsError(f"its {KEY} is not the description of a metric")
    if (version := record.pop("format")) > FORMAT:
        raise WeightsError(
            f"it has format {version}, but this eyediff reads formats up to {FORMAT}; install a newer eyediff"
        )
    if record.keys() != _TYPES.keys() or any(type(record[name]) is not kind for name, kind in _TYPES.items()):
        raise WeightsError(f"its {KEY} does not have the fields {', '.join(_TYPES)} with the right types")
    description = MetricDescription(**{**record, "taps": tuple(record["taps"])})
    description.check()
    return description


def check_tensors(description: MetricDescription, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise WeightsError unless types, names and shapes are those of the backbone and its linear weights."""
    if wrong := [name for name, (kind, _) in tensors.items() if kind != "F32"]:
        raise WeightsError(f"{wrong[0][:80]!r} has the type {tensors[wrong[0]][0]}, expected F32")
    shapes = {name: shape for name, (_, shape) in tensors.items()}
    expected = description.expected_tensors(shapes)
    if not expected:
        raise WeightsError("it has neither heads nor a backbone, so it is not a metric")
    if missing := [name for name in expected if name not in shapes]:
        raise WeightsError(f"it lacks {missing[0]} ({len(missing)} of {len(expected)} tensors of {description.trunk})")
    if extra := [name for name in shapes if name not in expected]:
        raise WeightsError(f"it has {extra[0][:80]!r}, which is not a tensor of a metric with {description.trunk}")
    if other := [name for name in expected if shapes[name] != expected[name]]:
        raise WeightsError(f"{other[0]} has the shape {shapes[other[0]]}, expected {expected[other[0]]}")
