"""Tests of `Metric.embed`: distances of embeddings are the scores of the images, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import eyediff
from eyediff import errors
from eyediff.metrics.backbones import ALEX
from tests.golden.lpips_cases import seeded_parameters

RANDOM = np.random.RandomState(5)
IMAGES = RANDOM.randint(0, 256, (4, 40, 52, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a weights file of AlexNet with seeded weights."""
    file = tmp_path_factory.mktemp("weights") / "alex.safetensors"
    save_file(seeded_parameters(ALEX), file)
    return file


@pytest.fixture(scope="module")
def metric(weights: Path) -> eyediff.Metric:
    """Return LPIPS on these weights."""
    return eyediff.Metric("lpips-alex", weights=weights, trust=True, device="cpu")


def test_a_reference_embedded_once_scores_as_pairs_do(metric: eyediff.Metric) -> None:
    """An embedding has exactly the scores of its image, on either side.

    The other side is an image or an embedding, alone or in a batch.
    """
    reference, candidates = metric.embed(IMAGES[0]), list(IMAGES)
    for index, candidate in enumerate(candidates):
        score = metric.distance(IMAGES[0], candidate)
        embedded = metric.embed(candidate)
        assert metric.distance(reference, candidate) == score
        assert metric.distance(candidate, reference) == score
        assert metric.distance(reference, embedded) == score
        assert (score == 0) == (index == 0)
    together = metric.distances(np.repeat(IMAGES[:1], 4, 0), IMAGES)
    np.testing.assert_array_equal(metric.distances(reference, IMAGES), together)
    np.testing.assert_array_equal(metric.distances(reference, metric.embed(IMAGES)), together)
    np.testing.assert_array_equal(metric.distances(metric.embed(IMAGES), IMAGES), np.zeros(4))


def test_many_embedded_against_one_image(metric: eyediff.Metric) -> None:
    """A single image has a score with each of several embeddings. The tolerance is 1e-6, because the batches differ."""
    found = metric.distances(metric.embed(IMAGES), IMAGES[1])
    np.testing.assert_allclose(found, [metric.distance(image, IMAGES[1]) for image in IMAGES], rtol=1e-6)


def test_an_embedding_is_n_points(metric: eyediff.Metric) -> None:
    """An embedding converts to an array N x D. Its items and its slices are embeddings, too."""
    found = metric.embed(IMAGES)
    points = np.asarray(found)
    assert points.dtype == np.float32 and len(found) == len(points) == 4
    assert (found.width, found.height) == (52, 40)
    np.testing.assert_array_equal(points, found.points)
    assert np.asarray(found, np.float64).dtype == np.float64
    np.testing.assert_array_equal(np.asarray(found[-1]), points[3:])
    np.testing.assert_array_equal(np.asarray(found[1:3]), points[1:3])
    assert [len(one) for one in found] == [1, 1, 1, 1]
    with pytest.raises(IndexError, match="the index 4 is out of range; the embedding has 4 images"):
        found[4]


def test_embeddings_of_other_metrics_sizes_and_counts_are_refused(metric: eyediff.Metric, weights: Path) -> None:
    """Embeddings of other metrics, sizes and counts are refused. The error states the given and the expected value."""
    old = eyediff.Metric("lpips-alex@0.0", weights=weights, trust=True, device="cpu")
    mini = eyediff.Metric("lpips-mini", device="cpu")
    found = metric.embed(IMAGES)
    for other in (old, mini):
        with pytest.raises(errors.UsageError, match=r"the embedding was computed by lpips-alex@0\.1 .*lpips-"):
            other.distances(found, IMAGES)
        with pytest.raises(errors.UsageError, match="the embedding was computed by lpips-"):
            metric.distances(found, other.embed(IMAGES))
    with pytest.raises(errors.SizeError, match="embedding are 52x40, but the other images are 40x40"):
        metric.distances(found, IMAGES[:, :, :40])
    with pytest.raises(errors.SizeError, match="embedding are 40x40, but the other images are 52x40"):
        metric.distances(found, metric.embed(IMAGES[:, :, :40]))
    with pytest.raises(errors.UsageError, match="embedding of 4 images cannot be compared with 3 images"):
        metric.distances(found, IMAGES[:3])
    with pytest.raises(errors.UsageError, match="4 pairs were given"):
        metric.distance(found, IMAGES[0])
    with pytest.raises(errors.UsageError, match="psnr does not support `embed`"):
        eyediff.Metric("psnr").distance(found, IMAGES[0])
