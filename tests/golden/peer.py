"""Runs a peer in a separate process. A peer is another implementation, which the tests compare with eyediff.

Its PYTHONPATH contains the replacement for torchvision in ../shared/peers.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eyediff.metrics.ops import Array
from eyediff.records import Pixels

from .lpips_cases import Case

HERE = Path(__file__).resolve().parent


def environment(shared: Path) -> dict[str, str]:
    """Return the environment variables with which the process of a peer finds its torchvision and its weights."""
    return os.environ | {"PYTHONPATH": str(shared / "peers"), "PEER_WEIGHTS": str(shared / "weights")}


def lpips(
    pairs: Mapping[Case, tuple[Pixels, Pixels]], parameters: Mapping[str, Array], shared: Path
) -> dict[Case, dict[str, Array]]:
    """Return the results of lpips 0.1.4 for each case: total (N), layers (N x L) and map (N x H x W).

    One process computes all cases.
    """
    trunk = {f"parameter{index}": value for index, value in enumerate(parameters.values())}
    with tempfile.TemporaryDirectory() as folder:
        files = [(Path(folder) / f"job{i}.npz", Path(folder) / f"result{i}.npz") for i in range(len(pairs))]
        for (job, _), (case, (a, b)) in zip(files, pairs.items(), strict=True):
            what = {"net": case.net, "version": case.version, "heads": case.heads, "count": len(trunk)}
            np.savez(job, a=a, b=b, **what, **trunk)
        command = [sys.executable, "-W", "ignore", HERE / "peer_lpips.py", *(path for both in files for path in both)]
        subprocess.run(command, check=True, env=environment(shared))
        found = {}
        for case, (_, result) in zip(pairs, files, strict=True):
            with np.load(result) as values:
                found[case] = dict(values)
        return found


def classical(pairs: Sequence[tuple[Pixels, Pixels]], shared: Path) -> list[dict[str, Array]]:
    """Return the scores of piq 0.8.0 and torchmetrics 1.9.0 for pairs of batches.

    For each pair of batches, there are N scores under each name "peer metric".
    """
    with tempfile.TemporaryDirectory() as folder:
        into = [Path(folder) / f"job{i}.npz" for i in range(len(pairs))]
        for job, (a, b) in zip(into, pairs, strict=True):
            np.savez(job, a=a, b=b)
        command = [sys.executable, "-W", "ignore", HERE / "peer_classical.py", *into]
        subprocess.run(command, check=True, env=environment(shared))
        found = []
        for job in into:
            with np.load(job) as scores:
                found.append(dict(scores))
        return found
