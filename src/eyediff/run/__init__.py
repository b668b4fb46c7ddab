"""From a job to rows, in input order, and what they say together."""

from __future__ import annotations

from .job import Job
from .pipeline import Journal, Progress, compare
from .resume import JournaledFile

__all__ = ["Job", "Journal", "JournaledFile", "Progress", "compare"]
