"""Choose the library that computes: the native engine or ONNX Runtime, or torch if only torch supports CUDA.

torch is imported only for the device cuda. The import of torch takes longer than the comparison of a folder of images,
and an installation that never uses a GPU must not depend on torch. ONNX Runtime is imported only if it computes.
"""

from __future__ import annotations

import os

from ..defaults import workers
from ..errors import DeviceError, Setting, check_count
from ..optional import is_installed
from . import onnx_providers as devices
from .cpu_engine import ENGINE, engine_name
from .network_engine import Runner
from .onnx_providers import CUDA, DeviceName


def create_runner(device: DeviceName = "auto", threads: int | None = None) -> Runner:
    """Return a runner, which is an object that computes metrics with one library on one device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Device that computes.
    threads : int, optional
        Number of threads, at least 1. Default: one for each core of the CPU.

    Raises
    ------
    DeviceError
        If the device, or the precision on it, is not available.
    UsageError
        If `threads` is less than 1, or if the environment variable EYEDIFF_PRECISION or EYEDIFF_ENGINE has an unknown
        value.

    Notes
    -----
    On the CPU, the native engine computes networks and SSIM if it is installed, and ONNX Runtime computes everything
    else. On CUDA, ONNX Runtime is preferred to torch. If EYEDIFF_PRECISION is tf32 or bfloat16, torch is always used.
    """
    check_count("threads", threads)
    precision = devices.requested_precision()
    if device == "cuda" and (precision != "float32" or not devices.is_available(CUDA)) and _torch_has_cuda():
        from .torch_runner import TorchRunner

        return TorchRunner("cuda", precision)
    if precision != "float32":
        raise DeviceError(
            f"{devices.PRECISION} is set to {precision!r}; this precision needs ",
            Setting("device", "cuda"),
            f" and a torch that finds a GPU; unset {devices.PRECISION} to compute in float32",
        )
    if (
        device in ("auto", "cpu")
        and engine_name() == "native"
        and (device == "cpu" or os.environ.get(ENGINE) or not devices.has_accelerator())
    ):
        from .native.runner import NativeRunner

        return NativeRunner(workers(threads), lambda: _onnx_runner(device, threads))
    return _onnx_runner(device, threads)


def _onnx_runner(device: DeviceName, threads: int | None) -> Runner:
    from .onnx_runner import OnnxRunner

    return OnnxRunner(device, threads)


def _torch_has_cuda() -> bool:
    if not is_installed("torch"):
        return False
    try:
        from .torch_runner import has_gpu
    except (ImportError, OSError) as error:  # torch is installed, but one of its libraries is missing
        raise DeviceError(f"the device cuda is not available, because torch cannot be loaded: {error}") from error
    return has_gpu()
