"""Make the metric at the start of training: a backbone, and initial linear weights for its channels."""

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
from ..distillation.student_network import INITIAL_LINEAR_WEIGHT


@dataclass(frozen=True)
class InitialMetric:
    """The metric with which a training starts: a backbone, its feature layers, and initial linear weights.

    Attributes
    ----------
    name : str
        Name of a backbone of `metrics/backbones.py`, or `module:...` for a torch module of the user.
    module : NetworkTrunk or ModuleTrunk
        The backbone.
    heads : tuple of arrays
        Linear weights of each feature layer.
    sha256 : str
        Canonical hash of the parameters of the backbone.
    official : bool
        Whether the parameters are the published parameters of this backbone. If they are, a metric file need not
        contain them.
    scaled : bool
        Whether the backbone normalises its input, as in version 0.1 of LPIPS.
    taps : tuple of str
        Names of the submodules whose outputs are the feature layers. It is used only for a torch module of the user.
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
        """Number of channels of each feature layer."""
        return [len(head) for head in self.heads]


def initial_metric_of_network(network: lpips.Network, *, official: bool) -> InitialMetric:
    """Return the initial metric for a built-in backbone.

    If `network` has no linear weights, all channels get equal weights.
    """
    heads = tuple(network.heads or map(_equal_weights, network.trunk.taps))
    sha256 = canonical_sha256(network.parameters)
    return InitialMetric(network.trunk.name, NetworkTrunk(network), heads, sha256, official, network.scaled)


def initial_metric_of_module(named: str, taps: Sequence[str], side: int) -> InitialMetric:
    """Return the initial metric for a torch module of the user. `named` is its name, as `package.module:factory`.

    The Python module is imported, which runs its code. If the factory is not itself a torch module, it is called to
    make one.

    Raises
    ------
    UsageError
        If the Python module cannot be imported, if the factory does not return a torch module, or if the named
        submodules return no features.
    """
    trunk = ModuleTrunk(_import_module(named), taps, IMAGENET_MEAN, IMAGENET_STD).eval()
    try:
        with torch.no_grad():
            features = trunk(torch.zeros(1, 3, side, side))
    except RuntimeError as error:
        raise UsageError(
            f"the module {shown(named)} does not accept images of the shape 1 x 3 x {side} x {side}: {error}"
        ) from error
    heads = tuple(_equal_weights(feature.shape[1]) for feature in features)
    return InitialMetric(f"{MODULE}{named}", trunk, heads, trunk.sha256, official=False, taps=tuple(taps))


def _equal_weights(channels: int) -> Array:
    return torch.full((channels,), INITIAL_LINEAR_WEIGHT).numpy()


def _import_module(named: str) -> nn.Module:
    module_name, _, attribute = named.partition(":")
    if (folder := str(Path.cwd())) not in sys.path:  # a command does not search this folder, but `python -m` does
        sys.path.insert(0, folder)
    try:
        value: object = importlib.import_module(module_name)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"the module {shown(named)} cannot be imported: {error}; expected package.module:factory that can be "
            "imported from the current folder"
        ) from error
    if callable(value) and not isinstance(value, nn.Module):
        value = value()
    if not isinstance(value, nn.Module):
        raise UsageError(
            f"{shown(named)} is or returns an object of the type {type(value).__name__}; expected a torch.nn.Module"
        )
    return value
