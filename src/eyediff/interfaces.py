"""Define the interfaces between packages: engines, receivers of rows, and progress functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from .records import Features, Header, Mask, Numbers, Pixels, Region, Row, Summary, View

Progress: TypeAlias = Callable[[int, int | None], None]
"""Type of a function that gets the number of finished items, and then the number of all items (None: unknown)."""

DownloadProgress: TypeAlias = Callable[[int, int], None]
"""Type of a function that gets the number of received bytes, and then the number of all bytes (0: unknown)."""


class Engine(Protocol):
    """An object that computes the scores of one metric on one device."""

    @property
    def description(self) -> str:
        """Description of the engine, such as "onnxruntime 1.32.0 cpu". The results record this text."""

    @property
    def smallest(self) -> int:
        """Smallest width and height that this metric accepts, in pixels."""

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the scores of N pairs: N references `a` and N candidates `b`.

        Both arrays are N x H x W x 3 and have the same data type. The score of a pair must not depend on the other
        pairs in the batch.
        """


@runtime_checkable
class Looking(Engine, Protocol):
    """An engine that computes the features of a reference once, for many candidates."""

    def look(self, x: Pixels) -> Features | None:
        """Return the features of N images; None if the features would exceed the memory limit.

        `x` has the images: an array N x H x W x 3.
        """

    def against(self, seen: Features, b: Pixels) -> Numbers:
        """Return the scores of N candidates `b`. `seen` has the features of one reference or of N references.

        The scores are equal, bit for bit, to the scores that `distances` returns for the pixels.
        """


@runtime_checkable
class MaskedEngine(Engine, Protocol):
    """An engine whose metric is also defined for pairs in which only some pixels are compared."""

    def masked_distances(self, a: Pixels, b: Pixels, counted: Mask) -> Numbers:
        """Return the scores of N pairs, for the pixels that `counted` selects.

        `counted` is an array N x H x W that is True at the pixels to compare, at least one in each pair. At all other
        pixels, the caller must have replaced the values of `b` by the values of `a` (`images.region.hidden`).
        """


@runtime_checkable
class PaddedEngine(MaskedEngine, Protocol):
    """An engine that counts a pixel as changed if only one of two images has it."""

    def padded_distances(self, a: Pixels, b: Pixels, counted: Mask, absent: Mask) -> Numbers:
        """Return N scores as `masked_distances` does, and count the pixels in `absent` as changed.

        `absent` is an array N x H x W that is True at the pixels that only one image of a pair has.
        """

    def locate(
        self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None, absent: Mask | None = None
    ) -> tuple[Region, ...]:
        """Return the regions as `Locator.locate` does. `absent` has the pixels that only one image has."""


@runtime_checkable
class Mapper(Protocol):
    """An engine that computes maps, which show where two images differ."""

    @property
    def map_identity(self) -> float:
        """Value of a map where the images are equal: 0 for a distance, 1 for a similarity."""

    def maps(self, a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
        """Return the maps of N pairs: an array N x H x W with the score at every pixel.

        The references `a` and the candidates `b` are N x H x W x 3 and have the same data type.
        """


@runtime_checkable
class Locator(Protocol):
    """An engine that finds the regions in which two images differ."""

    def locate(self, a: Pixels, b: Pixels, shift: int, counted: Mask | None = None) -> tuple[Region, ...]:
        """Return the regions of two images H x W x 3, the worst first.

        If the content of a region is only displaced, by at most `shift` pixels, the region states the displacement.
        `counted` is an array H x W that is True at the pixels to compare.
        """


class Sink(Protocol):
    """An object that receives the rows of a run in input order, for example to write them to a file."""

    def open(self, header: Header) -> None:
        """Prepare to receive rows. This is called once, before any row, and before anything is computed."""

    def write(self, row: Row) -> None:
        """Receive the row of one pair."""

    def close(self, summary: Summary) -> None:
        """Finish the output. This is called once, after the last row, also if the run was interrupted."""

    def abandon(self) -> None:
        """Undo the effects of `open`. This is called instead of `close` if a run fails before its first row."""


class Viewer(Sink, Protocol):
    """A receiver of rows that also receives the pixels, to draw pictures."""

    def see(self, view: View) -> None:
        """Receive the pixels of a pair after its row was computed, and before this row is written.

        The pairs come in any order. A pair that failed is also passed if its files could be read. The method is called
        from the main thread. The viewer may keep only a bounded number of pixels after the call.
        """
