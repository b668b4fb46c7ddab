"""Embeddings: the features of images, computed once so that the images can be compared many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import SizeError, UsageError
from ..records import Features
from .ops import Array


@dataclass(frozen=True, slots=True)
class Embedding:
    """Features of N images of one size, computed by an LPIPS metric.

    `Metric.distance` and `Metric.distances` accept an embedding in place of the images, and return exactly the same
    scores. `np.asarray(embedding)`, like `points`, is an array N x D with one vector for each image. The squared
    Euclidean distance of two vectors is the distance of the metric, except for float32 rounding. `embedding[i]` is the
    embedding of one image, and `embedding[i:j]` is the embedding of several images.

    Attributes
    ----------
    metric : str
        Name, version and weights of the metric.
    width, height : int
        Size of the images in pixels.
    features
        Features of the images at every feature layer.
    to_points : callable
        Function that computes `points` from the features.
    """

    metric: str
    width: int
    height: int
    features: Features = field(repr=False)
    to_points: Callable[[Features], Array] = field(repr=False, compare=False)

    @property
    def points(self) -> Array:
        """One vector for each image, N x D, in float32. The vectors are computed at each access."""
        return self.to_points(self.features)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("an embedding cannot become an array without a copy; use copy=None or copy=True")
        return self.points if dtype is None else self.points.astype(dtype, copy=False)

    def __len__(self) -> int:
        return len(self.features[0])

    def __getitem__(self, index: int | slice) -> Embedding:
        if not isinstance(index, slice):
            if not -len(self) <= index < len(self):
                raise IndexError(f"the index {index} is out of range; the embedding has {len(self)} images")
            index = slice(index, index + 1 or None)
        return replace(self, features=tuple(tap[index] for tap in self.features))

    def check(self, metric: str, width: int, height: int) -> None:
        """Check that the embedding belongs to a metric and to images of a size.

        Raises
        ------
        UsageError
            If another metric computed the embedding.
        SizeError
            If the images of the embedding have another size.
        """
        if self.metric != metric:
            raise UsageError(
                f"the embedding was computed by {self.metric}, but the metric here is {metric}; "
                "compute the embedding with the same metric"
            )
        if (self.width, self.height) != (width, height):
            given = f"the images of the embedding are {self.width}x{self.height}"
            raise SizeError(f"{given}, but the other images are {width}x{height}; resize the images to one size first")
