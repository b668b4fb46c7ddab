"""The published heads of LPIPS, which ship with the package (BSD-2-Clause, see NOTICE), and a metric's hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UsageError, WeightsError
from ..metrics import lpips
from ..metrics.backbones import MINI
from ..metrics.backbones import trunk as trunk_of
from ..metrics.ops import Array
from . import containers, mini
from .hashing import canonical_sha256, file_sha256

FILE = Path(__file__).with_name("heads.safetensors")
"""Written by scripts/import_heads.py from the official wheel; keys are version/trunk/index of the tap."""

SHA256 = "dfaf059db043c0a8556fffe32d5c4fa4ed3fbffacec70438828ebbdd3ced7d99"
"""Of that file."""


def load_heads(trunk: str, version: str = lpips.VERSIONS[0]) -> tuple[Array, ...]:
    """The heads of a trunk, one a tap: C_l float32 figures each, none below 0.

    Raises UsageError for a trunk or version that there is not, WeightsError where the shipped file is not intact.
    """
    network = trunk_of(trunk)
    if network is MINI:
        return mini.load()[1]
    if version not in lpips.VERSIONS:
        raise UsageError(f"no heads are of version {version!r}; there are {', '.join(lpips.VERSIONS)}")
    check()
    prefix = f"{version}/{trunk}/"
    found = containers.read(FILE, lambda name: name.startswith(prefix))
    heads = tuple(found[f"{prefix}{index}"] for index in range(len(found)))
    lpips.check_heads(network, heads)
    return heads


def check() -> None:
    """Raise WeightsError unless the shipped file is there and intact."""
    try:
        whole = file_sha256(FILE)
    except OSError as error:
        raise WeightsError(f"{FILE}: cannot be read ({error.strerror}); install eyediff again") from None
    if whole != SHA256:
        raise WeightsError(
            f"{FILE}: not the file that was shipped (sha256 {whole}, expected {SHA256}); install eyediff again"
        )


def metric_sha256(parameters: Mapping[str, Array], heads: Sequence[Array] | None) -> str:
    """What a header names as a metric's weights: the canonical hash over the trunk's parameters and its heads."""
    return canonical_sha256({**parameters, **{f"heads.{index}": head for index, head in enumerate(heads or ())}})
