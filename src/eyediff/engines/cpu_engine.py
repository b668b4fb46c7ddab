"""Choose the library that computes networks and SSIM on the CPU: the native engine or ONNX Runtime.

This file imports neither ONNX Runtime nor numpy, so the choice takes little time.
"""

from __future__ import annotations

import os
from typing import Literal

from ..errors import DeviceError, UsageError
from .native.library import NativeEngineError, find_variant

EngineName = Literal["native", "onnxruntime"]

ENGINE = "EYEDIFF_ENGINE"
"""Environment variable that chooses the engine for networks and SSIM on the CPU.

Default: the native engine, if it is installed.
"""


def engine_name() -> EngineName:
    """Return the name of the engine that computes networks and SSIM on the CPU.

    Raises
    ------
    UsageError
        If the environment variable EYEDIFF_ENGINE has an unknown value.
    DeviceError
        If EYEDIFF_ENGINE requires the native engine, but this installation does not have it. The message says why.
    """
    requested = os.environ.get(ENGINE)
    if requested and requested not in ("native", "onnxruntime"):
        raise UsageError(f"{ENGINE} is set to {requested!r}; expected native or onnxruntime")
    if requested == "onnxruntime":
        return "onnxruntime"
    try:
        find_variant()
    except NativeEngineError as error:
        if requested:
            raise DeviceError(
                f"{ENGINE} is set to {requested!r}, but the native engine is not available: {error}"
            ) from error
        return "onnxruntime"
    return "native"


def engine_description() -> str:
    """Return the name of the engine that computes networks and SSIM on the CPU, for `eyediff --version`.

    The name is "onnxruntime", or "native" with an instruction set, such as "native avx2".
    """
    name = engine_name()
    return f"native {find_variant()}" if name == "native" else name
