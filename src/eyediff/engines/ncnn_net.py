"""A network written for ncnn, and run by it. Needs the extra `ncnn`; `ncnn_runner.py` alone imports this.

ncnn reads its memory as it pleases and crashes where others raise: figures go in and come out as copies, and every
answer is looked at before what came with it.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from ..errors import EyediffError
from ..verbs import Array

WAITING = "OMP_WAIT_POLICY"


@contextmanager
def _patient() -> Iterator[None]:
    """Threads that are made meanwhile sleep while they wait, unless the user has said otherwise.

    ncnn's OpenMP reads this once, when it is loaded. By default they spin, which on a machine with other work keeps
    the very thread from running that is waited for: a pair then takes three times as long, and gains nothing elsewhere.
    """
    if WAITING in os.environ:
        yield
        return
    os.environ[WAITING] = "passive"
    try:
        yield
    finally:
        del os.environ[WAITING]


with _patient():
    import ncnn

VERSION: str = ncnn.__version__

MAGIC = "7767517"
"""The first line of every network's text."""

FLOAT32 = struct.pack("<I", 0)
"""Stands before the weights of a convolution: they are stored as they are."""

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


@dataclass
class Layer:
    """One layer: ncnn's kind, the values that it reads, its settings as ncnn writes them, and its figures."""

    kind: str
    inputs: tuple[str, ...]
    settings: str = ""
    figures: tuple[Array | bytes, ...] = ()


@dataclass
class Draft:
    """Layers as they are said, in order, each under the name of the value that it makes."""

    layers: dict[str, Layer] = field(default_factory=dict)

    def say(self, kind: str, *inputs: str, settings: str = "", figures: tuple[Array | bytes, ...] = ()) -> str:
        """Add a layer; the name of its value."""
        name = f"v{len(self.layers)}"
        self.layers[name] = Layer(kind, inputs, settings, figures)
        return name

    def text(self, outputs: Iterable[str]) -> str:
        """The network as ncnn reads it, by which `outputs` may be asked for.

        A value is read once: where more is asked of one, ncnn wants it divided, with a name for each reader; the one
        who asks for it from outside keeps its own name. A ReLU behind a convolution is done by the convolution.
        """
        readers = Counter(name for layer in self.layers.values() for name in layer.inputs)
        wanted = set(outputs)
        joined = {
            layer.inputs[0]: name
            for name, layer in self.layers.items()
            if layer.kind == "ReLU"
            and self.layers[layer.inputs[0]].kind == "Convolution"
            and readers[layer.inputs[0]] == 1
            and layer.inputs[0] not in wanted
        }
        lines, values, taken = list[str](), 0, Counter[str]()

        def written(kind: str, inputs: Sequence[str], made: Sequence[str], settings: str = "") -> None:
            nonlocal values
            values += len(made)
            lines.append(f"{kind} l{len(lines)} {len(inputs)} {len(made)} {' '.join([*inputs, *made, settings])}")

        for name, layer in self.layers.items():
            if name in joined.values():
                continue
            inputs = []
            for value in layer.inputs:
                divided = readers[value] + (value in wanted) > 1
                inputs.append(f"{value}_{taken[value]}" if divided else value)
                taken[value] += 1
            result, settings = (joined[name], f"{layer.settings} 9=1") if name in joined else (name, layer.settings)
            if readers[result] + (result in wanted) > 1:
                whole = result if layer.kind == "Input" else f"{result}_whole"  # an input is given under its own name
                written(layer.kind, inputs, [whole], settings)
                parts = [f"{result}_{index}" for index in range(readers[result])]
                written("Split", [whole], [*parts, *([result] if result in wanted else [])])
            else:
                written(layer.kind, inputs, [result], settings)
        return "\n".join([MAGIC, f"{len(lines)} {values}", *lines, ""])

    def figures(self) -> list[Array | bytes]:
        """The figures of all layers, in order."""
        return [part for layer in self.layers.values() for part in layer.figures]


class _Figures(ncnn.DataReader):  # type: ignore[misc] # ships types, but not of this
    """Hands ncnn the figures that it asks for, one after the other, out of our memory into its own."""

    def __init__(self, parts: Iterable[Array | bytes]) -> None:
        super().__init__()
        self._parts = iter(parts)

    def read(self, buffer: object, size: int) -> int:
        """Fill `size` bytes of ncnn's; 0 where we have something else, which makes ncnn refuse the network."""
        part = next(self._parts, b"")
        data = part if isinstance(part, bytes) else np.ascontiguousarray(part, "<f4").tobytes()
        if len(data) != size:
            return 0
        ctypes.memmove(_pointer(buffer, None), data, size)
        return size


class Loaded:
    """A network in ncnn's memory. Its values may be asked for from several threads."""

    def __init__(self, text: str, figures: Iterable[Array | bytes], threads: int) -> None:
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads, options.openmp_blocktime = threads, 0
        options.lightmode = True  # what nobody reads any more is freed
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_packed = options.use_bf16_storage = False
        options.use_vulkan_compute = False
        # Its own stores keep what was freed until the network goes; these are emptied after each image.
        self._stores = [ncnn.PoolAllocator(), ncnn.PoolAllocator()]
        for store in self._stores:
            store.set_size_compare_ratio(0.0)
        options.blob_allocator, options.workspace_allocator = self._stores
        reader = _Figures(figures)
        if self._net.load_param_mem(text) or self._net.load_model(reader):
            raise EyediffError("ncnn does not take this network; leave out EYEDIFF_ENGINE=ncnn")

    def run(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """The outputs for one image: arrays C x H x W, in and out. Raises EyediffError where ncnn gives up."""
        try:
            return self._run(inputs, outputs)
        finally:
            for store in self._stores:
                store.clear()

    def _run(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        extractor = self._net.create_extractor()
        for name, value in inputs.items():
            # A Mat of an array is a view that ncnn might outlive, with planes that are not aligned: its clone is sound.
            if extractor.input(name, ncnn.Mat(np.ascontiguousarray(value, np.float32)).clone()):
                raise EyediffError(f"ncnn does not take an array of {value.shape}")
        found = []
        for name in outputs:
            code, value = extractor.extract(name)
            if code or value.empty():
                shape = next(iter(inputs.values())).shape
                raise EyediffError(f"the engine gave up on {shape[2]}x{shape[1]}: ncnn says {code}")
            found.append(np.array(value))
        return found
