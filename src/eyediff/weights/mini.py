"""Mini, the network of our own, which ships with the package: nothing is ever fetched for `lpips-mini`."""

from __future__ import annotations

from pathlib import Path

from ..errors import WeightsError
from ..metrics import lpips
from ..metrics.backbones import MINI
from ..metrics.ops import Array
from . import containers
from .hashing import canonical_sha256
from .validate import LoadedTrunk

FILE = Path(__file__).with_name("mini.safetensors")
"""Written by `eyediff distill` (docs/mini.md says from what); the trunk's names, and head/index of the tap."""

SHA256 = "0402641c7f1dd9786305266d83d0149815457b1bc30591a0d415980eb539cb06"
"""The canonical hash of all that is in it."""


HEAD = "head/{}"


def load() -> tuple[LoadedTrunk, tuple[Array, ...]]:
    """The trunk and its heads. Raises WeightsError where the shipped file is not intact."""
    try:
        found = containers.read(FILE, lambda _: True)
        if (whole := canonical_sha256(found)) != SHA256:
            raise WeightsError(f"{FILE}: its figures have sha256 {whole}, expected {SHA256}")
        heads = tuple(found.pop(HEAD.format(index)) for index in range(len(MINI.taps)))
        lpips.check_parameters(MINI, found)
        lpips.check_heads(MINI, heads)
    except (WeightsError, KeyError) as error:
        raise WeightsError(f"{error}; install eyediff again") from None
    return LoadedTrunk({name: found[name] for name in MINI.shapes}, canonical_sha256(found), FILE, official=True), heads
