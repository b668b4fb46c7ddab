"""Define the interfaces between packages: engines, mappers, sinks, viewers, and progress functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from .records import Features, Header, Mask, Numbers, Pixels, Region, Row, Summary, View

Progress: TypeAlias = Callable[[int, int | None], None]
"""Type of a function that gets the number of finished items and the number of all items (None: unknown)."""

DownloadProgress: TypeAlias = Callable[[int, int], None]
"""Type of a function that gets the number of received bytes and the number of expected bytes (0: unknown)."""


class Engine(Protocol):
    """One metric, ready to run on one device."""

    @property
    def description(self) -> str:
        """Description of the engine for the header, such as "onnxruntime 1.32.0 cpu"."""

    @property
    def smallest(self) -> int:
        """Smallest width and height that this metric accepts, in pixels."""

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the N scores of N x H x W x 3 references `a` and candidates `b` of one storage type.

        A score must not depend on the other pairs in the batch.
        """


@runtime_checkable
class Looking(Engine, Protocol):
    """An engine that computes the features of a reference once, for many candidates."""

    def look(self, x: Pixels) -> Features | None:
        """Return the features of N x H x W x 3; None if they would exceed the memory limit."""

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """Return the N scores of candidates and one reference or N references.

        They are equal to `distances` of the pixels, bit for bit.
        """


@runtime_checkable
class MaskedEngine(Engine, Protocol):
    """An engine whose metric is defined for masked images, in which some pixels do not count."""

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return N scores. `counted` has N x H x W booleans: the pixels that count, at least one in each pair.

        The caller must have set pixels of `b` that do not count to the pixels of `a` (`images.region.hidden`).
        """


@runtime_checkable
class PaddedEngine(MaskedEngine, Protocol):
    """An engine that counts a pixel as changed if only one of two images has it."""

    def padded_distances(self, a: Pixels, b: Pixels, counted: Mask, absent: Mask) -> Numbers:
        """Return N scores as `masked_distances` does; `absent`, N x H x W, is what one image of a pair lacks."""

    def locate(
        self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None, absent: Mask | None = None
    ) -> tuple[Region, ...]:
        """Return the regions as `Locator` does, among them what one image lacks."""


@runtime_checkable
class Mapper(Protocol):
    """An engine that computes maps of where two images differ."""

    @property
    def map_identity(self) -> float:
        """Value of a map where the images are equal: 0 for a distance, 1 for a similarity."""

    def maps(self, a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
        """Return N x H x W maps, the score at every pixel, of N x H x W x 3 images of one storage type."""


@runtime_checkable
class Locator(Protocol):
    """An engine that finds the regions in which two images differ."""

    def locate(self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None) -> tuple[Region, ...]:
        """Return the regions of two images H x W x 3, the worst first.

        If a region is only displaced by at most `shift` pixels, it contains the displacement. `counted` has H x W
        booleans: the pixels that count, as for `MaskedEngine.masked_distances`.
        """


class Sink(Protocol):
    """A receiver of rows, in input order."""

    def open(self, header: Header) -> None:
        """Prepare for rows. Called once, before any row and before anything is computed."""

    def write(self, row: Row) -> None:
        """Receive the row of one pair."""

    def close(self, summary: Summary) -> None:
        """Finish. Called once, after the last row, also if the run was interrupted."""

    def abandon(self) -> None:
        """Undo `open`. Called instead of `close` if a run fails before its first row."""


class Viewer(Sink, Protocol):
    """A sink that makes pictures."""

    def see(self, view: View) -> None:
        """Receive the pixels of a pair when it has its row, before that is written. Pairs come in any order.

        Of failures come those whose files could be read.

        Called from the main thread. The viewer may keep only a bounded number of pixels after the call.
        """
