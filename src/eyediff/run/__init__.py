"""From a job to rows, in input order, and what they say together."""

from __future__ import annotations

from .job import Job
from .merge import Merged
from .pipeline import Journal, Progress, Source, compare, rows
from .resume import ResumableSink
from .shards import part

__all__ = ["Job", "Journal", "Merged", "Progress", "ResumableSink", "Source", "compare", "part", "rows"]
