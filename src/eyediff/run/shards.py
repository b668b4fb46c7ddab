"""One part of a job, for machines that share nothing: which pairs it has, and what tells it from the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import UsageError
from ..output.schema import encodable
from ..records import Pair, Shard
from .job import Job


def part(job: Job, part: int, of: int) -> Job:
    """Every `of`-th pair of the job, from the `part`-th on, counted from 1.

    So the parts depend on the order of the pairs alone, differ in length by one at most, and large images that lie
    together are spread over all. The first part keeps the files without partner. Raises UsageError where `part` is not
    from 1 to `of`, or the pairs have no length.
    """
    if not 1 <= part <= of:
        raise UsageError(f"part {part} of {of}: parts are counted from 1 to {of}")
    if not isinstance(job.pairs, Sequence):
        raise UsageError("pairs without a length cannot be divided: give a sequence of them")
    pairs: Sequence[Pair] = job.pairs
    mine = pairs[part - 1 :: of]
    unmatched = job.unmatched if part == 1 else ()
    whole = names_sha256(pair.name for pair in pairs)
    whole.update(str(len(job.unmatched)).encode())
    shard = Shard(
        part, of, len(pairs), whole.hexdigest(), names_sha256(pair.name for pair in mine).hexdigest(), unmatched
    )
    return replace(job, pairs=mine, unmatched=unmatched, header=replace(job.header, shard=shard))


def names_sha256(names: Iterable[str]) -> hashlib._Hash:
    """A hash of names in their order. A NUL, which no name has, ends each."""
    found = hashlib.sha256()
    for name in names:
        found.update(encodable(name).encode() + b"\0")
    return found
