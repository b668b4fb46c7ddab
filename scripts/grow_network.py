"""Make initial weights of lpips-mini from the trained weights of its former network of five layers.

    python scripts/grow_network.py five-layers.safetensors start.safetensors
    eyediff distill photos clic graphics -o mini.safetensors --start start.safetensors

The new network gives nearly the distances of the old one, so a training continues where the old training ended (Chen
et al. 2016, "Net2Net", arXiv:1511.05641). Layer 2 gets 16 more channels, layer 3 is new and copies its input, and layer
7 is new and random. The linear weights of new channels are small.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np

from eyediff.metrics.backbones import MINI, Conv
from eyediff.metrics.ops import Array
from eyediff.weights.containers import read, write
from eyediff.weights.heads import MINI_HEAD

OLD_LAYERS = {0: 0, 1: 1, 3: 2, 4: 3, 5: 4}
"""Index of a layer, and the index of the same layer in the former network. Indices begin at 0."""

COPYING_LAYER = 2
"""Index of the new layer that copies its input. Its input is not negative, so the ReLU changes nothing."""

SMALL = 0.1
"""Factor of the random weights that connect new channels with old ones."""

SMALL_LINEAR_WEIGHT = 0.01
"""Linear weight of new channels."""


def grow(old: dict[str, Array], seed: int = 0) -> dict[str, Array]:
    """Return weights of the present network that give nearly the distances of the former network `old`."""
    # `initial_parameters` draws other numbers. The training of the weights in the package started from these. At that
    # time, a feature layer followed layer 3.
    random, grown = np.random.default_rng(seed), dict[str, Array]()
    convolutions = [layer for layer in MINI.layers if isinstance(layer, Conv)]
    for index, layer in enumerate(convolutions):
        for name, shape in layer.shapes.items():
            is_weight = len(shape) > 1
            scale = math.sqrt(2 / math.prod(shape[1:])) if is_weight else 0.0  # He et al. 2015
            values = (random.standard_normal(shape) * scale).astype(np.float32)
            if index in OLD_LAYERS:
                part = old[f"features.{OLD_LAYERS[index]}.{name.rpartition('.')[2]}"]
                if is_weight:
                    values[: len(part), part.shape[1] :] *= SMALL
                values[tuple(slice(length) for length in part.shape)] = part
            elif index == COPYING_LAYER and is_weight:
                values *= SMALL
                channels = np.arange(layer.inputs)
                values[channels, channels, 1, 1] += 1
            grown[name] = values
        if index == COPYING_LAYER:  # no feature layer follows it
            continue
        linear = np.full(layer.outputs, SMALL_LINEAR_WEIGHT, np.float32)
        if index in OLD_LAYERS:
            part = old[MINI_HEAD.format(OLD_LAYERS[index])]
            linear[: len(part)] = part
        grown[MINI_HEAD.format(index - (index > COPYING_LAYER))] = linear
    return grown


def main() -> None:
    """Read the arguments, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path, help="weights of the network of five layers")
    parser.add_argument("output", type=Path, help="the file to write")
    arguments = parser.parse_args()
    write(arguments.output, grow(read(arguments.old, lambda _: True)), {})


if __name__ == "__main__":
    main()
