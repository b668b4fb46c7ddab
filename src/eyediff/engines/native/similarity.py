"""SSIM in the native engine."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from ...metrics.filters import round_weights
from ...metrics.ops import Array
from ...metrics.programs import Similarity
from ...records import Numbers, Pixels
from .calls import PIXEL_TYPES, check_equal, check_result, make_readable
from .library import SimilarityCall, find_variant, load_library


class NativeSimilarity:
    """SSIM, or a term of it, that the native engine computes. A call uses one thread, the calling one.

    Parameters
    ----------
    similarity : Similarity
        Windows and constants.
    variant : str, optional
        Instruction set: "avx512", "avx2" or "baseline". Default: the best one that this processor supports.
    """

    def __init__(self, similarity: Similarity, variant: str | None = None) -> None:
        self._library, self._similarity = load_library(), similarity
        self._weights = round_weights(similarity.window)
        self._variant = None if variant is None else variant.encode()
        self.description = f"native {find_variant(variant)} cpu"

    def means(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the mean over all windows, for each channel of each pair: N x 3."""
        means = np.array([self._compare(*pair, None) for pair in zip(a, b, strict=True)], np.float64).reshape(-1, 3)
        return means * self._similarity.scale + self._similarity.offset

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the mean over the channels, for each window of each pair: N x 1 x H' x W'."""
        reach = len(self._weights) - 1
        maps = np.empty((len(a), 1, *(side - reach for side in a.shape[1:3])), np.float32)
        for x, y, to in zip(a, b, maps[:, 0], strict=True):
            self._compare(x, y, to)
        maps *= np.float32(self._similarity.scale)
        maps += np.float32(self._similarity.offset)
        return maps

    def _compare(self, a: npt.NDArray[Any], b: npt.NDArray[Any], to: Array | None) -> list[float]:
        """Return the mean of each channel for two images, H x W x 3. If `to` is given, write the map there."""
        check_equal(a, b)
        a, b = make_readable(a, packed_rows=True), make_readable(b, packed_rows=True)
        settings = self._similarity
        call = SimilarityCall(
            a=a.ctypes.data,
            b=b.ctypes.data,
            a_row=a.strides[0] // a.itemsize,
            b_row=b.strides[0] // b.itemsize,
            type=PIXEL_TYPES[a.dtype],
            height=a.shape[0],
            width=a.shape[1],
            side=len(self._weights),
            weights=self._weights.ctypes.data,
            c1=settings.c1,
            c2=settings.c2,
            luminance=settings.luminance,
            map=None if to is None else to.ctypes.data,
        )
        check_result(self._library.eyediff_similarity(self._variant, ctypes.byref(call)), a[None].shape)
        return list(call.means)
