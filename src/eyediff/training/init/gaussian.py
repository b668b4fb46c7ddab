"""Weights by chance: He et al. 2015, Delving deep into rectifiers, arXiv:1502.01852, equation 10.

Their scale keeps activations from growing or vanishing with depth. To a distance it does not matter, since features are
brought to unit length and biases are 0: any other scale gives the same scores.
"""

from __future__ import annotations

import math

import numpy as np

from ...metrics.backbones import Trunk
from ...metrics.ops import Array


def gaussian(trunk: Trunk, seed: int) -> dict[str, Array]:
    """Normal weights of variance 2 / (inputs of a channel), biases of 0."""
    chance = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for name, shape in trunk.shapes.items():
        scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.0
        found[name] = (chance.standard_normal(shape) * scale).astype(np.float32)
    return found
