"""Remove a feature layer from trained weights of lpips-mini.

    python scripts/remove_feature_layer.py seven-feature-layers.safetensors 3 mini.safetensors

A feature layer whose linear weights are nearly 0 only makes embeddings larger. The script prints its share of the sum
of all linear weights. Feature layers are counted from 1. `MINI` in `eyediff/metrics/backbones.py` must lose the layer,
too. The features of the written weights fit into float16.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from eyediff.metrics.ops import Array
from eyediff.training.distillation.student_network import scale_features
from eyediff.weights.containers import metadata, read, write
from eyediff.weights.heads import MINI_HEAD


def remove(weights: dict[str, Array], number: int) -> tuple[dict[str, Array], float]:
    """Return the weights without feature layer `number`, and the share of its linear weights in the sum of all."""
    heads = [weights[name] for index in range(len(weights)) if (name := MINI_HEAD.format(index)) in weights]
    kept = {name: values for name, values in weights.items() if not name.startswith(MINI_HEAD.format(""))}
    sums = [float(head.sum()) for head in heads]
    del heads[number - 1]
    return kept | {MINI_HEAD.format(index): head for index, head in enumerate(heads)}, sums[number - 1] / sum(sums)


def main() -> None:
    """Read the arguments, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path, help="weights with the feature layer")
    parser.add_argument("number", type=int, help="number of the feature layer")
    parser.add_argument("output", type=Path, help="the file to write")
    arguments = parser.parse_args()
    kept, share = remove(read(arguments.trained, lambda _: True), arguments.number)
    write(arguments.output, scale_features(kept), metadata(arguments.trained))
    print(f"linear weights of feature layer {arguments.number}: {share:.2g} of the sum")


if __name__ == "__main__":
    main()
