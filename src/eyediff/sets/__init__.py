"""Sets of images: each goes through the network once, and all that pairs of them say follows from their points."""

from __future__ import annotations

from ..interfaces import Progress
from .distance_matrix import Matrix, matrix
from .diversity import Diversity, Measured, diversity
from .grouping import grouping
from .index import Points, indexed
from .job import Embedder, Failed, Job, Source
from .pairwise_distance import squared_distances
from .search import Neighbour, Twins, neighbours, twins

__all__ = [
    "Diversity",
    "Embedder",
    "Failed",
    "Job",
    "Matrix",
    "Measured",
    "Neighbour",
    "Points",
    "Progress",
    "Source",
    "Twins",
    "diversity",
    "grouping",
    "indexed",
    "matrix",
    "neighbours",
    "squared_distances",
    "twins",
]
