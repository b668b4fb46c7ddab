"""Programs over the verbs in two halves: what is made of pixels by a trunk's layers to ncnn, the rest to ONNX Runtime.

ncnn multiplies less: its 3x3 convolutions are by Winograd's arithmetic (Lavin & Gray 2016, arXiv:1509.09308). What a
trunk does not do gains nothing there, and is stated once as it is, in ONNX. Needs the extra `ncnn`; `runners.py` alone
imports this, and late.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from ..values import PEAKS, Pixels
from ..verbs import Array
from .graph import Graph
from .ncnn_net import FLOAT32, VERSION, Draft, Loaded
from .onnxrt import INPUTS, OnnxRunner, Program, Programs

TO_THE_END = -233
"""What ncnn calls the end of an axis."""


class Halves(Graph):
    """The verbs, each as a layer of a draft for ncnn as long as all that it reads can be had there, else as a node.

    Each image has a draft of its own, so that ncnn takes one image at a time, all by the same network. What a node
    reads of ncnn's is an input of the graph. `arrays` are the names of inputs that both halves can read; those that are
    `void`, of no rows, which ncnn does not take, are left out where they would stand below other rows.
    """

    def __init__(self, images: Sequence[str], arrays: Sequence[str], void: frozenset[str]) -> None:
        super().__init__()
        self.drafts = {image: Draft() for image in images}
        self._arrays, self._void = frozenset(arrays), void
        self._places = {image: (image, self.drafts[image].say("Input")) for image in images}
        self._given: dict[tuple[str, str], str] = {}
        self.read: list[str] = []

    def place(self, name: str) -> tuple[str, str] | None:
        """The image in whose draft a value is made, and its name there."""
        return self._places.get(name)

    def reads(self, image: str) -> dict[str, str]:
        """The arrays that an image's draft reads, by their names there."""
        return {inside: array for (of, array), inside in self._given.items() if of == image}

    def _value(self, name: str) -> str:
        if (name in self._places or name in self._arrays) and name not in self.read:
            self.read.append(name)
        return super()._value(name)

    def _image(self, *names: str) -> str | None:
        """The image in whose draft all of these can be read, and one of them is made."""
        made = {place[0] for name in names if (place := self._places.get(name))}
        others = [name for name in names if name not in self._places and name not in self._arrays]
        return made.pop() if len(made) == 1 and not others else None

    def _layer(
        self, image: str, kind: str, *inputs: str, settings: str = "", figures: tuple[Array | bytes, ...] = ()
    ) -> str:
        draft = self.drafts[image]
        inside = []
        for name in inputs:
            if name in self._arrays and (image, name) not in self._given:
                self._given[image, name] = draft.say("Input")
            inside.append(self._given[image, name] if name in self._arrays else self._places[name][1])
        made = draft.say(kind, *inside, settings=settings, figures=figures)
        name = f"{image}_{made}"
        self._places[name] = image, made
        return name

    def conv(
        self,
        x: str,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> str:
        image = self._image(x)
        if image is None or groups != 1:
            return super().conv(x, weight, bias, stride=stride, pad=pad, groups=groups)
        rows, columns = pad if isinstance(pad, tuple) else (pad, pad)
        outputs, _, high, wide = weight.shape
        settings = (
            f"0={outputs} 1={wide} 11={high} 3={stride} 4={columns} 14={rows} 5={int(bias is not None)} 6={weight.size}"
        )
        figures: tuple[Array | bytes, ...] = (FLOAT32, weight) if bias is None else (FLOAT32, weight, bias)
        return self._layer(image, "Convolution", x, settings=settings, figures=figures)

    def relu(self, x: str) -> str:
        image = self._image(x)
        return super().relu(x) if image is None else self._layer(image, "ReLU", x)

    def maxpool(self, x: str, *, size: int, stride: int, ceil: bool) -> str:
        image = self._image(x)
        if image is None:
            return super().maxpool(x, size=size, stride=stride, ceil=ceil)
        # ncnn's own way to reach over the edge makes a window too many of sides shorter than a window
        over = stride - 1 if ceil else 0
        return self._layer(image, "Pooling", x, settings=f"0=0 1={size} 2={stride} 3=0 13=0 14={over} 15={over} 5=1")

    def concat(self, parts: Sequence[str]) -> str:
        image = self._image(*parts)
        return super().concat(parts) if image is None else self._layer(image, "Concat", *parts, settings="0=0")

    def rows(self, x: str, start: int, stop: int | None) -> str:
        image = self._image(x)
        if image is None or stop == 0:  # none: ncnn has no arrays of no rows
            return super().rows(x, start, stop)
        end = TO_THE_END if stop is None else stop
        return self._layer(image, "Crop", x, settings=f"-23309=1,{start} -23310=1,{end} -23311=1,1")

    def below(self, parts: Sequence[str]) -> str:
        image = self._image(*parts)
        if image is None:
            return super().below(parts)
        there = [part for part in parts if part not in self._void]
        return there[0] if len(there) == 1 else self._layer(image, "Concat", *there, settings="0=1")

    def affine(self, x: str, multiplier: Array, offset: Array | None = None) -> str:
        image = self._image(x)
        if image is None or multiplier.size == 1:
            return super().affine(x, multiplier, offset)
        added = () if offset is None else (offset,)
        settings = f"0={multiplier.size} 1={len(added)}"
        return self._layer(image, "Scale", x, settings=settings, figures=(multiplier, *added))


class NcnnRunner:
    """Turns programs into functions on pixels, on the processor; what is not ncnn's is computed by `onnx`.

    Keeps one network in ncnn's memory, so that each network should have a runner of its own.
    """

    def __init__(self, onnx: OnnxRunner) -> None:
        self._onnx = onnx
        self._lock = threading.Lock()
        self._last: tuple[str, list[Array | bytes], Loaded] | None = None

    @property
    def description(self) -> str:
        """What computes, for the header of a result."""
        return f"ncnn {VERSION} + {self._onnx.description}"

    @property
    def threads(self) -> int:
        """Threads that it keeps busy."""
        return self._onnx.threads

    def single(self) -> NcnnRunner:
        """A runner that uses one thread a call, for callers that bring threads of their own."""
        return NcnnRunner(self._onnx.single())

    def compile(self, program: Program, images: int) -> Callable[..., Array]:
        """A function of `images` batches of pixels (1 or 2)."""
        run = self.compile_many(lambda *values: [program(*values)], images, 0)
        return lambda *pixels: run(*pixels)[0]

    def compile_many(self, program: Programs, images: int, arrays: int) -> Callable[..., Sequence[Array]]:
        """A function of `images` batches of pixels and `arrays` arrays, N x C x H x W, with several results."""
        if not images:
            return self._onnx.compile_many(program, 0, arrays)
        return _Compiled(self, self._onnx, program, images, arrays)

    def load(self, text: str, draft: Draft) -> Loaded:
        """A network, ready to run. The last one is kept: it holds four times its weights, and most runs need one."""
        figures = draft.figures()
        with self._lock:
            last = self._last
            if last is None or last[0] != text or any(x is not y for x, y in zip(last[1], figures, strict=True)):
                last = self._last = None
                last = self._last = text, figures, Loaded(text, figures, self.threads)
            return last[2]


class _Compiled:
    """A program with what was made of it, by which of its arrays have no rows."""

    def __init__(self, runner: NcnnRunner, onnx: OnnxRunner, program: Programs, images: int, arrays: int) -> None:
        self._runner, self._onnx, self._program = runner, onnx, program
        self._images = INPUTS[:images]
        self._arrays = [f"array_{index}" for index in range(arrays)]
        self._made: dict[frozenset[str], _Made] = {}
        self._lock = threading.Lock()

    def __call__(self, *inputs: Pixels) -> Sequence[Array]:
        """The program's results, image by image; an array of one is for all of them."""
        if not len(inputs[0]):
            return self._onnx.compile_many(self._program, len(self._images), len(self._arrays))(*inputs)
        given = dict(zip([*self._images, *self._arrays], inputs, strict=True))
        void = frozenset(name for name in self._arrays if not given[name].shape[2])
        with self._lock:
            if void not in self._made:
                self._made[void] = _Made(self._onnx, self._program, self._images, self._arrays, void)
            made = self._made[void]
        found = []
        for index in range(len(inputs[0])):
            one = {name: value[min(index, len(value) - 1)][None] for name, value in given.items()}
            found.append(made(self._runner, one))
        return found[0] if len(found) == 1 else [np.concatenate(parts) for parts in zip(*found, strict=True)]


class _Made:
    """Both halves of a program, ready to be run."""

    def __init__(
        self, onnx: OnnxRunner, program: Programs, images: Sequence[str], arrays: Sequence[str], void: frozenset[str]
    ) -> None:
        halves = Halves(images, arrays, void)
        self._results = list(program(halves, *images, *arrays))
        behind = [name for name in self._results if halves.place(name) is None]
        model = halves.model({}, {f"{name}_out": name for name in behind}, halves.read)
        self._session = onnx.session(model.SerializeToString()) if behind else None
        self._halves, self._behind = halves, behind
        wanted = dict.fromkeys([*halves.read, *self._results])
        self._asked: dict[str, dict[str, str]] = {image: {} for image in images}
        for name in wanted:
            if (place := halves.place(name)) is not None and name not in images:
                self._asked[place[0]][name] = place[1]
        self._texts = {image: halves.drafts[image].text(asked.values()) for image, asked in self._asked.items()}

    def __call__(self, runner: NcnnRunner, given: dict[str, Array]) -> list[Array]:
        values = dict(given)
        for image, asked in self._asked.items():
            values[image] = _planes(given[image])
            inputs = {"v0": values[image][0]}
            inputs |= {inside: given[name][0] for inside, name in self._halves.reads(image).items()}
            net = runner.load(self._texts[image], self._halves.drafts[image])
            found = net.run(inputs, list(asked.values()))
            values |= {name: value[None] for name, value in zip(asked, found, strict=True)}
        if self._session is not None:
            feed = {name: values[name] for name in self._halves.read}
            values |= zip(self._behind, self._session.run(None, feed), strict=True)
        return [values[name] for name in self._results]


def _planes(pixels: Pixels) -> Array:
    """1 x H x W x 3 of a storage type to 1 x 3 x H x W in [-1, 1]."""
    planes = np.multiply(pixels.transpose(0, 3, 1, 2), np.float32(2 / PEAKS[pixels.dtype]), dtype=np.float32, order="C")
    planes -= 1
    return planes
