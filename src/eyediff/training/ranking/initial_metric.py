"""What training begins from: a trunk that gives features, and a first weight for each of their channels."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from ...errors import UsageError, shown
from ...metrics import lpips
from ...metrics.ops import Array
from ...nn.distance import IMAGENET_MEAN, IMAGENET_STD
from ...nn.trunk import ModuleTrunk, NetworkTrunk
from ...weights import canonical_sha256
from ...weights.metric_schema import MODULE
from ..distillation.student_network import FIRST_HEAD


@dataclass(frozen=True)
class Start:
    """A trunk, where its features are tapped, and how heavy every channel is to begin with.

    `name` is one of `metrics/backbones.py`, or `module:...` with `taps`; `sha256` the canonical hash of its parameters;
    `official` says that whoever has its name finds them, so that a metric need not bring them.
    """

    name: str
    module: NetworkTrunk | ModuleTrunk
    heads: tuple[Array, ...]
    sha256: str
    official: bool
    scaled: bool = True
    taps: tuple[str, ...] = ()

    @property
    def channels(self) -> list[int]:
        """At each tap."""
        return [len(head) for head in self.heads]


def of_network(network: lpips.Network, *, official: bool) -> Start:
    """From one of our trunks. Without heads all channels weigh alike, as in the uncalibrated metric."""
    heads = tuple(network.heads or map(_equal, network.trunk.taps))
    sha256 = canonical_sha256(network.parameters)
    return Start(network.trunk.name, NetworkTrunk(network), heads, sha256, official, network.scaled)


def of_module(named: str, taps: Sequence[str], side: int) -> Start:
    """From a module of the user's, `package.module:factory`: what the factory gives when it is called, or a module.

    It is imported, and so run: the user named it. Raises UsageError where it is not there, is no torch module, or does
    not give features at the taps.
    """
    trunk = ModuleTrunk(_called(named), taps, IMAGENET_MEAN, IMAGENET_STD).eval()
    try:
        with torch.no_grad():
            features = trunk(torch.zeros(1, 3, side, side))
    except RuntimeError as error:
        raise UsageError(f"the module {shown(named)} does not take 1 x 3 x {side} x {side} images: {error}") from error
    heads = tuple(_equal(feature.shape[1]) for feature in features)
    return Start(f"{MODULE}{named}", trunk, heads, trunk.sha256, official=False, taps=tuple(taps))


def _equal(channels: int) -> Array:
    return torch.full((channels,), FIRST_HEAD).numpy()


def _called(named: str) -> nn.Module:
    where, _, what = named.partition(":")
    if (here := str(Path.cwd())) not in sys.path:  # a command, unlike `python -m`, does not look there by itself
        sys.path.insert(0, here)
    try:
        found: object = importlib.import_module(where)
        for part in what.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the module {shown(named)}: {error}; expected package.module:factory, to be found from here"
        ) from error
    if callable(found) and not isinstance(found, nn.Module):
        found = found()
    if not isinstance(found, nn.Module):
        raise UsageError(f"the module {shown(named)} gives a {type(found).__name__}, expected a torch.nn.Module")
    return found
