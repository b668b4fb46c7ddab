"""Compute metrics with ONNX Runtime.

A program is a function that states a metric in the operations of `metrics/ops.py`. It is compiled into one ONNX graph
for each storage type of pixels. A graph is built when it is first needed. It accepts batches and images of every size,
so it is built only once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache

import numpy as np
import onnxruntime as ort

from ..defaults import workers
from ..errors import DeviceError, EyediffError, Setting, describe_batch
from ..fork_safe import OfProcess
from ..metrics.ops import Array
from ..records import Pixels
from .onnx_ops import Graph
from .onnx_providers import DeviceName, Provider, choose_providers

Program = Callable[..., str]
"""A function that states a metric in operations. It takes a Graph and the names of the images in this graph.

It returns the name of its result in the graph.
"""

Programs = Callable[..., Sequence[str]]
"""A program with several results. It takes a Graph, the names of images and the names of other arrays."""

INPUTS = ("reference", "candidate")


class OnnxRunner:
    """Runner that computes programs with ONNX Runtime on one device.

    A program is a function that states a metric in the operations of `metrics/ops.py`.

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
        """Name, version and device of the library that computes. The results record this text."""
        return f"onnxruntime {ort.__version__} {self._provider.device}"

    def single(self) -> OnnxRunner:
        """Return a runner on the same device with one thread for each call, for callers that have their own threads."""
        return OnnxRunner(self._device, threads=1)

    def compile(self, program: Program, images: int) -> Callable[..., Array]:
        """Return a function that runs the program on `images` batches of pixels."""
        compiled = CompiledProgram(self, lambda *values: [program(*values)], images)
        return lambda *pixels: compiled(*pixels)[0]

    def compile_many(self, program: Programs, images: int, arrays: int) -> Callable[..., list[Array]]:
        """Return a function that takes pixels and other arrays, and returns several results.

        It takes `images` batches of pixels, N x H x W x 3, and then `arrays` arrays, N x C x H x W.
        """
        return CompiledProgram(self, program, images, arrays)

    def create_session(self, graph: bytes) -> ort.InferenceSession:
        """Create a session that runs an encoded graph. Raises DeviceError if the device refuses the graph."""
        return _create_session(graph, self._provider, self.threads)


class _Sessions:
    """The sessions of one program, one for each storage type of the pixels.

    Threads hold `lock` while they look for a session or create one.
    """

    def __init__(self) -> None:
        self.by_type: dict[np.dtype[np.generic] | None, ort.InferenceSession] = {}
        self.lock = threading.Lock()


class CompiledProgram:
    """A program that ONNX Runtime can run. It has one session for each storage type of the pixels."""

    def __init__(self, runner: OnnxRunner, program: Programs, images: int, arrays: int = 0) -> None:
        self._runner, self._program, self._names = runner, program, INPUTS[:images]
        self._arrays = [f"array_{index}" for index in range(arrays)]
        self._sessions = OfProcess(_Sessions)

    def __call__(self, *inputs: Pixels) -> list[Array]:
        """Return the results of the program for batches of pixels, N x H x W x 3, and other arrays.

        All batches must have the same storage type.

        Raises
        ------
        EyediffError
            If the engine fails. For large images, the usual reason is that there is not enough memory.
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
    """Describe the first input of a program for a message: the size of images, or the shape of features."""
    if first.shape[-1] == 3:
        return describe_batch(first.shape)
    return f"arrays of shape {first.shape}"


@cache
def _first_working(providers: tuple[Provider, ...]) -> Provider:
    """Return the first provider that starts. A provider does not start if its libraries or its GPU are missing.

    The last provider is returned without a trial. The choice is made before any computation, because the description of
    the results names the provider.
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
    options.log_severity_level = 4  # no log on the terminal: ONNX Runtime also reports errors as exceptions
    try:
        session = ort.InferenceSession(graph, options, providers=[(provider.name, dict(provider.options))])
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DeviceError(f"the device {provider.device} cannot start: {reason}") from error
    if session.get_providers()[0] != provider.name:  # ONNX Runtime falls back to the CPU without an exception
        raise DeviceError(f"the device {provider.device} cannot start; use ", Setting("device", "cpu"))
    return session
