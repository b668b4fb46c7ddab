"""Tests of `nn.ModuleMetric` with torchmetrics: batches, collections of metrics, and several processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from .cases import ALEX, module, tensors

pytest.importorskip("torchmetrics")

from eyediff import nn

from . import rank

ROOT = Path(__file__).resolve().parents[3]


def test_every_pair_counts_alike() -> None:
    """All pairs have equal weight, in batches of two and one.

    `forward` returns the value of the batch with its gradient, and adds the batch to the total. The total has no graph.
    """
    metric, (x, y) = nn.ModuleMetric(module(ALEX)), tensors(ALEX)
    scores = module(ALEX).score(x, y)
    first = x[:2].clone().requires_grad_()
    value = metric(first, y[:2])
    torch.testing.assert_close(value.detach(), scores[:2].mean(), rtol=1e-5, atol=0)
    value.backward()
    assert first.grad is not None and first.grad.any()
    assert not metric.total.requires_grad
    metric.update(x[2:].requires_grad_(), y[2:])
    assert not metric.total.requires_grad
    torch.testing.assert_close(metric.compute(), scores.mean(), rtol=1e-5, atol=0)
    copied = pickle.loads(pickle.dumps(metric))  # noqa: S301
    torch.testing.assert_close(copied.compute(), scores.mean(), rtol=1e-5, atol=0)


def test_a_metric_begins_anew() -> None:
    """After `reset`, the metric has no pairs. `compute` without pairs is an error, not 0.

    The module stays in eval mode, and `higher_is_better` is that of the module.
    """
    metric, (x, y) = nn.ModuleMetric(module(ALEX)), tensors(ALEX)
    metric.update(x, x)
    metric.reset()
    metric.update(x, y)
    torch.testing.assert_close(metric.compute(), module(ALEX)(x, y), rtol=1e-5, atol=0)
    metric.reset()
    metric.module.train()
    with pytest.warns(UserWarning, match="before the ``update``"), pytest.raises(RuntimeError, match="no pairs"):
        metric.compute()
    assert not metric.module.training
    assert not metric.higher_is_better and nn.ModuleMetric(nn.SSIM()).higher_is_better


def test_reductions() -> None:
    """Over two updates, `sum` gives the sum over the pairs, and `none` gives the score of each pair.

    An unknown reduction is refused.
    """
    x, y = tensors(ALEX)
    scores = module(ALEX).score(x, y)
    for reduction, expected in (("sum", scores.sum()), ("none", scores)):
        metric = nn.ModuleMetric(module(ALEX), reduction)
        metric.update(x[:2], y[:2])
        metric.update(x[2:], y[2:])
        torch.testing.assert_close(metric.compute(), expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(ValueError, match="reduction must be mean, sum or none; got 'median'"):
        nn.ModuleMetric(module(ALEX), "median")


def test_psnr_of_all_pixels_is_torchmetrics() -> None:
    """The pooled PSNR of images of two sizes agrees with torchmetrics, to float32.

    Without pooling, the result is the mean over the PSNRs of the images. Other modules than PSNR cannot be pooled.
    """
    from torchmetrics.image import PeakSignalNoiseRatio

    torch.manual_seed(0)
    pooled, theirs = nn.ModuleMetric(nn.PSNR(value_range=(0, 1)), pooled=True), PeakSignalNoiseRatio(data_range=1.0)
    single, scores = nn.ModuleMetric(nn.PSNR(value_range=(0, 1))), []
    for count, side, strength in ((2, 16, 0.1), (1, 40, 0.4)):
        x = torch.rand(count, 3, side, side)
        y = (x + strength * torch.randn_like(x)).clamp(0, 1)
        for metric in (pooled, theirs, single):
            metric.update(x, y)
        scores.append(nn.PSNR(value_range=(0, 1)).score(x, y))
    torch.testing.assert_close(pooled.compute(), theirs.compute(), rtol=1e-5, atol=0)
    torch.testing.assert_close(single.compute(), torch.cat(scores).mean(), rtol=1e-5, atol=0)
    assert abs(pooled.compute() - single.compute()) > 1
    with pytest.raises(ValueError, match="only for PSNR"):
        nn.ModuleMetric(nn.SSIM(), pooled=True)


def test_it_is_plotted() -> None:
    """One value and several values are plotted in the way of torchmetrics."""
    pytest.importorskip("matplotlib").use("agg")
    metric, (x, y) = nn.ModuleMetric(nn.SSIM()), tensors(ALEX)
    values = [metric(x, y), metric(y, x)]
    for drawn in (metric.plot(), metric.plot(values)):
        figure, axes = drawn
        assert figure is not None and axes is not None


def test_a_collection_keeps_its_metrics_apart() -> None:
    """A collection does not merge two distances whose first sums are equal.

    torchmetrics merges metrics with equal states. For equal images, the sums of two distances are equal, but later sums
    differ.
    """
    metrics, (x, y) = rank.collection(), tensors(ALEX)
    metrics.update(x, x)
    metrics.reset()
    metrics.update(x, x)
    metrics.update(x, y)
    found = metrics.compute()
    for name in ("alex", "squeeze", "ssim"):
        inner = metrics[name].module
        expected = torch.cat([inner.score(x, x), inner.score(x, y)]).mean()
        torch.testing.assert_close(found[name], expected, rtol=1e-5, atol=1e-7)
    assert found["psnr"] == torch.inf


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Grad strides do not match")  # a 1x1 kernel has the same bytes in both layouts
def test_two_processes_are_one(tmp_path: Path) -> None:
    """Two processes, with two pairs and one pair, compute the metrics of all three pairs over gloo.

    The gradient of a layer under DistributedDataParallel is the mean of both gradients, as torch defines it.
    """
    command = [sys.executable, "-W", "ignore", "-m", "tests.unit.nn.rank", "1", str(tmp_path / "store")]
    other = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        gradient, found = rank.work(0, tmp_path / "store")
        assert other.wait(60) == 0
    finally:
        other.kill()
        _, said = other.communicate()
    x, y = tensors(ALEX)
    for name, metric in rank.collection().items():
        torch.testing.assert_close(found[name], metric.module.score(x, y).mean(), rtol=1e-5, atol=1e-7, msg=said)
    alone = rank.Parent()
    alone(x, y).backward()
    torch.testing.assert_close(2 * gradient, alone.layer.weight.grad, rtol=1e-4, atol=1e-7)
