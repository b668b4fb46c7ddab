"""What computes, by the device that was asked for: ONNX Runtime, or torch where only torch has CUDA.

torch is looked at for `--device cuda` alone: to import it takes longer than to compare a folder of images, and an
installation that never names a GPU must not depend on it.
"""

from __future__ import annotations

import importlib.util
import os

from ..errors import DeviceError, UsageError
from . import devices
from .devices import CUDA, DeviceName
from .metrics import Runner
from .onnxrt import OnnxRunner

ENGINE = "EYEDIFF_ENGINE"
"""The environment variable that has networks computed by ncnn. Never by itself where ncnn happens to be installed: the
sixth digit of a distance would follow from what else somebody has. What computed stands in the header of a result."""


def runner(device: DeviceName = "auto", threads: int | None = None) -> Runner:
    """A runner on a device; `threads` None: every core.

    CUDA is ONNX Runtime's where it has it, else torch's. EYEDIFF_PRECISION=tf32 or bfloat16 is torch's in any case.
    Raises DeviceError where the device, or the precision on it, is not to be had; UsageError for an unknown precision.
    """
    precision = devices.precision()
    if device == "cuda" and (precision != "float32" or not devices.offered(CUDA)) and _torch_has_cuda():
        from .torch_runner import TorchRunner

        return TorchRunner("cuda", precision)
    if precision != "float32":
        raise DeviceError(
            f"{devices.PRECISION}={precision} was set, which needs --device cuda and a torch that sees a GPU; unset it"
        )
    return OnnxRunner(device, threads)


def for_network(runner: Runner) -> Runner:
    """The runner of a network: this one, or ncnn beside it where EYEDIFF_ENGINE=ncnn asks for that.

    Raises UsageError for an unknown engine, DeviceError where ncnn is not to be had, or the runner is on a GPU.
    """
    asked = os.environ.get(ENGINE) or "auto"
    if asked == "auto":
        return runner
    if asked != "ncnn":
        raise UsageError(f"{ENGINE}={asked} was set, expected one of auto, ncnn")
    if not isinstance(runner, OnnxRunner) or runner.device != "cpu":
        raise DeviceError(f"{ENGINE}=ncnn computes on the processor, not by {runner.description}: use --device cpu")
    try:
        from .ncnn_runner import NcnnRunner
    except (ImportError, OSError) as error:  # not installed, or one of its libraries is not there
        raise DeviceError(f"{ENGINE}=ncnn was set, but {error}: pip install 'eyediff[ncnn]', or unset it") from error
    return NcnnRunner(runner)


def _torch_has_cuda() -> bool:
    if importlib.util.find_spec("torch") is None:
        return False
    try:
        from .torch_runner import usable
    except (ImportError, OSError) as error:  # installed, but one of its libraries is not there
        raise DeviceError(f"--device cuda was asked for, but torch does not load: {error}") from error
    return usable()
