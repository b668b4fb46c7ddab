"""Say what computes networks on the CPU: the native engine or ONNX Runtime, without importing numpy or either."""

from __future__ import annotations

import os
from typing import Literal

from ..errors import DeviceError, UsageError
from .native.library import NativeEngineError, find_variant

EngineName = Literal["native", "onnxruntime"]

ENGINE = "EYEDIFF_ENGINE"
"""Environment variable that chooses what computes networks on the CPU.

Default: the native engine, if it is installed.
"""


def engine_name() -> EngineName:
    """Return what computes networks on the CPU.

    Raises
    ------
    UsageError
        EYEDIFF_ENGINE names no engine.
    DeviceError
        EYEDIFF_ENGINE asks for the native engine, which this installation lacks; the message says why.
    """
    requested = os.environ.get(ENGINE)
    if requested and requested not in ("native", "onnxruntime"):
        raise UsageError(f"{ENGINE}={requested} was set, expected native or onnxruntime")
    if requested == "onnxruntime":
        return "onnxruntime"
    try:
        find_variant()
    except NativeEngineError as error:
        if requested:
            raise DeviceError(f"{ENGINE}=native was set, but there is no native engine: {error}") from error
        return "onnxruntime"
    return "native"


def engine_description() -> str:
    """Return what computes networks on the CPU, for `eyediff --version`: "native avx2" or "onnxruntime"."""
    name = engine_name()
    return f"native {find_variant()}" if name == "native" else name
