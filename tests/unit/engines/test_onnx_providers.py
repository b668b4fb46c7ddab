"""Devices: a named one is used or refused, `auto` says what it took."""

from __future__ import annotations

import numpy as np
import pytest

from eyediff.engines import onnx_providers as devices
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.errors import DeviceError


def offer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Pretend that this onnxruntime has these providers."""
    monkeypatch.setattr(devices.ort, "get_available_providers", lambda: list(names))


def test_a_named_device_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """--device cuda on a machine without it is an error that says what to install, never the CPU in silence."""
    offer(monkeypatch, "CPUExecutionProvider")
    with pytest.raises(DeviceError, match=r"device cuda.*CPUExecutionProvider.*onnxruntime-gpu.*device='cpu'"):
        devices.choose_providers("cuda")


def test_auto_prefers_a_gpu_and_keeps_the_cpu_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is ours, not the one in which onnxruntime lists them; unknown providers are left alone."""
    offer(monkeypatch, "AzureExecutionProvider", "CPUExecutionProvider", "CUDAExecutionProvider")
    assert [provider.device for provider in devices.choose_providers("auto")] == ["cuda", "cpu"]


def test_an_automatic_device_that_does_not_start_gives_way_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without a GPU lists CUDA and then runs on the CPU: the description must say cpu."""
    monkeypatch.setattr("eyediff.engines.onnx_runner.choose_providers", lambda _: [devices.CUDA, devices.CPU])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        runner = OnnxRunner("auto", threads=1)
    assert runner.description.endswith(" cpu")  # before the first pair: it stands in the header
    black = np.zeros((1, 2, 2, 3), np.uint8)
    assert not runner.compile(lambda verbs, a, b: verbs.sub(a, b), 2)(black, black).any()


def test_an_unknown_device_is_named() -> None:
    """As every unknown name is."""
    with pytest.raises(DeviceError, match=r"'tpu'.*auto, cpu or cuda"):
        devices.choose_providers("tpu")  # type: ignore[arg-type]
