"""Compute metrics with torch on a GPU. Needs the extra `torch`.

Only `select_runner.py` imports this module, and only for CUDA. Pixels are copied from pinned memory to the device in
their storage type, and are converted to floats on the device.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..errors import DeviceError, EyediffError, Setting, describe_batch
from ..metrics.ops import Array
from ..records import PEAKS, Pixels
from .onnx_providers import Precision
from .torch_ops import Constant, TorchOps

TorchDeviceName: TypeAlias = Literal["cpu", "cuda"]

Program = Callable[..., Tensor]
Programs = Callable[..., Sequence[Tensor]]

TYPES = {
    np.dtype(np.uint8): torch.uint8,
    np.dtype(np.uint16): torch.uint16,
    np.dtype(np.float32): torch.float32,
}

PRECISION_LOCK = threading.Lock()
"""Lock of the convolution precision, which torch has once for the whole process.

A call holds this lock, sets the precision, and restores it at the end.
"""


def has_gpu() -> bool:
    """Return whether this torch finds a GPU."""
    return torch.cuda.is_available()


def require_device(name: TorchDeviceName) -> torch.device:
    """Return a device of torch. Raises DeviceError if `name` is "cuda" and torch finds no GPU."""
    if name == "cuda" and not has_gpu():
        raise DeviceError("the installed torch finds no CUDA device; use ", Setting("device", "cpu"))
    return torch.device(name)


class TorchRunner:
    """Runner that computes programs with torch on one device.

    A program is a function that states a metric in the operations of `metrics/ops.py`.

    Parameters
    ----------
    device : str
        Name of a torch device.
    precision : {"float32", "tf32", "bfloat16"}
        Precision of convolutions. "float32" is exact, whatever the settings of torch are. "tf32" keeps 10 bits of
        each factor, which gives relative errors of about 1e-3. "bfloat16" keeps 8 bits, which gives relative errors
        of about 1e-2.

    Notes
    -----
    For another batch size, cuDNN may choose another algorithm for a convolution. This may change the last digits (1e-6)
    of a distance.
    """

    threads = 1  # one thread keeps a GPU busy

    def __init__(self, device: str = "cuda", precision: Precision = "float32") -> None:
        self._device, self._precision = torch.device(device), precision
        self._ops = CachedTorchOps()

    @property
    def description(self) -> str:
        """Name, version and device of torch, and any precision below float32. The results record this text."""
        name = f"torch {torch.__version__} {self._device.type}"
        return name if self._precision == "float32" else f"{name} {self._precision}"

    def single(self) -> TorchRunner:
        """Return this runner, because the device manages its own threads."""
        return self

    def compile(self, program: Program, images: int) -> Callable[..., Array]:
        """Return a function that runs the program on `images` batches of pixels.

        The batches are N x H x W x 3, and all have the same storage type. The function raises EyediffError if the
        device fails. For large images, the usual reason is that the device has not enough memory.
        """
        run = self.compile_many(lambda *values: [program(*values)], images, 0)
        return lambda *pixels: run(*pixels)[0]

    def compile_many(self, program: Programs, images: int, arrays: int) -> Callable[..., list[Array]]:
        """Return a function that takes pixels and other arrays, and returns several results.

        It takes `images` batches of pixels, N x H x W x 3, and then `arrays` arrays, N x C x H x W.
        """

        def run(*inputs: Any) -> list[Array]:
            if len(inputs) != images + arrays:
                raise TypeError(f"{len(inputs)} inputs were given; expected {images + arrays}")
            try:
                return self._run(program, inputs[:images], inputs[images:])
            except RuntimeError as error:  # torch raises it when memory runs out
                reason = str(error).splitlines()[0]
                raise EyediffError(f"the engine failed on {_describe_input(inputs[0], images)}: {reason}") from error

        return run

    def _run(self, program: Programs, pixels: Sequence[Pixels], arrays: Sequence[Array]) -> list[Array]:
        autocast = torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16")
        with torch.inference_mode(), _convolution_precision(self._precision), autocast:
            moved = [_move(batch, self._device) for batch in pixels]  # starts all copies before it waits for one
            images = [_image(tensor, batch.dtype) for tensor, batch in zip(moved, pixels, strict=True)]
            tensors = [_move(array, self._device) for array in arrays]
            return [result.float().cpu().numpy() for result in program(self._ops, *images, *tensors)]


def _describe_input(first: Array, images: int) -> str:
    return describe_batch(first.shape) if images else f"features of shape {first.shape}"


class CachedTorchOps(TorchOps):
    """Implementation of the operations in torch that caches constants on the device.

    A cached constant is removed when its array is freed.
    """

    def __init__(self) -> None:
        self._tensors: dict[tuple[int, torch.dtype], tuple[weakref.ref[Any], Tensor]] = {}

    def constant(self, value: Constant, like: Tensor) -> Tensor:
        """Return a constant as a tensor like `like`. An array is copied to the device once for each data type."""
        if isinstance(value, Tensor):
            return super().constant(value, like)
        key = id(value), like.dtype
        if key not in self._tensors:
            forget = weakref.ref(value, lambda _: self._tensors.pop(key, None))
            self._tensors[key] = forget, super().constant(torch.tensor(value), like)
        return self._tensors[key][1]


@contextmanager
def _convolution_precision(precision: Precision) -> Iterator[None]:
    """Make convolutions use full float32, or TF32 if `precision` is "tf32". The default of torch is TF32."""
    cudnn, tf32 = torch.backends.cudnn, precision == "tf32"
    # torch 2.9 and later have a second switch, which has priority over the first.
    second = {"fp32_precision": "tf32" if tf32 else "ieee"} if hasattr(cudnn, "fp32_precision") else {}
    with PRECISION_LOCK, cudnn.flags(enabled=True, deterministic=True, allow_tf32=tf32, **second):
        yield


def _move(pixels: Pixels | Array, device: torch.device) -> Tensor:
    """Return a copy of an array on the device.

    The array is copied, because torch cannot share read-only memory, and decoded images may be read-only.
    """
    waiting = torch.empty(pixels.shape, dtype=TYPES[pixels.dtype], pin_memory=device.type == "cuda")
    np.copyto(waiting.numpy(), pixels)
    return waiting.to(device, non_blocking=True)


def _image(pixels: Tensor, dtype: np.dtype[np.generic]) -> Tensor:
    """Convert pixels of storage type `dtype`, N x H x W x 3, to float32 values in [-1, 1], N x 3 x H x W."""
    return (pixels.permute(0, 3, 1, 2).to(torch.float32) * (2 / PEAKS[dtype]) - 1).contiguous()
