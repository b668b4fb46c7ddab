"""Choose an execution provider of ONNX Runtime, and its precision.

If the user names a device, that device is used, or there is an error. `auto` takes the fastest provider that keeps
full float32 precision. The engine reports which provider runs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import onnxruntime as ort

from ..errors import DeviceError, Setting, UsageError

DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]
Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]

PRECISION = "EYEDIFF_PRECISION"
"""Environment variable that allows lower precision for more speed on a GPU. The header of a result records it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider: its name in ONNX Runtime, its name in eyediff, and the options that keep it exact."""

    name: str
    device: str
    options: tuple[tuple[str, str], ...] = ()


CPU = Provider("CPUExecutionProvider", "cpu")
CUDA = Provider("CUDAExecutionProvider", "cuda", (("use_tf32", "0"),))  # TF32 has 10 bits: it changes the third digit
DIRECTML = Provider("DmlExecutionProvider", "directml")
COREML = Provider(  # without the neural engine, which computes in half precision
    "CoreMLExecutionProvider", "coreml", (("ModelFormat", "MLProgram"), ("MLComputeUnits", "CPUAndGPU"))
)

PREFERRED = (CUDA, DIRECTML, COREML, CPU)


def requested_precision() -> Precision:
    """Return the precision that PRECISION names, or float32 if it is not set. Raises UsageError for another value."""
    requested = os.environ.get(PRECISION) or "float32"
    for known in get_args(Precision):
        if requested == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"{PRECISION} is set to {requested}; expected one of {', '.join(get_args(Precision))}")


def is_available(provider: Provider) -> bool:
    """Return whether this installation of ONNX Runtime has a provider."""
    return provider.name in ort.get_available_providers()


def choose_providers(device: DeviceName) -> list[Provider]:
    """Return the providers to try, the best first. Only `auto` gives more than one.

    Raises
    ------
    DeviceError
        If this installation of ONNX Runtime lacks the named device.
    """
    available = set(ort.get_available_providers())
    if device == "auto":
        return [provider for provider in PREFERRED if provider.name in available]
    wanted = next((provider for provider in PREFERRED if provider.device == device), None)
    if wanted is None:
        raise DeviceError(f"no device is called {device!r}; the devices are auto, cpu and cuda")
    if wanted.name not in available:
        raise DeviceError(
            f"the device {device} is not available: this onnxruntime offers {', '.join(sorted(available))}; "
            "replace onnxruntime by onnxruntime-gpu, or install a torch that finds a GPU, or use ",
            Setting("device", "cpu"),
        )
    return [wanted]
