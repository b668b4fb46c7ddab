"""Tests of metric files in torch: distances as from the other engines, and linear weights for a user's module."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from eyediff import nn
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.errors import UsageError, WeightsError
from eyediff.metrics.backbones import SQUEEZE
from eyediff.nn.distance import IMAGENET_MEAN, IMAGENET_STD
from eyediff.nn.trunk import ModuleTrunk
from eyediff.weights import MetricFile, write_metric
from tests.golden.lpips_cases import pair, seeded_parameters

from .cases import ALEX, tensors
from .cases import SQUEEZE as CASE
from .test_from_module import expected, layers

RANDOM = np.random.default_rng(4)
CHANNELS = (8, 6)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("held", ["heads", "trunk"])
def test_every_engine_gives_the_same(tmp_path: Path, held: str, scaled: bool) -> None:
    """numpy, ONNX Runtime and torch give the same distances to 1e-5, as in tests/golden.

    The perceptual loss can use the backbone of a metric file, too.
    """
    heads = (
        [RANDOM.uniform(0, 1, channels).astype(np.float32) for channels in SQUEEZE.taps] if held == "heads" else None
    )
    about = {"trunk": "squeeze", "mode": "tune", "provenance": {}, "heads": heads, "scaled": scaled}
    file = write_metric(tmp_path / "x.safetensors", **about, parameters=seeded_parameters(SQUEEZE))
    a, b = pair("squeeze", "smallest")
    oracle, engine = (NetworkEngine(runner, file.network()) for runner in (NumpyRunner(), OnnxRunner("cpu")))
    np.testing.assert_allclose(engine.distances(a, b), oracle.distances(a, b), rtol=1e-5, atol=1e-6)
    module = nn.LPIPS(str(file.path), reduction="none")
    np.testing.assert_allclose(module(*tensors(CASE)).numpy(), oracle.distances(a, b), rtol=1e-5, atol=1e-6)
    assert nn.LPIPS(str(file.path), head=False).heads is None
    plain = nn.PerceptualLoss.from_network(file.network(), {"relu2": 1.0})
    x, y = tensors(CASE)
    torch.testing.assert_close(nn.PerceptualLoss(str(file.path), {"relu2": 1.0})(x, y), plain(x, y))


def heads_of(path: Path, module: torch.nn.Module, **changes: object) -> MetricFile:
    """Write a metric file for a module, as training does."""
    trunk = ModuleTrunk(module, ["0", "2"], IMAGENET_MEAN, IMAGENET_STD)
    heads = [RANDOM.uniform(0, 1, channels).astype(np.float32) for channels in CHANNELS]
    about = {"trunk": "module:Sequential", "mode": "head", "provenance": {}, "taps": trunk.names, "heads": heads}
    return write_metric(path, **(about | {"trunk_sha256": trunk.sha256} | changes))


def test_a_module_takes_its_heads_from_a_file(tmp_path: Path) -> None:
    """A module computes equation 1 with the linear weights of a metric file.

    The tolerance is 1e-5, because the features are float32.
    """
    file, (x, y), plain = heads_of(tmp_path / "x.safetensors", layers(False)), tensors(ALEX), layers(False)
    found = nn.LPIPS.from_module(layers(True), ["0", "2"], heads=file.path, side=16, reduction="none")
    roots = [torch.from_numpy(head).sqrt().reshape(1, -1, 1, 1) for head in file.heads]
    given = []
    for stop, root in zip((1, 3), roots, strict=True):
        one, other = (torch.nn.functional.normalize(plain[:stop](expected(image)), dim=1) * root for image in (x, y))
        given.append((one - other).square().sum(1).flatten(1).mean(1))
    torch.testing.assert_close(found(x, y), sum(given).detach(), rtol=1e-5, atol=1e-6)


def test_another_module_is_refused(tmp_path: Path) -> None:
    """A metric file is refused for any module other than its own.

    The other module has other weights, other feature layers, another mean or other numbers of channels. A file for a
    built-in backbone is refused, too.
    """
    file = heads_of(tmp_path / "x.safetensors", layers(False)).path
    other = copy.deepcopy(layers(False))
    with torch.no_grad():
        other[0].weight[0, 0, 0, 0] += 1
    for module, taps, options, said in (
        (other, ["0", "2"], {}, "the metric was made for another backbone: module:Sequential"),
        (layers(False), ["2", "0"], {}, "the metric file was made for 0, 2, but taps is 2, 0"),
        (layers(False), ["0", "2"], {"mean": (0.5, 0.5, 0.5)}, "the metric was made for another backbone"),
    ):
        with pytest.raises(WeightsError, match=f"x.safetensors: {said}"):
            nn.LPIPS.from_module(module, taps, heads=file, side=16, **options)
    heads_of(file, layers(False), heads=[np.ones(8, np.float32), np.ones(5, np.float32)])
    with pytest.raises(WeightsError, match="do not fit the features, which have 8, 6"):
        nn.LPIPS.from_module(layers(False), ["0", "2"], heads=file, side=16)
    with pytest.raises(UsageError, match="whose code is not in the file"):
        nn.LPIPS(str(file))
    write_metric(file, trunk="squeeze", mode="scratch", provenance={}, parameters=seeded_parameters(SQUEEZE))
    with pytest.raises(WeightsError, match="made for the feature layers of a built-in backbone, but taps is 0, 2"):
        nn.LPIPS.from_module(layers(False), ["0", "2"], heads=file, side=16)
