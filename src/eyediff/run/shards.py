"""One part of a job, for machines that share nothing: which pairs it has, and what tells it from the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import UsageError
from ..output.schema import encodable
from ..records import Pair, Shard
from .plan import ComparisonPlan


def select_part(plan: ComparisonPlan, part: int, of: int) -> ComparisonPlan:
    """Return every `of`-th pair of a plan, from the `part`-th on, counted from 1.

    The parts depend on the order of the pairs alone and differ in length by at most one. Large images that are listed
    together are spread over all parts. The first part keeps the files without a partner.

    Raises
    ------
    UsageError
        If `part` is not from 1 to `of`, or the pairs have no length.
    """
    if not 1 <= part <= of:
        raise UsageError(f"part {part} of {of}: parts are counted from 1 to {of}")
    if not isinstance(plan.pairs, Sequence):
        raise UsageError("pairs without a length cannot be divided: give a sequence of them")
    pairs: Sequence[Pair] = plan.pairs
    own = pairs[part - 1 :: of]
    unmatched = plan.unmatched if part == 1 else ()
    list_hash = names_sha256(pair.name for pair in pairs)
    list_hash.update(str(len(plan.unmatched)).encode())
    own_sha256 = names_sha256(pair.name for pair in own).hexdigest()
    shard = Shard(part, of, len(pairs), list_hash.hexdigest(), own_sha256, unmatched)
    metrics = replace(plan.metrics, header=replace(plan.metrics.header, shard=shard))
    return replace(plan, pairs=own, unmatched=unmatched, metrics=metrics)


def names_sha256(names: Iterable[str]) -> hashlib._Hash:
    """A hash of names in their order. A NUL, which no name has, ends each."""
    found = hashlib.sha256()
    for name in names:
        found.update(encodable(name).encode() + b"\0")
    return found
