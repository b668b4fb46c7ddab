"""No test here sees the weights of the person who runs it, or leaves any behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eyediff.metrics.backbones import SQUEEZE
from eyediff.metrics.ops import Array
from eyediff.weights import canonical_sha256, search_path
from eyediff.weights.catalogue import PUBLISHED

Weights = dict[str, Array]

Declare = Callable[..., None]
"""What the fixture `official` gives."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, nothing in torch hub's folder, no backbones in the package, no network."""
    monkeypatch.setattr(search_path, "PACKAGE", tmp_path / "package")
    home = tmp_path_factory.mktemp("eyediff") / "home"
    monkeypatch.setenv("EYEDIFF_HOME", str(home))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    monkeypatch.delenv("EYEDIFF_WEIGHTS", raising=False)
    return home


@pytest.fixture(scope="session")
def squeeze() -> Weights:
    """Parameters of SqueezeNet's shapes, the smallest trunk, seeded."""
    random = np.random.default_rng(7)
    return {name: random.standard_normal(shape, np.float32) for name, shape in SQUEEZE.shapes.items()}


@pytest.fixture
def official(squeeze: Weights, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Declare the seeded parameters to be SqueezeNet's official ones, by content, by file, or both."""

    def declare(**changes: object) -> None:
        changes.setdefault("canonical_sha256", canonical_sha256(squeeze))
        monkeypatch.setitem(PUBLISHED, "squeeze", dataclasses.replace(PUBLISHED["squeeze"], **changes))  # type: ignore

    return declare
