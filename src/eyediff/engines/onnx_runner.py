"""Run programs with ONNX Runtime.

A program becomes one graph for each storage type of pixels. The graph is built on first use. It accepts every batch and
every size, so it is never built again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache

import numpy as np
import onnxruntime as ort

from ..defaults import workers
from ..errors import DeviceError, EyediffError, Setting
from ..fork_safe import OfProcess
from ..metrics.ops import Array
from ..records import Pixels
from .onnx_ops import Graph
from .onnx_providers import DeviceName, Provider, choose_providers

Program = Callable[..., str]
"""A metric in operations. It is called with a Graph and the names of its images, and returns the name of its result."""

Programs = Callable[..., Sequence[str]]
"""A program with several results. It is called with the names of images and of arrays."""

INPUTS = ("reference", "candidate")


class OnnxRunner:
    """Compile programs into functions of pixels on one device.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"}
        Device that computes.
    threads : int, optional
        Number of threads. Default: one for each core of the CPU.

    Raises
    ------
    DeviceError
        If the device is not available.
    """

    def __init__(self, device: DeviceName = "auto", threads: int | None = None) -> None:
        self._device, self._provider = device, _first_working(tuple(choose_providers(device)))
        self.threads = threads or workers()

    @property
    def description(self) -> str:
        """Name, version and device of the library that computes, for the header of a result."""
        return f"onnxruntime {ort.__version__} {self._provider.device}"

    def single(self) -> OnnxRunner:
        """Return a runner on the same device with one thread for each call. Callers with several threads use it."""
        return OnnxRunner(self._device, threads=1)

    def compile(self, program: Program, images: int) -> Callable[..., Array]:
        """Return a function that takes `images` batches of pixels (1 or 2)."""
        compiled = CompiledProgram(self, lambda *values: [program(*values)], images)
        return lambda *pixels: compiled(*pixels)[0]

    def compile_many(self, program: Programs, images: int, arrays: int) -> Callable[..., list[Array]]:
        """Return a function of `images` batches of pixels and `arrays` arrays, N x C x H x W, with several results."""
        return CompiledProgram(self, program, images, arrays)

    def create_session(self, graph: bytes) -> ort.InferenceSession:
        """Create a session that runs an encoded graph. Raises DeviceError if the device refuses the graph."""
        return _create_session(graph, self._provider, self.threads)


class _Sessions:
    """Sessions by storage type of the pixels. `lock` is held while a session is created."""

    def __init__(self) -> None:
        self.by_type: dict[np.dtype[np.generic] | None, ort.InferenceSession] = {}
        self.lock = threading.Lock()


class CompiledProgram:
    """A program and its sessions, one for each storage type of the pixels."""

    def __init__(self, runner: OnnxRunner, program: Programs, images: int, arrays: int = 0) -> None:
        self._runner, self._program, self._names = runner, program, INPUTS[:images]
        self._arrays = [f"array_{index}" for index in range(arrays)]
        self._sessions = OfProcess(_Sessions)

    def __call__(self, *inputs: Pixels) -> list[Array]:
        """Compute the results of the program from pixels, N x H x W x 3 of one storage type, and from arrays.

        Raises
        ------
        EyediffError
            If the engine fails. With large images, the usual reason is memory.
        """
        session = self._session(inputs[0].dtype if self._names else None)
        names = [*self._names, *self._arrays]
        feed = {name: np.ascontiguousarray(value) for name, value in zip(names, inputs, strict=True)}
        try:
            results: list[Array] = session.run(None, feed)
        except (MemoryError, RuntimeError) as error:  # the exceptions of onnxruntime are RuntimeErrors
            reason = str(error).splitlines()[0]
            raise EyediffError(f"the engine failed on {_describe_input(inputs[0])}: {reason}") from error
        return results

    def _session(self, dtype: np.dtype[np.generic] | None) -> ort.InferenceSession:
        sessions = self._sessions.value
        with sessions.lock:
            if dtype not in sessions.by_type:
                graph = Graph()
                images = {} if dtype is None else {name: graph.image(name, dtype) for name in self._names}
                results = self._program(graph, *images.values(), *self._arrays)
                outputs = {f"result_{index}": result for index, result in enumerate(results)}
                model = graph.model({} if dtype is None else dict.fromkeys(images, dtype), outputs, self._arrays)
                sessions.by_type[dtype] = self._runner.create_session(model)
            return sessions.by_type[dtype]


def _describe_input(first: Pixels) -> str:
    """Describe the first input for a message. It has pixels, or features if there are no pixels."""
    if first.shape[-1] == 3:
        return f"{first.shape[0]} x {first.shape[2]}x{first.shape[1]}"
    return f"arrays of shape {first.shape}"


@cache
def _first_working(providers: tuple[Provider, ...]) -> Provider:
    """Return the first provider that starts, since a provider may lack its libraries or a GPU. The last is not tried.

    This is decided before any computation, because the header of a result names the provider.
    """
    if len(providers) == 1:
        return providers[0]
    graph, pixels, kind = Graph(), "pixels", np.dtype(np.uint8)
    smallest = graph.model({pixels: kind}, {"result": graph.image(pixels, kind)}, [])
    for provider in providers[:-1]:
        with suppress(DeviceError):
            _create_session(smallest, provider, 1)
            return provider
    return providers[-1]


def _create_session(graph: bytes, provider: Provider, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False  # it doubles the peak memory when shapes repeat, and saves no time
    options.log_severity_level = 4  # its log would mix with ours; it reports real errors as exceptions
    try:
        session = ort.InferenceSession(graph, options, providers=[(provider.name, dict(provider.options))])
    except (RuntimeError, ValueError) as error:
        raise DeviceError(f"{provider.device} cannot start: {str(error).splitlines()[0]}") from error
    if session.get_providers()[0] != provider.name:  # ONNX Runtime falls back to the CPU without an exception
        raise DeviceError(f"{provider.device} cannot start; use ", Setting("device", "cpu"))
    return session
