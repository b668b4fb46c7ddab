"""Which of the user's ONNX Runtime providers computes, and in which precision.

A device that was asked for by name is used or refused, never replaced. `auto` takes the fastest that keeps full float32
precision, and the engine says which one ran.
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
"""The environment variable that trades precision for speed on a GPU. What it was stands in the header of a result."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider of ONNX Runtime: its name there, the name people use, and options that keep it exact."""

    name: str
    device: str
    options: tuple[tuple[str, str], ...] = ()


CPU = Provider("CPUExecutionProvider", "cpu")
CUDA = Provider("CUDAExecutionProvider", "cuda", (("use_tf32", "0"),))  # TF32 keeps 10 bits: wrong in the third digit
DIRECTML = Provider("DmlExecutionProvider", "directml")
COREML = Provider(  # the neural engine computes in half precision, so it is left out
    "CoreMLExecutionProvider", "coreml", (("ModelFormat", "MLProgram"), ("MLComputeUnits", "CPUAndGPU"))
)

PREFERRED = (CUDA, DIRECTML, COREML, CPU)


def precision() -> Precision:
    """What PRECISION asks for; exact float32 where it is not set. Raises UsageError for anything else."""
    asked = os.environ.get(PRECISION) or "float32"
    for known in get_args(Precision):
        if asked == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"{PRECISION}={asked} was set, expected one of {', '.join(get_args(Precision))}")


def offered(provider: Provider) -> bool:
    """Whether this installation of ONNX Runtime has it."""
    return provider.name in ort.get_available_providers()


def choose(device: DeviceName) -> list[Provider]:
    """The providers to try, best first; more than one only for `auto`.

    Raises DeviceError where the device that was named is not in this installation of ONNX Runtime.
    """
    available = set(ort.get_available_providers())
    if device == "auto":
        return [provider for provider in PREFERRED if provider.name in available]
    wanted = next((provider for provider in PREFERRED if provider.device == device), None)
    if wanted is None:
        raise DeviceError(f"no device is called {device!r}; there are auto, cpu and cuda")
    if wanted.name not in available:
        raise DeviceError(
            f"the device {device} is not available: this onnxruntime offers {', '.join(sorted(available))}; "
            "install onnxruntime-gpu in place of onnxruntime, or a torch that sees a GPU, or use ",
            Setting("device", "cpu"),
        )
    return [wanted]
