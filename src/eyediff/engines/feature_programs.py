"""Distances from what a network saw of images before: the formula of `lpips.py`, from the features on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics import lpips
from ..metrics.lpips import Network
from ..metrics.ops import Array
from ..records import Features, Numbers, Pixels

if TYPE_CHECKING:
    from .network_engine import Runner


class Looked:
    """One network in two halves: pixels to features, and features to distances."""

    def __init__(self, runner: Runner, network: Network) -> None:
        taps = len(network.trunk.taps)

        def shares(verbs: Any, of_a: Any, of_b: Any) -> list[Any]:
            return [lpips.shares(verbs, lpips.apart(verbs, network.heads, of_a, of_b))]

        def against(verbs: Any, b: Any, *seen: Any) -> list[Any]:
            return shares(verbs, seen, lpips.features(verbs, network, b))

        self._features = runner.compile_many(lambda verbs, x: lpips.features(verbs, network, x), 1, 0)
        self._against = runner.compile_many(against, 1, taps)
        self._between = runner.compile_many(lambda verbs, *seen: shares(verbs, seen[:taps], seen[taps:]), 0, 2 * taps)
        self._points = runner.compile_many(lambda verbs, *seen: [lpips.point(verbs, network.roots, seen)], 0, taps)

    def features(self, x: Pixels) -> Features:
        """Unit vectors at every tap."""
        return tuple(tap.astype(np.float32, copy=False) for tap in self._features(x))

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """Each tap's share, N x L, of N candidates; of one reference, or as many."""
        return self._against(b, *seen)[0].astype(np.float64)

    def between(self, a: Features, b: Features) -> Numbers:
        """Each tap's share, N x L."""
        return self._between(*a, *b)[0].astype(np.float64)

    def points(self, seen: Features) -> Array:
        """N x D."""
        return self._points(*seen)[0].astype(np.float32, copy=False)
