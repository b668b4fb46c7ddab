"""Sets of images: each goes through the network once, and all that pairs of them say follows from their points."""

from __future__ import annotations

from .diversity import Diversity, Measured, Spread, diversity
from .grouping import Grouping, grouping
from .index import Points, indexed
from .job import Embedder, Failed, Job, Progress, Source
from .matrix import Matrix, matrix
from .near import Match, Twins, duplicates, nearest
from .reading import Batch, embedded
from .squares import squared_distances

__all__ = [
    "Batch",
    "Diversity",
    "Embedder",
    "Failed",
    "Grouping",
    "Job",
    "Match",
    "Matrix",
    "Measured",
    "Points",
    "Progress",
    "Source",
    "Spread",
    "Twins",
    "diversity",
    "duplicates",
    "embedded",
    "grouping",
    "indexed",
    "matrix",
    "nearest",
    "squared_distances",
]
