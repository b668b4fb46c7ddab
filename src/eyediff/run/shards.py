"""Select one part of a run, for machines that do not share a disk, and record which part it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import UsageError
from ..output.schema import encodable
from ..records import Pair, Shard
from .plan import ComparisonPlan


def select_part(plan: ComparisonPlan, part: int, of: int) -> ComparisonPlan:
    """Return one part of a plan: every `of`-th pair, starting with pair number `part`, counted from 1.

    The parts depend only on the order of the pairs. Their lengths differ by at most one. Large images that are
    neighbours in the list go to different parts. The first part keeps the files without a partner.

    Raises
    ------
    UsageError
        If `part` is not between 1 and `of`, or if the pairs are not a sequence.
    """
    if not 1 <= part <= of:
        raise UsageError(f"part {part} of {of} does not exist; parts are counted from 1 to {of}")
    if not isinstance(plan.pairs, Sequence):
        raise UsageError("pairs without a length cannot be divided into parts; give a sequence of pairs")
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
    """Return a hash of names in their order. A NUL separates the names, because no name can contain it."""
    found = hashlib.sha256()
    for name in names:
        found.update(encodable(name).encode() + b"\0")
    return found
