"""Define a set of images, the settings to read and embed them, and images that failed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from .. import defaults
from ..errors import UsageError
from ..metrics.ops import Array
from ..records import Header, Pixels, Stage
from ..scoring.loading import Read


class Embedder(Protocol):
    """A metric whose distance is the squared Euclidean distance of two embeddings."""

    @property
    def smallest(self) -> int:
        """Smallest height and width of an image, in pixels."""

    def embeddings(self, x: Pixels) -> Array:
        """Return N x D embeddings of N x H x W x 3 pixels of one storage type. They must not depend on the batch."""


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A folder and the paths of images below it, with forward slashes. Results keep the order of the names."""

    folder: Path
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class FailedImage:
    """An image that is missing from a result, and the reason."""

    name: str
    stage: Stage | Literal["group"]
    message: str


@dataclass(frozen=True, slots=True)
class EmbeddingJob:
    """A reader and an embedder of images.

    `header` describes one metric. Its `size` is the policy that gives all images the same size.

    Raises
    ------
    UsageError
        If the header has several metrics, or if there are no workers.
    """

    embedder: Embedder
    header: Header
    read: Read
    workers: int = field(default_factory=defaults.workers)

    def __post_init__(self) -> None:
        if len(self.header.metrics) != 1:
            raise UsageError(
                f"{', '.join(self.header.metrics) or 'no metric'} was given; give exactly one metric for a set"
            )
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers were given; at least 1 is needed")

    @property
    def metric(self) -> str:
        """Name of the metric, as the user gave it."""
        return next(iter(self.header.metrics))
