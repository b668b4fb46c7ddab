"""Compute the LPIPS of a pair strip by strip if the pair exceeds the memory limit. `strip_plan.py` plans the strips."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..metrics.backbones import Trunk
from ..metrics.ops import Array
from ..records import Numbers, Pixels
from . import strip_plan
from .numpy_ops import interpolate_axis


class StripEngine(ABC):
    """Base class for the computation of a network strip by strip.

    An image is cut across its longer side, because such strips are smaller than strips along the longer side.
    """

    def __init__(self, trunk: Trunk) -> None:
        self._trunk = trunk

    @abstractmethod
    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], transposed: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Yield the distances at the positions of each strip: for each strip, one array for each feature layer.

        If `transposed` is true, the rows of `a` and `b` are the columns of the images.
        """

    def _strip_bytes(self, height: int, width: int) -> int:
        """Return the number of bytes that the computation of a strip needs for both images of a pair."""
        return strip_plan.peak_bytes(self._trunk, height, width)

    def layers(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Return the contribution of each feature layer to the distance of two images, 1 x H x W x 3.

        The result has L values. They are summed in float64.
        """
        sums = np.zeros(len(self._trunk.taps))
        for strip in self._terms(a, b, memory):
            sums += [term.sum(dtype=np.float64) for term in strip]
        areas = np.multiply(self._trunk.sides(a.shape[1]), self._trunk.sides(a.shape[2]))
        shares: Numbers = sums / areas
        return shares

    def terms(self, a: Pixels, b: Pixels, memory: float) -> list[npt.NDArray[Any]]:
        """Return the distance at each position of each feature layer, for two images, 1 x H x W x 3.

        The result has one array, 1 x 1 x H_l x W_l, for each feature layer.
        """
        kept = zip(*self._terms(a, b, memory), strict=True)
        return [np.concatenate(parts, 3 if a.shape[2] > a.shape[1] else 2) for parts in kept]

    def map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """Return the distance at every pixel, H x W.

        The distances in the feature layers need little memory, so all of them are kept. They are upsampled a few rows
        of the image at a time.
        """
        height, width = a.shape[1:3]
        terms = self.terms(a, b, memory)
        distance_map = np.empty((height, width), np.float32)
        rows = max(1, defaults.BATCH_PIXELS // (8 * width))  # upsampling needs several arrays in double precision
        for start in range(0, height, rows):
            part = slice(start, min(start + rows, height))
            distance_map[part] = sum(
                interpolate_axis(interpolate_axis(term, height, 2, part), width, 3)[0, 0] for term in terms
            )
        return distance_map

    def _terms(self, a: Pixels, b: Pixels, memory: float) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Yield, for each strip, the distances at the positions of every feature layer.

        A strip has some rows of the image, or some columns if the image is wider than high.
        """
        transposed = a.shape[2] > a.shape[1]
        if transposed:
            a, b = a.swapaxes(1, 2), b.swapaxes(1, 2)
        length, width = a.shape[1:3]
        strips = strip_plan.strips(self._trunk, length, self._deepest_rows(length, width, memory))
        for terms in self._strip_terms(a, b, strips, transposed):
            yield [term.swapaxes(2, 3) for term in terms] if transposed else terms

    def _deepest_rows(self, length: int, width: int, memory: float) -> int:
        """Return how many rows of the deepest layer one strip has.

        It is the largest number for which the strip fits into memory and has at most STRIP_PIXELS pixels.
        """
        most = max(1, defaults.STRIP_PIXELS // (width * strip_plan.row_step(self._trunk)))
        for deepest in range(most, 1, -1):
            rows = strip_plan.first_strip_rows(self._trunk, deepest)
            if rows <= length and self._strip_bytes(rows, width) <= memory:
                return deepest
        return 1
