"""Embeddings of images, which can be compared many times."""

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

    `Metric.distance` and `Metric.distances` accept it in place of the images, and return exactly the same scores. As an
    array (`np.asarray(embedding)`, or `points`) it has N points of D values. Their squared Euclidean distances are the
    distances of the metric, except for float32 rounding. `metric` is the name, version and weights of the metric.
    `width` and `height` are the size of the images in pixels. `embedding[i]` is the embedding of one image,
    `embedding[i:j]` that of several.
    """

    metric: str
    width: int
    height: int
    features: Features = field(repr=False)
    to_points: Callable[[Features], Array] = field(repr=False, compare=False)

    @property
    def points(self) -> Array:
        """Points N x D, float32. They are computed at each call."""
        return self.to_points(self.features)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("the points of an embedding are computed on demand, so copy=False is not possible")
        return self.points if dtype is None else self.points.astype(dtype, copy=False)

    def __len__(self) -> int:
        return len(self.features[0])

    def __getitem__(self, index: int | slice) -> Embedding:
        if not isinstance(index, slice):
            if not -len(self) <= index < len(self):
                raise IndexError(f"there is no image {index}: the embedding has {len(self)} images")
            index = slice(index, index + 1 or None)
        return replace(self, features=tuple(tap[index] for tap in self.features))

    def check(self, metric: str, width: int, height: int) -> None:
        """Raise UsageError if the embedding belongs to another metric, SizeError if its images have another size."""
        if self.metric != metric:
            raise UsageError(f"the embedding is of {self.metric}, this metric is {metric}: embed the images with it")
        if (self.width, self.height) != (width, height):
            given = f"the images of the embedding are {self.width}x{self.height}"
            raise SizeError(f"{given}, but the other images are {width}x{height}: bring the images to one size first")
