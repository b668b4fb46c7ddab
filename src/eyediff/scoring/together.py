"""Metrics that share most of their work, computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable

from ..records import Numbers, Pixels


class Together:
    """A function of two batches that gives N x K scores, remembered for the two batches that were given last.

    A run asks its engines one after another about the same arrays, which do not change meanwhile; `column` is what each
    engine asks. The arrays are held until others come, so that their place in memory says which they are.
    """

    def __init__(self, function: Callable[[Pixels, Pixels], Numbers]) -> None:
        self._function = function
        self._last: tuple[Pixels, Pixels, Numbers] | None = None

    def column(self, k: int) -> Callable[[Pixels, Pixels], Numbers]:
        """The function of the k-th metric alone: N scores."""

        def scores(a: Pixels, b: Pixels) -> Numbers:
            last = self._last  # read once: another thread may put its own there
            if last is None or not (_same(a, last[0]) and _same(b, last[1])):
                last = self._last = (a, b, self._function(a, b))
                return last[2][:, k]
            self._last = None  # an array that is asked about again may hold other pixels by then
            return last[2][:, k]

        return scores


def _same(x: Pixels, y: Pixels) -> bool:
    """Whether two arrays are the same view of the same memory."""
    return (x.ctypes.data, x.shape, x.strides, x.dtype) == (y.ctypes.data, y.shape, y.strides, y.dtype)
