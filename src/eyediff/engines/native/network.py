"""A network of LPIPS in the native engine: pixels and features in, distances, maps and features out."""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import EyediffError
from ...fork_safe import OfProcess
from ...metrics.backbones import Conv, Fire, Pool
from ...metrics.lpips import Network
from ...metrics.ops import Array
from ...records import Features, Numbers, Pixels
from .library import OUT_OF_MEMORY, Call, find_variant, load_library

PIXEL_TYPES = {np.dtype(np.uint8): 0, np.dtype(np.uint16): 1, np.dtype(np.float32): 2}


class NativeNetwork:
    """The weights of a network, transformed, and the memory to compute with them.

    Parameters
    ----------
    network : Network
        What is computed.
    threads : int
        Threads of a call, the calling one included. Calls from several threads run side by side.
    variant : str, optional
        The instruction set: "avx512", "avx2" or "baseline"; by default the best of this processor.

    Notes
    -----
    Features are N x H x W x C here. A distance does not depend on the batch or on the number of threads, bit for bit.
    """

    def __init__(self, network: Network, threads: int, variant: str | None = None) -> None:
        self._library, self._network, self._threads = load_library(), network, threads
        self.variant = find_variant(variant)
        multiplier, offset = network.scaling or (np.ones(3), np.zeros(3))
        gain = (ctypes.c_float * 3)(*(2.0 * np.asarray(multiplier, np.float64)))
        shift = (ctypes.c_float * 3)(*(np.asarray(offset, np.float64) - np.asarray(multiplier, np.float64)))
        handle = self._library.eyediff_network_new(None if variant is None else variant.encode(), gain, shift)
        if not handle:
            raise EyediffError(f"the native engine has no instruction set {variant!r} on this processor")
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.eyediff_network_free, self._handle)
        for layer in network.trunk.layers:
            self._add(layer)
        self._tap_channels = network.trunk.taps
        self.weight_bytes: int = self._library.eyediff_network_bytes(self._handle)
        """Bytes of the transformed weights: four times those of a 3x3 convolution."""
        self._workspaces = OfProcess(lambda: _Workspaces(self._library, self._handle, threads))

    def needed(self, height: int, width: int) -> int:
        """Return the bytes that a pair of images of this size takes, the weights included."""
        used = self._library.eyediff_workspace_bytes(self._handle, self._threads, 2, height, width)
        return int(used) + self.weight_bytes

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Return each tap's share of each distance: N x L."""
        return self._run(a, b)

    def against(self, kept: Features, b: Pixels) -> Numbers:
        """Return `layers` of images whose features were kept, or of one, against as many candidates."""
        return self._run(None, b, kept=kept)

    def features(self, x: Pixels) -> Features:
        """Return the unit vectors of every tap: N x H_l x W_l x C_l each."""
        found = tuple(
            np.empty((len(x), height, width, channels), np.float32)
            for channels, height, width in self._network.trunk.tapped(*x.shape[1:3])
        )
        self._run(None, x, features=found)
        return found

    def terms(self, a: Pixels, b: Pixels) -> list[Array]:
        """Return what each tap says at each of its places: N x H_l x W_l each."""
        found = [np.empty((len(a), *size[1:]), np.float32) for size in self._network.trunk.tapped(*a.shape[1:3])]
        self._run(a, b, terms=found)
        return found

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the distance at every pixel: N x H x W."""
        return self.enlarge(self.terms(a, b), *a.shape[1:3])

    def enlarge(self, terms: Sequence[Array], height: int, width: int) -> Array:
        """Return the sum of the terms of all taps, each enlarged to height x width."""
        found = np.empty((len(terms[0]), height, width), np.float32)
        sizes = [(ctypes.c_int32 * len(terms))(*(term.shape[axis] for term in terms)) for axis in (1, 2)]
        with self._workspace() as work:
            pointers = _pointers(terms)
            _check(
                self._library.eyediff_enlarge(work, pointers, *sizes, len(found), height, width, found.ctypes.data),
                found.shape,
            )
        return found

    def between(self, a: Features, b: Features) -> Numbers:
        """Return `layers` of images whose features were kept."""
        found = np.empty((len(self._tap_channels), len(b[0])))
        with self._workspace() as work:
            for tap, (of_a, of_b) in enumerate(zip(a, b, strict=True)):
                first, second = np.ascontiguousarray(of_a), np.ascontiguousarray(of_b)
                sums = found[tap].ctypes.data_as(ctypes.POINTER(ctypes.c_double))
                count, height, width, _ = second.shape
                arguments = (first.ctypes.data, len(first), second.ctypes.data, count, height, width, sums)
                _check(self._library.eyediff_compare(work, tap, *arguments), second.shape)
                found[tap] /= height * width
        return found.T

    def points(self, kept: Features) -> Array:
        """Return the embeddings of images whose features were kept: N x D."""
        roots = self._network.roots or [np.ones(channels, np.float32) for channels in self._tap_channels]
        parts = [
            (feature * (root / np.sqrt(np.float32(feature.shape[1] * feature.shape[2]))))
            .transpose(0, 3, 1, 2)
            .reshape(len(feature), -1)
            for feature, root in zip(kept, roots, strict=True)
        ]
        return np.concatenate(parts, 1)

    @contextmanager
    def strips(self) -> Iterator[NativeStrips]:
        """Compute one pair strip by strip: what layers keep from strip to strip lives in here."""
        with self._workspace() as work:
            yield NativeStrips(self, work)

    @contextmanager
    def _workspace(self) -> Iterator[ctypes.c_void_p]:
        with self._workspaces.value.borrow() as work:
            yield work

    def _add(self, layer: Any) -> None:
        library, handle, parameters = self._library, self._handle, self._network.parameters
        convolutions: Sequence[tuple[int, Conv]] = ()
        if isinstance(layer, Conv):
            convolutions = [(0, layer)]
        elif isinstance(layer, Fire):
            convolutions = list(enumerate(layer.convs))  # 1 and 2 are the halves of what is joined
        for part, conv in convolutions:
            weight, bias = (
                np.ascontiguousarray(parameters[f"{conv.key}.{name}"], np.float32) for name in ("weight", "bias")
            )
            shape = (part, conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.pad)
            _check(
                library.eyediff_add_convolution(handle, *shape, weight.ctypes.data, bias.ctypes.data), weight.shape
            )
        if isinstance(layer, Pool):
            _check(library.eyediff_add_pooling(handle, layer.size, layer.stride, int(layer.ceil)), (layer.size,))
        elif not convolutions:
            self._add_tap()

    def _add_tap(self) -> None:
        self._taps_added = getattr(self, "_taps_added", -1) + 1
        channels, heads = self._network.trunk.taps[self._taps_added], self._network.heads
        weights = np.ones(channels) if heads is None else heads[self._taps_added]
        weights = np.ascontiguousarray(weights, np.float32)
        _check(self._library.eyediff_add_tap(self._handle, channels, weights.ctypes.data), weights.shape)

    def _run(
        self,
        a: Pixels | None,
        b: Pixels,
        *,
        kept: Features | None = None,
        terms: Sequence[Array] | None = None,
        features: Features | None = None,
    ) -> Numbers:
        """Run a batch of whole images; the shares of each tap, N x L."""
        sums = np.zeros((len(b), len(self._tap_channels)))
        with self._workspace() as work:
            run_call(self._library, work, a, b, sums, kept=kept, terms=terms, features=features)
        areas = [height * width for _, height, width in self._network.trunk.tapped(*b.shape[1:3])]
        shares: Numbers = sums / areas
        return shares


class NativeStrips:
    """One pair of images, strip after strip, from the first to the last."""

    def __init__(self, network: NativeNetwork, work: ctypes.c_void_p) -> None:
        self._library, self._work, self._trunk = network._library, work, network._network.trunk

    def terms(self, a: Pixels, b: Pixels, rows: slice, shapes: Sequence[tuple[int, int]], turned: bool) -> list[Array]:
        """Return the terms, 1 x H_l x W_l each, of the rows that a strip completes; columns of a `turned` image.

        `shapes`: rows and columns that the strip completes at each tap.
        """
        found = [np.empty((1, *shape), np.float32) for shape in shapes]
        sums = np.zeros((1, len(found)))
        run_call(self._library, self._work, a, b, sums, terms=found, rows=rows, turned=turned)
        return found


def run_call(
    library: ctypes.CDLL,
    work: ctypes.c_void_p,
    a: Pixels | None,
    b: Pixels,
    sums: Numbers,
    *,
    kept: Features | None = None,
    terms: Sequence[Array] | None = None,
    features: Features | None = None,
    rows: slice | None = None,
    turned: bool = False,
) -> None:
    """Fill in the structure of a call and run it."""
    second = np.ascontiguousarray(b)
    first = None if a is None else np.ascontiguousarray(a)
    if first is not None and (first.dtype != second.dtype or first.shape != second.shape):
        raise TypeError(f"{first.shape} of {first.dtype} against {second.shape} of {second.dtype}: not a pair")
    image, row, column, _ = (stride // second.itemsize for stride in second.strides)
    height, width = second.shape[1:3]
    if turned:
        row, column, height, width = column, row, width, height
    kept = None if kept is None else tuple(np.ascontiguousarray(tap) for tap in kept)
    call = Call(
        reference=None if first is None else first.ctypes.data,
        candidate=second.ctypes.data,
        image=image,
        row=row,
        column=column,
        type=PIXEL_TYPES[second.dtype],
        count=len(second),
        height=height,
        width=width,
        turned=turned,
        first_row=rows.start if rows else 0,
        end_row=rows.stop if rows else height,
        kept_images=0 if kept is None else len(kept[0]),
        kept=_pointers(kept),
        terms=_pointers(terms),
        features=_pointers(features),
        sums=sums.ctypes.data,
    )
    if len(second):
        _check(library.eyediff_run(work, ctypes.byref(call)), second.shape)


def _pointers(arrays: Sequence[npt.NDArray[Any]] | None) -> Any:
    if arrays is None:
        return None
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def _check(result: int, shape: tuple[int, ...]) -> None:
    """Raise EyediffError where a function of the library failed."""
    what = f"{shape[0]} x {shape[2]}x{shape[1]}" if len(shape) == 4 else f"an array of shape {shape}"
    if result == OUT_OF_MEMORY:
        raise EyediffError(f"the engine gave up on {what}: there is not enough memory")
    if result:
        raise EyediffError(f"the native engine does not support {what}")


class _Workspaces:
    """Workspaces that no call uses at the moment."""

    def __init__(self, library: ctypes.CDLL, network: ctypes.c_void_p, threads: int) -> None:
        self._library, self._network, self._threads = library, network, threads
        self._idle: list[ctypes.c_void_p] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self) -> Iterator[ctypes.c_void_p]:
        """A workspace for one call; a new one where all are in use."""
        with self._lock:
            work = self._idle.pop() if self._idle else None
        if work is None:
            handle = self._library.eyediff_workspace_new(self._network, self._threads)
            if not handle:
                raise EyediffError("the native engine got no memory for its threads")
            work = ctypes.c_void_p(handle)
        try:
            yield work
        finally:
            with self._lock:
                self._idle.append(work)

    def __del__(self) -> None:
        for work in self._idle:
            self._library.eyediff_workspace_free(work)
