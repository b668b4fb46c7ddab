"""A pair strip by strip: what `strip_plan.py` states, run over images that take more memory than may be used."""

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
from .numpy_ops import stretch


class StripEngine(ABC):
    """One network over pairs that are cut across their longer side, so that a strip is as small as can be."""

    def __init__(self, trunk: Trunk) -> None:
        self._trunk = trunk

    @abstractmethod
    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], turned: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Every tap's rows, 1 x 1 x H_l x W_l, of each strip of rows in turn; `turned`: rows were columns."""

    def _needed(self, height: int, width: int) -> int:
        """Return the bytes that a strip of a pair takes."""
        return strip_plan.peak_bytes(self._trunk, height, width)

    def shares(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Each tap's share of the distance of two images 1 x H x W x 3: L figures, summed in double precision."""
        sums = np.zeros(len(self._trunk.taps))
        for strip in self._terms(a, b, memory):
            sums += [term.sum(dtype=np.float64) for term in strip]
        areas = np.multiply(self._trunk.sides(a.shape[1]), self._trunk.sides(a.shape[2]))
        shares: Numbers = sums / areas
        return shares

    def map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """The distance by place, H x W: the terms, which are small, are kept and enlarged a few rows at a time."""
        height, width = a.shape[1:3]
        kept = zip(*self._terms(a, b, memory), strict=True)
        terms = [np.concatenate(parts, 3 if width > height else 2) for parts in kept]
        whole = np.empty((height, width), np.float32)
        rows = max(1, defaults.BATCH_PIXELS // (8 * width))  # double precision, and several at a time
        for start in range(0, height, rows):
            part = slice(start, min(start + rows, height))
            whole[part] = sum(stretch(stretch(term, height, 2, part), width, 3)[0, 0] for term in terms)
        return whole

    def _terms(self, a: Pixels, b: Pixels, memory: float) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Every tap's rows of each strip, in order; of images that are wider than high, its columns."""
        turned = a.shape[2] > a.shape[1]
        if turned:
            a, b = a.swapaxes(1, 2), b.swapaxes(1, 2)
        length, width = a.shape[1:3]
        strips = strip_plan.strips(self._trunk, length, self._deepest(length, width, memory))
        for found in self._strip_terms(a, b, strips, turned):
            yield [term.swapaxes(2, 3) for term in found] if turned else found

    def _deepest(self, length: int, width: int, memory: float) -> int:
        """Rows that a strip gives at the end: as many as fit, up to STRIP_PIXELS."""
        enough = max(1, defaults.STRIP_PIXELS // (width * strip_plan.step(self._trunk)))
        for deepest in range(enough, 1, -1):
            high = strip_plan.first_strip_rows(self._trunk, deepest)
            if high <= length and self._needed(high, width) <= memory:
                return deepest
        return 1
