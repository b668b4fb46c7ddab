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
    """N images of one size as an LPIPS metric sees them.

    `Metric.distance` and `Metric.distances` take it in place of the images, and give the very same scores. As an array
    it is N points of D figures, whose squared Euclidean distances are the distances up to float32 rounding:
    `np.asarray(embedding)`, or `points`. `metric` says of what metric, version and weights it is; `width` and `height`
    are of the images, in pixels. `embedding[i]` is that of one image, `embedding[i:j]` of several.
    """

    metric: str
    width: int
    height: int
    features: Features = field(repr=False)
    to_points: Callable[[Features], Array] = field(repr=False, compare=False)

    @property
    def points(self) -> Array:
        """N x D, float32; made anew at each call."""
        return self.to_points(self.features)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise ValueError("the points of an embedding are made when they are asked for: copy=False cannot be had")
        return self.points if dtype is None else self.points.astype(dtype, copy=False)

    def __len__(self) -> int:
        return len(self.features[0])

    def __getitem__(self, index: int | slice) -> Embedding:
        if not isinstance(index, slice):
            if not -len(self) <= index < len(self):
                raise IndexError(f"image {index} of {len(self)}")
            index = slice(index, index + 1 or None)
        return replace(self, features=tuple(tap[index] for tap in self.features))

    def check(self, metric: str, width: int, height: int) -> None:
        """Raise UsageError where it is of another metric than this one, SizeError where of images of another size."""
        if self.metric != metric:
            raise UsageError(f"the embedding is of {self.metric}, this metric is {metric}: embed the images with it")
        if (self.width, self.height) != (width, height):
            given = f"the embedding is of {self.width}x{self.height}"
            raise SizeError(f"{given}, to be compared with {width}x{height}: bring the images to one size first")
