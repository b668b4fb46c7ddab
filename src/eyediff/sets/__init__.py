"""Compare the images of a set with each other.

The network computes one embedding for each image. All distances are then computed from the embeddings.
"""

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
