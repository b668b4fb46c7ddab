"""Tests of weights without labels: random weights, and weights by stacked k-means from generated photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.engines.numpy_ops import NumpyOps, image
from eyediff.errors import UsageError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX, MINI, SQUEEZE, Conv, Fire, Pool, Tap, Trunk
from eyediff.training.init import initial_parameters, kmeans_parameters
from eyediff.training.init import kmeans as room
from eyediff.weights import canonical_sha256
from tests.unit.distortions.scenes import photos_in, scene

SMALL = Trunk(
    "small", "Small", "with a layer of every kind",
    (Conv("a", 3, 6, 5, 4, 2), Pool(3, 2, ceil=True), Tap(), Fire("b", 6, 4, 5), Conv("c", 10, 7, 3, pad=1), Tap()),
)  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of four generated photos."""
    return photos_in(tmp_path_factory.mktemp("photos"), 4, 192)


class Watching(NumpyOps):
    """Operations in double precision that record the output of every convolution."""

    def __init__(self) -> None:
        self.given: list[np.ndarray] = []

    def conv(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, **options: int) -> np.ndarray:
        self.given.append(super().conv(x, weight, bias, **options))
        return self.given[-1]


def test_every_channel_has_mean_0_and_variance_1(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every channel of every convolution has mean 0 and variance 1, including those of fire modules.

    The means are over the crops from which the weights were computed. The test computes the network again, by the
    oracle. The tolerance is 1e-3, because the layers were made in float32, whose rounding adds up over four layers.
    """
    monkeypatch.setattr(room, "CROPS", 24)
    parameters = initial_parameters(SMALL, "kmeans", 5, photos)
    watching = Watching()
    pixels = room.crops(SMALL, np.random.default_rng(5), photos)
    lpips.taps(watching, lpips.Network(SMALL, parameters, None), image(pixels))
    assert len(watching.given) == sum(len(layer.convs) for layer in SMALL.layers)
    for given in watching.given:
        np.testing.assert_allclose(given.mean((0, 2, 3)), 0, atol=1e-3)
        np.testing.assert_allclose(given.var((0, 2, 3)), 1, atol=1e-3)


def test_a_seed_gives_the_same(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both methods give equal weights for equal seeds, and other weights for another seed."""
    monkeypatch.setattr(room, "CROPS", 12)
    for how, folder in (("kmeans", photos), ("gaussian", None)):
        one, same, other = (canonical_sha256(initial_parameters(SMALL, how, seed, folder)) for seed in (1, 1, 2))
        assert one == same != other


@pytest.mark.parametrize("trunk", [ALEX, SQUEEZE, MINI], ids=lambda trunk: trunk.name)
def test_gaussian_weights_keep_activations_in_bounds(trunk: Trunk) -> None:
    """Gaussian weights have the variance 2 / inputs of He et al. 2015, and biases are 0.

    The tolerance is 5 standard deviations of the variance of so many values.
    """
    parameters = initial_parameters(trunk, "gaussian", 3)
    assert {name: figures.shape for name, figures in parameters.items()} == trunk.shapes
    for figures in parameters.values():
        if figures.ndim == 1:
            assert not figures.any()
        else:
            expected = 2 / np.prod(figures.shape[1:])
            assert abs(figures.var() / expected - 1) < 5 * np.sqrt(2 / figures.size)


def test_the_scale_of_a_layer_does_not_matter(photos: Path) -> None:
    """A distance does not depend on the between-layer scale of the paper.

    A layer is multiplied by 4, and the next layer is divided by 4. The distance stays the same, to the rounding of
    double precision.
    """
    parameters = initial_parameters(MINI, "gaussian", 0)
    first, second = "features.0.weight", "features.1.weight"
    other = parameters | {first: 4 * parameters[first], second: parameters[second] / 4}
    a, b = (image(scene(number, 64)[None]) for number in (0, 1))
    one, same = (lpips.layers(NumpyOps(), lpips.Network(MINI, each, None), a, b).sum() for each in (parameters, other))
    assert one == pytest.approx(same, rel=1e-9) and one > 0.01


def test_clusters_are_found() -> None:
    """k-means finds the means of three bundles of directions, in any order.

    The error is the width of a bundle, 0.02 / sqrt(200) in each coordinate.
    """
    rng = np.random.default_rng(0)
    truth = np.eye(6, dtype=np.float32)[:3]
    points = np.concatenate([direction + 0.02 * rng.standard_normal((200, 6)) for direction in truth])
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    found = room.spherical_kmeans(points, 3, np.random.default_rng(4))
    np.testing.assert_allclose(np.sort((found @ truth.T).argmax(1)), [0, 1, 2])
    np.testing.assert_allclose((found @ truth.T).max(1), 1, atol=1e-3)


def test_angles_are_between_whitened_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """The response of weights made from a patch x to a patch y is x' (S + r)^-1 y.

    It is divided by the length of the whitened x. The expected responses are written out in double precision. The
    tolerance is 1e-3 of the largest response, because the covariance is factorised in float32. Its condition number is
    below 1e3 here.
    """
    rng = np.random.default_rng(1)
    patches = (rng.standard_normal((500, 8)) @ rng.standard_normal((8, 8)) + 3).astype(np.float32)
    monkeypatch.setattr(room, "spherical_kmeans", lambda points, count, rng: points[:count])
    found = room.directions(patches, 5, rng)
    centred = patches.astype(np.float64) - patches.mean(0, dtype=np.float64)
    covariance = centred.T @ centred / len(centred)
    inverse = np.linalg.inv(covariance + room.REGULARISATION * np.trace(covariance) / 8 * np.eye(8))
    lengths = np.sqrt(np.einsum("ni,ij,nj->n", centred[:5], inverse, centred[:5]))
    expected = centred[:5] @ inverse @ centred.T / lengths[:, None]
    np.testing.assert_allclose(found @ centred.T, expected, atol=1e-3 * np.abs(expected).max())


def test_what_cannot_be_learnt_from_is_refused(photos: Path, tmp_path: Path) -> None:
    """Missing, unexpected, too small and single-coloured photos are refused. An unknown method is refused, too."""
    (tmp_path / "grey").mkdir()
    Image.new("RGB", (150, 150), "grey").save(tmp_path / "grey" / "x.png")
    for how, folder, said in (
        ("kmeans", None, "set photos to a folder of photos"),
        ("gaussian", photos, "leave out photos"),
        ("kmeans", tmp_path / "nowhere", "there are no photos"),
        ("kmeans", tmp_path / "grey", "the photos have no contrast"),
        ("xavier", None, "the method 'xavier' is unknown; expected one of gaussian, kmeans"),
    ):
        with pytest.raises(UsageError, match=said):
            initial_parameters(SMALL, how, 0, folder)
    Image.fromarray(scene(0, 100)).save(tmp_path / "grey" / "a.png")
    with pytest.raises(UsageError, match=r"a.png: 100x100 is too small; expected sides of at least 128"):
        kmeans_parameters(SMALL, 0, tmp_path / "grey")
