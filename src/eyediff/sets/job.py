"""Define a set of images, the settings with which images are read and embedded, and the record of a failed image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from .. import defaults
from ..errors import UsageError, check_count
from ..metrics.ops import Array
from ..records import Header, Pixels, Stage
from ..scoring.loading import Read


class Embedder(Protocol):
    """A metric that computes an embedding of each image.

    Its distance between two images is the squared Euclidean distance of their embeddings.
    """

    @property
    def smallest(self) -> int:
        """Smallest height and width that the metric accepts, in pixels."""

    def embeddings(self, x: Pixels) -> Array:
        """Return the embeddings of N images, an N x D array. `x` has N x H x W x 3 pixels.

        The embedding of an image must not depend on the other images in the batch.
        """


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A set of images: a folder, and the paths of images below this folder, with forward slashes.

    Results are in the order of `names`.
    """

    folder: Path
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that could not be used, the stage in which it failed, and the reason."""

    name: str
    stage: Stage | Literal["group"]
    message: str


@dataclass(frozen=True, slots=True)
class EmbeddingJob:
    """The settings with which images are read and embedded.

    Parameters
    ----------
    embedder
        Metric that computes the embeddings.
    header
        Settings of the metric. `header.size` is the policy by which all images are brought to the same size.
    read
        Function that reads an image file.
    workers
        Number of threads that read images.

    Raises
    ------
    UsageError
        If the header does not have exactly one metric, or if `workers` is less than 1.
    """

    embedder: Embedder
    header: Header
    read: Read
    workers: int = field(default_factory=defaults.workers)

    def __post_init__(self) -> None:
        if len(self.header.metrics) != 1:
            raise UsageError(f"got the metrics {', '.join(self.header.metrics) or '(none)'}; give exactly one metric")
        check_count("workers", self.workers)

    @property
    def metric(self) -> str:
        """Name of the metric, as the user gave it."""
        return next(iter(self.header.metrics))
