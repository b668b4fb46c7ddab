"""Tests of the number of threads in which the two images of a pair are computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import eyediff
from eyediff.engines import windows
from eyediff.metrics import pairs
from eyediff.run import ComparisonOptions


@pytest.mark.parametrize("name", ["fsim", "fsimc", "vsi", "ms-ssim"])
def test_one_thread_computes_both_images(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With threads=1, the two images of a pair are computed one after the other. The scores have the same bits."""
    sizes: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, threads: int, prefix: str) -> None:
            sizes.append(threads)
            super().__init__(threads, prefix)

    for module in (pairs, windows):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Pool)
    rng = np.random.default_rng(8)
    a, b = rng.integers(0, 256, (2, 2, 176, 176, 3), np.uint8)
    scores, groups = [], []
    for threads in (1, 4):
        metric = eyediff.Metric(name, threads=threads)
        sizes.clear()
        scores.append(metric.distances(a, b))
        assert min(2, threads) in sizes and max(sizes) <= threads
        ((_, engine),) = ComparisonOptions(threads=threads).build_metrics(["fsim", "fsimc"]).groups
        sizes.clear()
        groups.append(engine.distances(a, b))
        assert sizes == [min(2, threads)]
    assert np.array_equal(*scores) and np.array_equal(*groups)


def test_one_thread_computes_a_map(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(
        pairs,
        "ThreadPoolExecutor",
        lambda threads, prefix: (sizes.append(threads), ThreadPoolExecutor(threads, prefix))[1],
    )
    a, b = np.random.default_rng(9).integers(0, 256, (2, 40, 48, 3), np.uint8)
    maps = [eyediff.Metric("vsi", threads=threads).map(a, b) for threads in (1, 2)]
    assert sizes == [1, 2] and np.array_equal(*maps)
