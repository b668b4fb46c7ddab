"""Many machines, by Ray Data. Needs ray: pip install 'eyediff[ray]'

    import ray, eyediff.ray

    rows = eyediff.ray.compare(ray.data.read_parquet("s3://bucket/pairs"), ["lpips"])     # a Dataset, computed lazily
    rows.write_parquet("s3://bucket/scores")

    pairs = eyediff.ray.pairs("pairs.parquet")                                            # or a list, or two folders
    summary = eyediff.ray.write(pairs, "scores.parquet", ["lpips"], resume=True)

`compare` is a step among others of Ray Data. `write` is a run as `eyediff compare` does it: rows in input order, one
writer, nothing lost and nothing double when a worker or the whole run is killed, continued with `resume`.
"""

from __future__ import annotations

from ..optional import import_optional

import_optional("ray.data", "eyediff.ray")  # here, so that one line is what a user without it reads

from .datasets import compare
from .running import source, write
from .sources import pairs

__all__ = ["compare", "pairs", "source", "write"]
