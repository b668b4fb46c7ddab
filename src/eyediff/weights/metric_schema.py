"""Parse and check the description in a metric file, and check the tensors that it requires.

All functions raise WeightsError if something is wrong. The messages do not state the path of the file; the caller adds
the path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from ..errors import WeightsError
from ..metrics.backbones import TRUNKS, Trunk

KEY = "eyediff.metric"
"""Key of the metadata string with the description.

It is the only metadata string of a metric file, because safetensors does not keep the order of several strings.
"""

FORMAT = 1

MODULE = "module:"
"""Prefix of the name of a backbone that is a torch module of the user. The rest of the name is only for people."""

HEAD, TRUNK = "heads.", "trunk."
"""Prefixes of tensor names.

`heads.INDEX` has the linear weights of a feature layer. `trunk.NAME` has a parameter of the backbone.
"""

MAX_TEXT_LENGTH = 200
"""Largest length of the name of a backbone, a mode or a feature layer, in characters."""

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
    """The description in a metric file: the origin of the metric, and all that determines it apart from the tensors.

    Attributes
    ----------
    trunk : str
        Name of the backbone.
    trunk_sha256 : str
        Canonical hash of the parameters of the backbone for which the linear weights were made.
    scaled : bool
        Whether the metric normalises its input. Version 0.1 of LPIPS does, and version 0.0 does not.
    mode : str
        How the metric was made. "head", "tune" and "scratch" are kinds of training. Other values are "imported",
        "kmeans" and "gaussian".
    taps : tuple of str
        Names of the submodules whose outputs are the feature layers, if the backbone is a torch module of the user.
        Otherwise, it is empty.
    provenance : mapping
        Facts that the author of the metric recorded, as JSON. They do not affect the metric.
    """

    trunk: str
    trunk_sha256: str
    scaled: bool
    mode: str
    taps: tuple[str, ...]
    provenance: Mapping[str, object]

    @property
    def is_module(self) -> bool:
        """True if the backbone is a torch module of the user, whose code is never in the file."""
        return self.trunk.startswith(MODULE)

    def to_json(self) -> str:
        """Return the description as one line of JSON. Raises WeightsError if the provenance cannot become JSON."""
        try:
            return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"its provenance is not strict JSON ({error})") from None

    def check(self) -> None:
        """Raise WeightsError if a value of the description is invalid."""
        texts = [self.trunk, self.mode, *self.taps]
        if not all(isinstance(one, str) and one and one.isprintable() and len(one) <= MAX_TEXT_LENGTH for one in texts):
            raise WeightsError(
                f"the trunk, mode and taps in its description must all be text of 1 to {MAX_TEXT_LENGTH} printable "
                "characters"
            )
        if not re.fullmatch("[0-9a-f]{64}", self.trunk_sha256):
            raise WeightsError("the trunk_sha256 in its description must be a sha256 of 64 digits")
        if not self.is_module and self.trunk not in TRUNKS:
            raise WeightsError(f"its trunk {self.trunk!r} is unknown; expected {', '.join(TRUNKS)} or {MODULE}NAME")
        if self.is_module != bool(self.taps):
            raise WeightsError(f"its description must have taps if the trunk is {MODULE}NAME, and no taps otherwise")

    def expected_tensors(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Return the name and the shape of every tensor that the file must have.

        `shapes` has the shapes of the tensors in the file. They decide whether the file must have the parameters of the
        backbone, and whether it must have linear weights. Linear weights exist for all feature layers or for none.
        """
        trunk = TRUNKS.get(self.trunk)
        expected: dict[str, tuple[int, ...]] = {}
        if any(name.startswith(HEAD) for name in shapes):
            expected |= {f"{HEAD}{index}": (count,) for index, count in enumerate(self._channels(trunk, shapes))}
        if trunk is not None and any(name.startswith(TRUNK) for name in shapes):
            expected |= {f"{TRUNK}{name}": shape for name, shape in trunk.shapes.items()}
        return expected

    def _channels(self, trunk: Trunk | None, shapes: Mapping[str, tuple[int, ...]]) -> Sequence[int]:
        """Return the number of linear weights of each feature layer.

        If the backbone is a torch module of the user, the numbers are taken from the shapes in the file.
        """
        if trunk is not None:
            return trunk.taps
        return [max(1, *shapes.get(f"{HEAD}{index}", (1,))[:1]) for index in range(len(self.taps))]


def parse_description(text: str | None) -> MetricDescription:
    """Parse the description of a metric, which is a string in the metadata of its file."""
    if text is None:
        raise WeightsError(
            "the file has tensors, but is not a metric of eyediff; `eyediff weights import` makes a metric from a "
            "backbone"
        )
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or type(record.get("format")) is not int or record["format"] < 1:
        raise WeightsError(f"its metadata string {KEY} is not the description of a metric; give another file")
    if (version := record.pop("format")) > FORMAT:
        raise WeightsError(
            f"the file has the format {version}, but this version of eyediff reads formats up to {FORMAT}; install a "
            "newer version of eyediff"
        )
    if record.keys() != _TYPES.keys() or any(type(record[name]) is not kind for name, kind in _TYPES.items()):
        raise WeightsError(
            f"its metadata string {KEY} must have exactly the fields {', '.join(_TYPES)}, with the right types"
        )
    description = MetricDescription(**{**record, "taps": tuple(record["taps"])})
    description.check()
    return description


def check_tensors(description: MetricDescription, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise WeightsError unless the tensors have the names, types and shapes that the description requires."""
    if wrong := [name for name, (kind, _) in tensors.items() if kind != "F32"]:
        raise WeightsError(f"the tensor {wrong[0][:80]!r} has the type {tensors[wrong[0]][0]}; expected F32")
    shapes = {name: shape for name, (_, shape) in tensors.items()}
    expected = description.expected_tensors(shapes)
    if not expected:
        raise WeightsError("the file has neither linear weights nor a backbone, so it is not a metric")
    if missing := [name for name in expected if name not in shapes]:
        raise WeightsError(
            f"the file lacks {missing[0]} ({len(missing)} of {len(expected)} tensors of {description.trunk} are "
            "missing)"
        )
    if extra := [name for name in shapes if name not in expected]:
        raise WeightsError(
            f"the file has {extra[0][:80]!r}, which is not a tensor of a metric with the backbone {description.trunk}"
        )
    if other := [name for name in expected if shapes[name] != expected[name]]:
        raise WeightsError(f"the tensor {other[0]} has the shape {shapes[other[0]]}; expected {expected[other[0]]}")
