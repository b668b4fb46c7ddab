"""Work that metrics share is done once, and never taken for that of other arrays."""

from __future__ import annotations

import numpy as np

from eyediff.metrics.fsim import both, fsim, fsimc
from eyediff.records import Numbers, Pixels
from eyediff.scoring.together import Together

from ..metrics.made import noisy_pair


def test_one_call_for_two_columns() -> None:
    """Asked about the same arrays; asked once more, it computes anew, since their pixels may have changed."""
    calls = []

    def function(a: Pixels, b: Pixels) -> Numbers:
        calls.append(a)
        return np.stack([a.sum((1, 2, 3)), b.sum((1, 2, 3))], 1).astype(np.float64)

    a, b = noisy_pair(0, 4, 8, 8)
    shared = Together(function)
    first, second = shared.column(0), shared.column(1)
    np.testing.assert_array_equal(first(a, b), a.sum((1, 2, 3)))
    np.testing.assert_array_equal(second(a[:], b[:]), b.sum((1, 2, 3)))
    assert len(calls) == 1
    a[:] = 0
    np.testing.assert_array_equal(first(a, b), 0)
    assert len(calls) == 2
    np.testing.assert_array_equal(second(a[1:3], b[1:3]), b[1:3].sum((1, 2, 3)))
    np.testing.assert_array_equal(first(b, a), b.sum((1, 2, 3)))
    assert len(calls) == 4


def test_fsim_and_fsimc_at_once() -> None:
    """The very figures of each alone."""
    a, b = noisy_pair(1, 2, 40, 50)
    np.testing.assert_array_equal(both(a, b), np.stack([fsim(a, b), fsimc(a, b)], 1))
