"""Runs a peer in a process of its own, with the stand-in for torchvision from ../shared/peers on its path."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from eyediff.metrics.ops import Array
from eyediff.records import Pixels

from .lpips_cases import Case

HERE = Path(__file__).resolve().parent


def environment(shared: Path) -> dict[str, str]:
    """What a peer's process needs to find its torchvision and its weights."""
    return os.environ | {"PYTHONPATH": str(shared / "peers"), "PEER_WEIGHTS": str(shared / "weights")}


def lpips(case: Case, parameters: Mapping[str, Array], a: Pixels, b: Pixels, shared: Path) -> dict[str, Array]:
    """What lpips 0.1.4 says: total (N), layers (N x L), map (N x H x W)."""
    job = {f"parameter{index}": value for index, value in enumerate(parameters.values())}
    with tempfile.TemporaryDirectory() as folder:
        into, out = Path(folder) / "job.npz", Path(folder) / "result.npz"
        what = {"net": case.net, "version": case.version, "heads": case.heads, "count": len(job)}
        np.savez(into, a=a, b=b, **what, **job)
        command = [sys.executable, "-W", "ignore", HERE / "peer_lpips.py", into, out]
        subprocess.run(command, check=True, env=environment(shared))
        with np.load(out) as found:
            return dict(found)


def classical(a: Pixels, b: Pixels, shared: Path) -> dict[str, Array]:
    """What piq 0.8.0 and torchmetrics 1.9.0 say of two batches: N figures a metric, by their name and its."""
    with tempfile.TemporaryDirectory() as folder:
        into, out = Path(folder) / "job.npz", Path(folder) / "result.npz"
        np.savez(into, a=a, b=b)
        command = [sys.executable, "-W", "ignore", HERE / "peer_classical.py", into, out]
        subprocess.run(command, check=True, env=environment(shared))
        with np.load(out) as found:
            return dict(found)
