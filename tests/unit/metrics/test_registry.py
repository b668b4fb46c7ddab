"""Tests of the registry: names, versions, and metrics that another package adds."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import numpy as np
import pytest

import eyediff
from eyediff.errors import EyediffError, UnknownMetricError, UsageError
from eyediff.metrics import registry
from eyediff.metrics.programs import PixelFunction
from eyediff.metrics.registry import MetricInfo

MAE = MetricInfo(
    "mae",
    False,
    0,
    "0 to 255",
    "mean absolute error",
    {"1": PixelFunction(lambda a, b: abs(a - 1.0 * b).mean((1, 2, 3)))},
)
UNDEFINED = MetricInfo(
    "undefined", False, 0, "0 up", "0 / 0", {"1": PixelFunction(lambda a, b: np.full(len(a), np.nan))}
)
CLASH = MetricInfo("psnr", False, 0, "0 up", "another PSNR", MAE.programs)


def install(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Pretend that an installed package has one entry point."""
    point = EntryPoint("plugin", value, registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINT_GROUP else [])


def test_a_plugin_adds_a_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:MAE")
    black, white = (np.full((8, 8, 3), value, np.uint8) for value in (0, 255))
    assert eyediff.Metric("mae").distance(black, white) == 255
    assert "mae" in registry.all_metrics()


def test_nan_of_a_metric_without_weights_is_not_blamed_on_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, f"{__name__}:UNDEFINED")
    gray = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(EyediffError, match="1 of 1 computed values are NaN, because the metric is not defined for"):
        eyediff.Metric("undefined").distance(gray, gray)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f"{__name__}:CLASH", "another metric has already"),
        (f"{__name__}:PixelFunction", "expected a MetricInfo"),
        ("no_such_module:X", "cannot be loaded"),
    ],
)
def test_a_broken_plugin_is_named(monkeypatch: pytest.MonkeyPatch, value: str, problem: str) -> None:
    install(monkeypatch, value)
    with pytest.raises(UsageError, match=problem) as caught:
        registry.find_metric("no-such-metric")
    assert value.partition(":")[0] in str(caught.value)


@pytest.mark.parametrize(("name", "hint"), [("PSNR", "'psnr'"), ("lpips_mini", "'lpips-mini'"), ("ssm", "'ssim'")])
def test_a_misspelt_name_gets_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(UnknownMetricError, match=f"did you mean {hint}"):
        registry.find_metric(name)
