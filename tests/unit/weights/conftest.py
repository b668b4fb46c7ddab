"""Fixtures for the tests of weights. No test here sees the weights of the user who runs it, or leaves any behind."""

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
"""Type of the value of the fixture `official`."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder for this test only. Remove all other sources of weights.

    The folder of torch hub is empty, the package has no backbones, and downloads are forbidden.
    """
    monkeypatch.setattr(search_path, "PACKAGE", tmp_path / "package")
    home = tmp_path_factory.mktemp("eyediff") / "home"
    monkeypatch.setenv("EYEDIFF_HOME", str(home))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    monkeypatch.delenv("EYEDIFF_WEIGHTS", raising=False)
    return home


@pytest.fixture(scope="session")
def squeeze() -> Weights:
    """Return seeded parameters with the shapes of SqueezeNet, which is the smallest backbone."""
    random = np.random.default_rng(7)
    return {name: random.standard_normal(shape, np.float32) for name, shape in SQUEEZE.shapes.items()}


@pytest.fixture
def official(squeeze: Weights, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Return a function that declares the seeded parameters to be the official ones of SqueezeNet.

    They are declared by the hash of their content. Arguments change other fields of the entry in the catalogue, such as
    the hash of the file.
    """

    def declare(**changes: object) -> None:
        changes.setdefault("canonical_sha256", canonical_sha256(squeeze))
        monkeypatch.setitem(PUBLISHED, "squeeze", dataclasses.replace(PUBLISHED["squeeze"], **changes))  # type: ignore

    return declare
