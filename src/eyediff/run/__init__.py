"""From a job to rows, in input order, and what they say together."""

from __future__ import annotations

from .job import Job
from .merge import Merged
from .pipeline import Journal, Progress, Source, compare, rows
from .resume import JournaledFile
from .shards import part

__all__ = ["Job", "Journal", "JournaledFile", "Merged", "Progress", "Source", "compare", "part", "rows"]
