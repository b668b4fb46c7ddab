"""Choose an execution provider of ONNX Runtime, and its precision. A provider computes on one kind of device.

If the user names a device, that device is used, or an error is raised. `auto` takes the fastest provider that keeps
full float32 precision. The description of an engine names the provider that computes.

This module imports onnxruntime only to list the installed providers. The import takes as long as the comparison of two
small images by the native engine.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ..errors import DeviceError, Setting, UsageError

DeviceName: TypeAlias = Literal["auto", "cpu", "cuda"]
Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]

PRECISION = "EYEDIFF_PRECISION"
"""Environment variable that allows lower precision for more speed on a GPU. Its value is recorded with the results."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider of ONNX Runtime.

    Attributes
    ----------
    name : str
        Name of the provider in ONNX Runtime.
    device : str
        Name of the device in eyediff.
    options : tuple of (str, str)
        Options of the provider that make it compute in full precision.
    """

    name: str
    device: str
    options: tuple[tuple[str, str], ...] = ()


CPU = Provider("CPUExecutionProvider", "cpu")
CUDA = Provider("CUDAExecutionProvider", "cuda", (("use_tf32", "0"),))  # TF32 has 10 bits: it changes the third digit
DIRECTML = Provider("DmlExecutionProvider", "directml")
COREML = Provider(  # the neural engine is excluded, because it computes in half precision
    "CoreMLExecutionProvider", "coreml", (("ModelFormat", "MLProgram"), ("MLComputeUnits", "CPUAndGPU"))
)

PREFERRED = (CUDA, DIRECTML, COREML, CPU)


def requested_precision() -> Precision:
    """Return the precision that the environment variable EYEDIFF_PRECISION names, or float32 if it is not set.

    Raises
    ------
    UsageError
        If the variable has an unknown value.
    """
    requested = os.environ.get(PRECISION) or "float32"
    for known in get_args(Precision):
        if requested == known:
            return known  # type: ignore[no-any-return]
    raise UsageError(f"{PRECISION} is set to {requested!r}; expected one of {', '.join(get_args(Precision))}")


def is_available(provider: Provider) -> bool:
    """Return whether this installation of ONNX Runtime has a provider."""
    return provider.name in available_providers()


def available_providers() -> set[str]:
    """Return the names of the providers that this installation of ONNX Runtime has."""
    import onnxruntime  # noqa: PLC0415  # the import takes 50 ms

    return set(onnxruntime.get_available_providers())


def has_accelerator() -> bool:
    """Return whether `auto` chooses a provider other than the CPU.

    Notes
    -----
    On Linux, each provider for an accelerator is a separate library in the folder of onnxruntime. If the folder has no
    such library, onnxruntime is not imported.
    """
    if sys.platform == "linux" and (spec := find_spec("onnxruntime")) and spec.origin:
        libraries = {path.name for path in (Path(spec.origin).parent / "capi").glob("libonnxruntime_providers_*")}
        if libraries <= {"libonnxruntime_providers_shared.so"}:
            return False
    return choose_providers("auto")[0] is not CPU


def choose_providers(device: DeviceName) -> list[Provider]:
    """Return the providers for a device, the best one first. The device `auto` may have several providers.

    Raises
    ------
    DeviceError
        If the device is unknown, or if this installation of ONNX Runtime has no provider for it.
    """
    available = available_providers()
    if device == "auto":
        return [provider for provider in PREFERRED if provider.name in available]
    wanted = next((provider for provider in PREFERRED if provider.device == device), None)
    if wanted is None:
        raise DeviceError(f"{device!r} is not the name of a device; expected auto, cpu or cuda")
    if wanted.name not in available:
        raise DeviceError(
            f"the device {device} is not available: the installed onnxruntime has {', '.join(sorted(available))} only; "
            "replace onnxruntime by onnxruntime-gpu, or install a torch that finds a GPU, or use ",
            Setting("device", "cpu"),
        )
    return [wanted]
