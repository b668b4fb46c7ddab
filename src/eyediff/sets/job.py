"""A set of images, what looks at them, and what of them could not be looked at."""

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
    """A metric that is a squared Euclidean distance between points."""

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, that it takes."""

    def embeddings(self, x: Pixels) -> Array:
        """N x H x W x 3 of one storage type: N points, N x D. Must not depend on the batch they come in."""


@dataclass(frozen=True, slots=True)
class Source:
    """Images by their paths below a folder, in posix form. The order of the names is that of every result."""

    folder: Path
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class Failed:
    """An image that is no part of a result, and why."""

    name: str
    stage: Stage | Literal["group"]
    message: str


@dataclass(frozen=True, slots=True)
class Job:
    """How images are read and embedded. `header` speaks of one metric; its `size` says how they come to one size.

    Raises UsageError where this does not fit together.
    """

    embedder: Embedder
    header: Header
    read: Read
    workers: int = field(default_factory=defaults.workers)

    def __post_init__(self) -> None:
        if len(self.header.metrics) != 1:
            raise UsageError(f"{', '.join(self.header.metrics) or 'no metric'} given; a set takes one metric at a time")
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers were asked for; at least 1 is needed")

    @property
    def metric(self) -> str:
        """The name that was asked for."""
        return next(iter(self.header.metrics))
