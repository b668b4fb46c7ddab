"""Programs over the verbs, run by ONNX Runtime.

A program becomes one graph a storage type of pixels, built when it is first needed. The graph takes any batch and any
size, so nothing is built again when the images change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from ..defaults import workers
from ..errors import DeviceError, EyediffError
from ..values import Pixels
from .devices import DeviceName, Provider, choose
from .graph import Graph

Program = Callable[..., str]
"""A metric over `Verbs`: called with a Graph and the names of its images, it returns the name of its result."""

INPUTS = ("reference", "candidate")


class OnnxRunner:
    """Turns programs into functions on pixels, all on one device.

    `device` is "auto", "cpu" or "cuda"; raises DeviceError where it is not to be had. `threads` None: every core.
    """

    def __init__(self, device: DeviceName = "auto", threads: int | None = None) -> None:
        self._device, self._providers = device, choose(device)
        self.threads = threads or workers()

    @property
    def description(self) -> str:
        """What computes, for the header of a result."""
        return f"onnxruntime {ort.__version__} {self._providers[0].device}"

    def single(self) -> OnnxRunner:
        """A runner on the same device that uses one thread a call, for callers that bring threads of their own."""
        return OnnxRunner(self._device, threads=1)

    def compile(self, program: Program, images: int) -> Compiled:
        """A function of `images` batches of pixels (1 or 2)."""
        return Compiled(self, program, images)

    def session(self, graph: bytes) -> ort.InferenceSession:
        """A session on the best provider that starts; an `auto` provider that fails is struck off the list."""
        while True:
            provider = self._providers[0]
            try:
                return _start(graph, provider, self.threads)
            except DeviceError:
                if len(self._providers) == 1:
                    raise
                self._providers = self._providers[1:]


class Compiled:
    """A program with its sessions by storage type."""

    def __init__(self, runner: OnnxRunner, program: Program, images: int) -> None:
        self._runner, self._program, self._names = runner, program, INPUTS[:images]
        self._sessions: dict[np.dtype[np.generic], ort.InferenceSession] = {}
        self._lock = threading.Lock()

    def __call__(self, *images: Pixels) -> npt.NDArray[np.float32]:
        """The program's result for N x H x W x 3 pixels of one storage type.

        Raises EyediffError where the engine gives up, which for large images means memory.
        """
        session = self._session(images[0].dtype)
        feed = {name: np.ascontiguousarray(pixels) for name, pixels in zip(self._names, images, strict=True)}
        try:
            result: npt.NDArray[np.float32] = session.run(None, feed)[0]
        except (MemoryError, RuntimeError) as error:  # onnxruntime's own exceptions are RuntimeErrors
            n, height, width, _ = images[0].shape
            reason = str(error).splitlines()[0]
            raise EyediffError(f"the engine gave up on {n} x {width}x{height}: {reason}") from error
        return result

    def _session(self, dtype: np.dtype[np.generic]) -> ort.InferenceSession:
        with self._lock:
            if dtype not in self._sessions:
                graph = Graph()
                images = [graph.image(name, dtype) for name in self._names]
                result = self._program(graph, *images)
                model = graph.model(dict.fromkeys(self._names, dtype), {"result": result})
                self._sessions[dtype] = self._runner.session(model.SerializeToString())
            return self._sessions[dtype]


def _start(graph: bytes, provider: Provider, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its own log would mix with ours; what matters arrives as an exception
    try:
        session = ort.InferenceSession(graph, options, providers=[(provider.name, dict(provider.options))])
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"{provider.device} does not start: {str(error).splitlines()[0]}") from error
    if session.get_providers()[0] != provider.name:  # ONNX Runtime falls back to the CPU without an exception
        raise DeviceError(f"{provider.device} does not start; `--device cpu` works everywhere")
    return session
