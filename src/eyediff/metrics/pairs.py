"""Compute the features of both images of a pair at the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..records import Pixels

F = TypeVar("F")
"""The type of the features of an image."""


def features_of_pairs(features: Callable[[Pixels], F], a: Pixels, b: Pixels, threads: int) -> Iterator[tuple[F, F]]:
    """Yield the features of both images of each pair. `features` takes an image, H x W x 3.

    The two images of a pair are computed in two threads, unless `threads` is 1. numpy releases the GIL during most of
    the time.
    """
    with ThreadPoolExecutor(min(2, threads), "eyediff-pair") as pool:
        for reference, candidate in zip(a, b, strict=True):
            of_reference, of_candidate = pool.map(features, (reference, candidate))
            yield of_reference, of_candidate
