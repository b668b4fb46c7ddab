"""What a metric's file says of itself beside its tensors, and which tensors that asks for. Checked, never believed.

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
"""Of the one string in the metadata: safetensors writes several in any order, and the same metric is the same bytes."""

FORMAT = 1

MODULE = "module:"
"""Begins the name of a trunk that is a module of the user's; what follows is for people."""

HEAD, TRUNK = "heads.", "trunk."
"""Begin the names of tensors: `heads.INDEX`, one a tap, and `trunk.NAME`, the trunk's parameters."""

LONGEST = 200
"""Characters of a trunk's name, of a mode or of a tap."""

_TYPES: Mapping[str, type] = {
    "trunk": str,
    "trunk_sha256": str,
    "scaled": bool,
    "mode": str,
    "taps": list,
    "provenance": dict,
}


@dataclass(frozen=True)
class Form:
    """What decides a metric beside its figures, and where it comes from.

    `trunk_sha256` is the canonical hash of the parameters that the heads belong to; `scaled` tells version 0.1 from
    0.0; `taps` are submodules, of a module alone. `mode` says how it was made: head, tune or scratch (trained),
    imported, kmeans, gaussian. `provenance` is whatever JSON its maker thought worth keeping; it decides nothing.
    """

    trunk: str
    trunk_sha256: str
    scaled: bool
    mode: str
    taps: tuple[str, ...]
    provenance: Mapping[str, object]

    @property
    def is_module(self) -> bool:
        """Whether its trunk is a module of the user's, which no file can bring."""
        return self.trunk.startswith(MODULE)

    def text(self) -> str:
        """One line of JSON. Raises WeightsError where provenance is no JSON."""
        try:
            return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise WeightsError(f"its provenance is no strict JSON ({error})") from None

    def check(self) -> None:
        """Raise WeightsError where a value makes no sense."""
        texts = [self.trunk, self.mode, *self.taps]
        if not all(isinstance(one, str) and one and one.isprintable() and len(one) <= LONGEST for one in texts):
            raise WeightsError(f"its trunk, mode and taps are not all text of 1 to {LONGEST} printable characters")
        if not re.fullmatch("[0-9a-f]{64}", self.trunk_sha256):
            raise WeightsError("its trunk_sha256 is no sha256 of 64 digits")
        if not self.is_module and self.trunk not in TRUNKS:
            raise WeightsError(f"for an unknown trunk, {self.trunk!r}; there are {', '.join(TRUNKS)} and {MODULE}NAME")
        if self.is_module != bool(self.taps):
            raise WeightsError(f"taps are named where the trunk is {MODULE}NAME, and there alone")

    def wanted(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that there must be, where there are these: all heads or none, and so on."""
        trunk = TRUNKS.get(self.trunk)
        found: dict[str, tuple[int, ...]] = {}
        if any(name.startswith(HEAD) for name in shapes):
            found |= {f"{HEAD}{index}": (count,) for index, count in enumerate(self._channels(trunk, shapes))}
        if trunk is not None and any(name.startswith(TRUNK) for name in shapes):
            found |= {f"{TRUNK}{name}": shape for name, shape in trunk.shapes.items()}
        return found

    def _channels(self, trunk: Trunk | None, shapes: Mapping[str, tuple[int, ...]]) -> Sequence[int]:
        """Figures in each head; how many channels a module has at its taps, only the module can say."""
        if trunk is not None:
            return trunk.taps
        return [max(1, *shapes.get(f"{HEAD}{index}", (1,))[:1]) for index in range(len(self.taps))]


def parse(text: str | None) -> Form:
    """The form out of a file's metadata."""
    if text is None:
        raise WeightsError(
            "holds tensors, but is no metric of eyediff; `eyediff weights import` makes one of a trunk's weights"
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or type(found.get("format")) is not int or found["format"] < 1:
        raise WeightsError(f"its {KEY} is no description of a metric")
    if (version := found.pop("format")) > FORMAT:
        raise WeightsError(f"of format {version}, this eyediff reads up to {FORMAT}; install a newer one")
    if found.keys() != _TYPES.keys() or any(type(found[name]) is not kind for name, kind in _TYPES.items()):
        raise WeightsError(f"its {KEY} does not have the fields {', '.join(_TYPES)}, each of its type")
    form = Form(**{**found, "taps": tuple(found["taps"])})
    form.check()
    return form


def check_tensors(form: Form, found: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Raise WeightsError unless types, names and shapes are those of the trunk and of its heads."""
    if wrong := [name for name, (kind, _) in found.items() if kind != "F32"]:
        raise WeightsError(f"{wrong[0][:80]!r} is of type {found[wrong[0]][0]}, expected F32")
    shapes = {name: shape for name, (_, shape) in found.items()}
    wanted = form.wanted(shapes)
    if not wanted:
        raise WeightsError("holds neither heads nor a trunk: nothing that a metric could be made of")
    if missing := [name for name in wanted if name not in shapes]:
        raise WeightsError(f"lacks {missing[0]} ({len(missing)} of {len(wanted)} tensors of {form.trunk})")
    if extra := [name for name in shapes if name not in wanted]:
        raise WeightsError(f"holds {extra[0][:80]!r}, which a metric of {form.trunk} does not have")
    if other := [name for name in wanted if shapes[name] != wanted[name]]:
        raise WeightsError(f"{other[0]} is of shape {shapes[other[0]]}, expected {wanted[other[0]]}")
