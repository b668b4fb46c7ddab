"""What computes, by the device that was asked for: ONNX Runtime, or torch where only torch has CUDA.

torch is looked at for `--device cuda` alone: to import it takes longer than to compare a folder of images, and an
installation that never names a GPU must not depend on it.
"""

from __future__ import annotations

from ..errors import DeviceError
from ..optional import is_installed
from . import onnx_providers as devices
from .network_engine import Runner
from .onnx_providers import CUDA, DeviceName
from .onnx_runner import OnnxRunner


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


def _torch_has_cuda() -> bool:
    if not is_installed("torch"):
        return False
    try:
        from .torch_runner import usable
    except (ImportError, OSError) as error:  # installed, but one of its libraries is not there
        raise DeviceError(f"--device cuda was asked for, but torch does not load: {error}") from error
    return usable()
