"""Devices: a named device is used or refused, and `auto` states the device that it uses."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from eyediff.engines import onnx_providers as devices
from eyediff.engines.cpu_engine import ENGINE
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.engines.select_runner import create_runner
from eyediff.errors import DeviceError


def offer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Pretend that the installed onnxruntime has these providers."""
    monkeypatch.setattr(devices, "available_providers", lambda: set(names))


def test_a_named_device_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--device cuda` on a machine without CUDA is an error that says what to install. The CPU is not used silently."""
    offer(monkeypatch, "CPUExecutionProvider")
    with pytest.raises(DeviceError, match=r"device cuda.*CPUExecutionProvider.*onnxruntime-gpu.*device='cpu'"):
        devices.choose_providers("cuda")


def test_auto_prefers_a_gpu_and_keeps_the_cpu_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is that of eyediff, not that of onnxruntime. Unknown providers are ignored."""
    offer(monkeypatch, "AzureExecutionProvider", "CPUExecutionProvider", "CUDAExecutionProvider")
    assert [provider.device for provider in devices.choose_providers("auto")] == ["cuda", "cpu"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have providers inside the file of the CPU")
@pytest.mark.parametrize(("library", "expected"), [("", False), ("shared", False), ("cuda", True), ("new", True)])
def test_an_accelerator_is_found_by_its_library(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: str, expected: bool
) -> None:
    """onnxruntime is imported only if the installation has a library of another provider."""
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / "libonnxruntime.so.1.32.0").touch()
    if library:
        (tmp_path / "capi" / f"libonnxruntime_providers_{library}.so").touch()
    monkeypatch.setattr(devices, "find_spec", lambda _: SimpleNamespace(origin=str(tmp_path / "__init__.py")))
    offer(monkeypatch, "CPUExecutionProvider", "CUDAExecutionProvider")
    assert devices.has_accelerator() is expected


@pytest.mark.parametrize("device", ["directml", "gpu"])
def test_no_engine_stands_in_for_an_unknown_device(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    """The native engine is used only for cpu and auto, even if EYEDIFF_ENGINE requires it."""
    offer(monkeypatch, "CPUExecutionProvider")
    for engine in ("", "native"):
        monkeypatch.setenv(ENGINE, engine)
        with pytest.raises(DeviceError, match=device):
            create_runner(cast("devices.DeviceName", device))


def test_an_automatic_device_that_does_not_start_gives_way_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """onnxruntime-gpu without a GPU lists CUDA, and then runs on the CPU. The description then says cpu."""
    monkeypatch.setattr("eyediff.engines.onnx_runner.choose_providers", lambda _: [devices.CUDA, devices.CPU])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        runner = OnnxRunner("auto", threads=1)
    assert runner.description.endswith(" cpu")  # this is known before the first pair, because the header states it
    black = np.zeros((1, 2, 2, 3), np.uint8)
    assert not runner.compile(lambda verbs, a, b: verbs.sub(a, b), 2)(black, black).any()


def test_an_unknown_device_is_named() -> None:
    """The error for an unknown device names it and lists the known devices."""
    with pytest.raises(DeviceError, match=r"'tpu'.*auto, cpu or cuda"):
        devices.choose_providers("tpu")  # type: ignore[arg-type]
