"""A table with every case: groups, a tie, an image that is left out, and hostile names."""

from __future__ import annotations

import numpy as np

from eyediff.records import Numbers
from eyediff.tables import TableData, summarise_methods

from ..output.samples import HEADER

METHODS = ("best", "a_b & 50% #1 {x} \\ ~^$ <i>|*", "far")
GROUPS = ["chair"] * 6 + ["lego"] * 6
"""The groups of the twelve images."""


def scores() -> dict[str, Numbers]:
    """Return the scores of three methods.

    In PSNR, the second method differs from the first by noise around 0, and the third differs by much.
    """
    draws = np.random.default_rng(1)
    base, noise = draws.normal(30, 2, 12), draws.normal(0, 1, 12)
    noise -= noise.mean() + 0.05
    lpips = draws.uniform(0.1, 0.2, 12)
    return {
        "lpips": np.stack([lpips + 0.1, lpips, lpips + 0.2]),
        "psnr": np.stack([base, base + noise, base - 5 + 0.1 * noise]),
    }


def table(*, groups: bool = False) -> TableData:
    return summarise_methods(HEADER, METHODS, GROUPS if groups else (), scores(), left_out={"x_1.png": ["far"]})
