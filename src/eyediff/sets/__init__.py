"""Compare the images of a set. Each image goes through the network once; its embedding then gives all distances."""

from __future__ import annotations

from ..interfaces import Progress
from .distance_matrix import DistanceMatrix, compute_matrix
from .diversity import Diversity, DiversityEstimate, measure_diversity
from .grouping import group_images
from .index import IndexedPoints, open_index
from .job import Embedder, EmbeddingJob, FailedImage, ImageSet
from .pairwise_distance import squared_distances
from .search import DuplicatePair, Neighbour, find_duplicates, find_neighbours

__all__ = [
    "DistanceMatrix",
    "Diversity",
    "DiversityEstimate",
    "DuplicatePair",
    "Embedder",
    "EmbeddingJob",
    "FailedImage",
    "ImageSet",
    "IndexedPoints",
    "Neighbour",
    "Progress",
    "compute_matrix",
    "find_duplicates",
    "find_neighbours",
    "group_images",
    "measure_diversity",
    "open_index",
    "squared_distances",
]
