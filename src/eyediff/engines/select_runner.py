"""What computes, by the device that was asked for: ONNX Runtime, or torch where only torch has CUDA.

torch is looked at for the device cuda alone: to import it takes longer than to compare a folder of images, and an
installation that never names a GPU must not depend on it.
"""

from __future__ import annotations

import os
from typing import Literal

from ..defaults import workers
from ..errors import DeviceError, Setting, UsageError
from ..optional import is_installed
from . import onnx_providers as devices
from .native.library import NativeEngineError, find_variant
from .network_engine import Runner
from .onnx_providers import CPU, CUDA, DeviceName
from .onnx_runner import OnnxRunner

EngineName = Literal["native", "onnxruntime"]

ENGINE = "EYEDIFF_ENGINE"
"""The environment variable that chooses what computes networks on the CPU. Unset: the native engine, where it is."""


def engine_name() -> EngineName:
    """Return what computes networks on the CPU.

    Raises
    ------
    UsageError
        EYEDIFF_ENGINE names no engine.
    DeviceError
        EYEDIFF_ENGINE asks for the native engine, which this installation lacks; the message says why.
    """
    asked = os.environ.get(ENGINE)
    if asked and asked not in ("native", "onnxruntime"):
        raise UsageError(f"{ENGINE}={asked} was set, expected native or onnxruntime")
    if asked == "onnxruntime":
        return "onnxruntime"
    try:
        find_variant()
    except NativeEngineError as error:
        if asked:
            raise DeviceError(f"{ENGINE}=native was set, but there is no native engine: {error}") from error
        return "onnxruntime"
    return "native"


def engine_description() -> str:
    """Return what computes networks on the CPU, for `eyediff --version`: "native avx2" or "onnxruntime"."""
    name = engine_name()
    return f"native {find_variant()}" if name == "native" else name


def runner(device: DeviceName = "auto", threads: int | None = None) -> Runner:
    """A runner on a device; `threads` None: every core.

    On the CPU the native engine computes networks (`engine_name`), and ONNX Runtime everything else.
    CUDA is ONNX Runtime's where it has it, else torch's. EYEDIFF_PRECISION=tf32 or bfloat16 is torch's in any case.
    Raises DeviceError where the device, or the precision on it, is not to be had; UsageError for an unknown precision.
    """
    precision = devices.precision()
    if device == "cuda" and (precision != "float32" or not devices.offered(CUDA)) and _torch_has_cuda():
        from .torch_runner import TorchRunner

        return TorchRunner("cuda", precision)
    if precision != "float32":
        raise DeviceError(
            f"{devices.PRECISION}={precision} is set, which needs ",
            Setting("device", "cuda"),
            " and a torch that sees a GPU; unset it",
        )
    if device != "cuda" and engine_name() == "native" and (os.environ.get(ENGINE) or devices.choose(device)[0] is CPU):
        from .native.runner import NativeRunner

        return NativeRunner(threads or workers(), lambda: OnnxRunner(device, threads))
    return OnnxRunner(device, threads)


def _torch_has_cuda() -> bool:
    if not is_installed("torch"):
        return False
    try:
        from .torch_runner import usable
    except (ImportError, OSError) as error:  # installed, but one of its libraries is not there
        raise DeviceError(f"the device cuda is not available: torch does not load: {error}") from error
    return usable()
