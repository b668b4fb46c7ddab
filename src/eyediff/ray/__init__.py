"""Compare images on many machines with Ray Data. This package needs Ray: pip install 'eyediff[ray]'

    import ray, eyediff.ray

    rows = eyediff.ray.compare(ray.data.read_parquet("s3://bucket/pairs"), ["lpips"])     # a lazy Dataset
    rows.write_parquet("s3://bucket/scores")

    pairs = eyediff.ray.pairs("pairs.parquet")                                            # or a list, or two folders
    summary = eyediff.ray.write(pairs, "scores.parquet", ["lpips"], resume=True)

`compare` is one step of a Ray Data pipeline. `write` is a complete run, like the command `eyediff compare`. In such a
run, one process writes all rows, in the order of the input. If a worker or the whole run is killed, no row is lost or
written twice, and a later call with `resume=True` continues the run.
"""

from __future__ import annotations

from ..optional import import_optional

import_optional("ray.data", "eyediff.ray")  # raises an error of one line if Ray is not installed

from .datasets import compare
from .running import row_source, write
from .sources import pairs

__all__ = ["compare", "pairs", "row_source", "write"]
