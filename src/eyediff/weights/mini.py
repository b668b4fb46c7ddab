"""Mini, the network of our own, which ships with the package: nothing is ever fetched for `lpips-mini`."""

from __future__ import annotations

from pathlib import Path

from .. import lpips
from ..errors import WeightsError
from ..trunks import MINI
from ..verbs import Array
from . import containers
from .checked import LoadedTrunk
from .hashing import canonical_sha256

FILE = Path(__file__).with_name("mini.safetensors")
"""Written by `eyediff distill` (docs/mini.md says from what); the trunk's names, and head/index of the tap."""

SHA256 = "18890adf14bf25cd291858dffcdbd35d52da518da630db200b9dbc9f9bc0b736"
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
