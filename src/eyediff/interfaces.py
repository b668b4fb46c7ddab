"""The protocols between packages: engines, mappers, sinks, viewers, and functions that follow progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from .records import Features, Header, Mask, Numbers, Pixels, Region, Row, Summary, View

Progress: TypeAlias = Callable[[int, int | None], None]
"""Called with the number of items that are done, and of all items (None: unknown)."""

DownloadProgress: TypeAlias = Callable[[int, int], None]
"""Called with the bytes that have arrived, and the bytes that are expected (0: unknown)."""


class Engine(Protocol):
    """One metric, ready to run on one device."""

    @property
    def description(self) -> str:
        """Description of the engine for the header, such as "onnxruntime 1.32.0 cpu"."""

    @property
    def smallest(self) -> int:
        """The shortest side, in pixels, that this metric takes."""

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """N x H x W x 3 of one storage type against as many: N scores. Must not depend on the batch they come in."""


@runtime_checkable
class Looking(Engine, Protocol):
    """An engine that can look at a reference once, for many candidates."""

    def look(self, x: Pixels) -> Features | None:
        """Return the features of N x H x W x 3; None if they would exceed the memory limit."""

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """Return N scores against one reference or N references, bit for bit equal to `distances` of the pixels."""


@runtime_checkable
class MaskedEngine(Engine, Protocol):
    """An engine whose metric is defined where some pixels do not count."""

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """N scores of the pixels that count, N x H x W of booleans; at least one of each pair.

        Pixels of the candidates `b` that do not count must equal those of `a` already (`images.region.hidden`).
        """


@runtime_checkable
class Mapper(Protocol):
    """An engine that knows where two images differ."""

    @property
    def map_identity(self) -> float:
        """Value of a map where the images are equal: 0 for a distance, 1 for a similarity."""

    def maps(self, a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
        """N x H x W x 3 of one storage type against as many: the score at every pixel, N x H x W."""


@runtime_checkable
class Locator(Protocol):
    """An engine that finds the regions in which two images differ."""

    def locate(self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None) -> tuple[Region, ...]:
        """Return the regions of two images H x W x 3, the worst first.

        Regions that are the same but displaced by at most `shift` pixels say by how much. `counted`, H x W of booleans,
        says which pixels count, as `MaskedEngine.masked_distances` takes it.
        """


class Sink(Protocol):
    """A receiver of rows, in input order."""

    def open(self, header: Header) -> None:
        """Called once, before any row and before anything is computed."""

    def write(self, row: Row) -> None:
        """One pair."""

    def close(self, summary: Summary) -> None:
        """Called once, after the last row, also when the run was interrupted."""

    def abandon(self) -> None:
        """Called in place of `close` where a run fails before its first row: put back what `open` changed."""


class Viewer(Sink, Protocol):
    """A sink that makes pictures."""

    def see(self, view: View) -> None:
        """A pair as soon as it has its scores, and before its row is written. Pairs come in any order.

        Called from the main thread. What is kept of the pixels beyond the call must be bounded.
        """
