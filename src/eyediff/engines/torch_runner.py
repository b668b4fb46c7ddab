"""Programs over the verbs, run by torch on a GPU. Needs the extra `torch`; `runners.py` alone imports this, and late.

Pixels travel as they are stored, from pinned memory, and become floats on the device.
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

from ..errors import DeviceError, EyediffError, Setting
from ..metrics.ops import Array
from ..records import PEAKS, Pixels
from .onnx_providers import Precision
from .torch_ops import Constant, TorchVerbs

TorchDeviceName: TypeAlias = Literal["cpu", "cuda"]

Program = Callable[..., Tensor]
Programs = Callable[..., Sequence[Tensor]]

TYPES = {
    np.dtype(np.uint8): torch.uint8,
    np.dtype(np.uint16): torch.uint16,
    np.dtype(np.float32): torch.float32,
}

ONE_AT_A_TIME = threading.Lock()
"""torch keeps its precision of convolutions for the whole process: it is set during a call, and put back after it."""


def usable() -> bool:
    """Whether this torch sees a GPU."""
    return torch.cuda.is_available()


def require_device(name: TorchDeviceName) -> torch.device:
    """Return a device of torch. Raises DeviceError if torch sees no GPU."""
    if name == "cuda" and not usable():
        raise DeviceError("this torch sees no CUDA device; use ", Setting("device", "cpu"))
    return torch.device(name)


class TorchRunner:
    """Turns programs into functions on pixels, computed by torch on one device.

    Precision: "float32" is exact float32, whatever torch is set to; "tf32" keeps 10 bits of what is multiplied (errors
    of about 1e-3 of a distance), "bfloat16" 8 bits in convolutions (1e-2). Which convolution cuDNN takes may follow the
    size of a batch, and with it the last digits (1e-6) of a distance.
    """

    threads = 1  # a GPU is fed by one

    def __init__(self, device: str = "cuda", precision: Precision = "float32") -> None:
        self._device, self._precision = torch.device(device), precision
        self._verbs = KeptVerbs()

    @property
    def description(self) -> str:
        """What computes, for the header of a result; a precision other than float32 is named."""
        name = f"torch {torch.__version__} {self._device.type}"
        return name if self._precision == "float32" else f"{name} {self._precision}"

    def single(self) -> TorchRunner:
        """Itself: its threads are the device's affair."""
        return self

    def compile(self, program: Program, images: int) -> Callable[..., Array]:
        """A function of `images` batches of pixels, N x H x W x 3 of one storage type.

        The function raises EyediffError where the device gives up, which for large images means memory.
        """
        run = self.compile_many(lambda *values: [program(*values)], images, 0)
        return lambda *pixels: run(*pixels)[0]

    def compile_many(self, program: Programs, images: int, arrays: int) -> Callable[..., list[Array]]:
        """A function of `images` batches of pixels and `arrays` arrays, N x C x H x W, with several results."""

        def run(*inputs: Any) -> list[Array]:
            if len(inputs) != images + arrays:
                raise TypeError(f"{len(inputs)} inputs were given, expected {images + arrays}")
            try:
                return self._run(program, inputs[:images], inputs[images:])
            except RuntimeError as error:  # torch's running out of memory is one
                reason = str(error).splitlines()[0]
                raise EyediffError(f"the engine gave up on {_what(inputs[0], images)}: {reason}") from error

        return run

    def _run(self, program: Programs, pixels: Sequence[Pixels], arrays: Sequence[Array]) -> list[Array]:
        half = torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bfloat16")
        with torch.inference_mode(), _multiplied(self._precision), half:
            moved = [_move(batch, self._device) for batch in pixels]  # both are under way before either is waited for
            images = [_image(there, batch.dtype) for there, batch in zip(moved, pixels, strict=True)]
            others = [_move(array, self._device) for array in arrays]
            return [result.float().cpu().numpy() for result in program(self._verbs, *images, *others)]


def _what(first: Array, images: int) -> str:
    if not images:
        return f"features of shape {first.shape}"
    n, height, width, _ = first.shape
    return f"{n} x {width}x{height}"


class KeptVerbs(TorchVerbs):
    """The verbs with their constants kept on the device, for as long as the arrays live that they were made of."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, torch.dtype], tuple[weakref.ref[Any], Tensor]] = {}

    def constant(self, value: Constant, like: Tensor) -> Tensor:
        """As there; an array is copied once a type."""
        if isinstance(value, Tensor):
            return super().constant(value, like)
        key = id(value), like.dtype
        if key not in self._kept:
            forget = weakref.ref(value, lambda _: self._kept.pop(key, None))
            self._kept[key] = forget, super().constant(torch.tensor(value), like)
        return self._kept[key][1]


@contextmanager
def _multiplied(precision: Precision) -> Iterator[None]:
    """Convolutions in full float32, or in TF32 where that was asked for: torch's default is TF32."""
    cudnn, tf32 = torch.backends.cudnn, precision == "tf32"
    # From torch 2.9 on there is a second switch, which goes before the first.
    second = {"fp32_precision": "tf32" if tf32 else "ieee"} if hasattr(cudnn, "fp32_precision") else {}
    with ONE_AT_A_TIME, cudnn.flags(enabled=True, deterministic=True, allow_tf32=tf32, **second):
        yield


def _move(pixels: Pixels | Array, device: torch.device) -> Tensor:
    """Figures on the device. Decoded images may be read-only, which torch does not share, so they are copied anyway."""
    waiting = torch.empty(pixels.shape, dtype=TYPES[pixels.dtype], pin_memory=device.type == "cuda")
    np.copyto(waiting.numpy(), pixels)
    return waiting.to(device, non_blocking=True)


def _image(pixels: Tensor, dtype: np.dtype[np.generic]) -> Tensor:
    """N x H x W x 3 of a storage type to N x 3 x H x W in [-1, 1]."""
    return (pixels.permute(0, 3, 1, 2).to(torch.float32) * (2 / PEAKS[dtype]) - 1).contiguous()
