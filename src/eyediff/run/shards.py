"""Select one part of the pairs of a run, so that several machines without a common disk can share the work.

The results of each machine record which part they contain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import UsageError
from ..output.schema import encodable
from ..pairing.lazy import Lazy
from ..records import Pair, Shard
from .plan import ComparisonPlan


def select_part(plan: ComparisonPlan, part: int, of: int) -> ComparisonPlan:
    """Return a plan for one part of the pairs: every `of`-th pair, starting with pair number `part`.

    So the sizes of the parts differ by at most one pair, and large images that follow each other in the list belong to
    different parts. The pairs of one image of a table belong to one part, so that its features are computed once. Files
    without a partner belong to the first part, so that they are counted once.

    Parameters
    ----------
    plan
        Plan for all pairs.
    part
        Number of the part, counted from 1.
    of
        Number of parts.

    Raises
    ------
    UsageError
        If `part` is not between 1 and `of`, or if the pairs of the plan are not a sequence.
    """
    if not 1 <= part <= of:
        raise UsageError(f"part {part} of {of} does not exist; parts are counted from 1 to {of}")
    if not isinstance(plan.pairs, Sequence):
        raise UsageError("the pairs are an iterable without a length; give a sequence, which can be divided into parts")
    pairs: Sequence[Pair] = plan.pairs
    block = plan.metrics.header.block
    own = pairs[part - 1 :: of] if block == 1 else _select_blocks(pairs, part, of, block)
    unmatched = plan.unmatched if part == 1 else ()
    list_hash = names_sha256(pair.name for pair in pairs)
    list_hash.update(str(len(plan.unmatched)).encode())
    own_sha256 = names_sha256(pair.name for pair in own).hexdigest()
    shard = Shard(part, of, len(pairs), list_hash.hexdigest(), own_sha256, unmatched, block)
    metrics = replace(plan.metrics, header=replace(plan.metrics.header, shard=shard))
    return replace(plan, pairs=own, unmatched=unmatched, metrics=metrics)


def _select_blocks(pairs: Sequence[Pair], part: int, of: int, block: int) -> Sequence[Pair]:
    """Return every `of`-th block of successive pairs."""
    starts = range((part - 1) * block, len(pairs), of * block)
    return Lazy([start + place for start in starts for place in range(block)], lambda place: pairs[place])


def names_sha256(names: Iterable[str]) -> hashlib._Hash:
    """Return a sha256 object that has hashed the names in their order.

    A NUL follows each name. No name can contain a NUL, so different lists of names never give the same bytes.
    """
    found = hashlib.sha256()
    for name in names:
        found.update(encodable(name).encode() + b"\0")
    return found
