"""A network of LPIPS in the native engine.

It computes features, distances and maps from pixels, and also distances from features that were computed before.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ...errors import EyediffError
from ...fork_safe import OfProcess
from ...metrics.backbones import Conv, Fire, Pool, Trunk
from ...metrics.lpips import Network
from ...metrics.ops import Array
from ...records import Features, Numbers, Pixels
from ..strips import StripEngine
from .calls import PIXEL_TYPES, check_equal, check_result, make_readable
from .library import Call, find_variant, load_library


class NativeNetwork:
    """A network of LPIPS that the native engine computes. It holds the transformed weights and the working memory.

    Parameters
    ----------
    network : Network
        Backbone and weights.
    threads : int
        Number of threads of a call, including the calling thread. Calls from several threads run in parallel.
    variant : str, optional
        Instruction set: "avx512", "avx2" or "baseline". Default: the best one that this processor supports.

    Notes
    -----
    Features have the layout N x H x W x C here. All bits of a distance are the same for every batch and every number of
    threads.
    """

    def __init__(self, network: Network, threads: int, variant: str | None = None) -> None:
        self._library, self._network, self._threads = load_library(), network, threads
        self.trunk = network.trunk
        self.variant = find_variant(variant)
        multiplier, offset = network.scaling or (np.ones(3), np.zeros(3))
        gain = (ctypes.c_float * 3)(*(2.0 * np.asarray(multiplier, np.float64)))
        shift = (ctypes.c_float * 3)(*(np.asarray(offset, np.float64) - np.asarray(multiplier, np.float64)))
        handle = self._library.eyediff_network_new(None if variant is None else variant.encode(), gain, shift)
        if not handle:
            raise EyediffError(
                f"the native engine does not support the instruction set {variant!r} on this processor; "
                "leave `variant` out to use the best one"
            )
        self._handle = ctypes.c_void_p(handle)
        weakref.finalize(self, self._library.eyediff_network_free, self._handle)
        for layer in network.trunk.layers:
            self._add(layer)
        self._tap_channels = network.trunk.taps
        self._tap_areas = lru_cache(maxsize=4)(partial(_areas, network.trunk))  # images often have the same size
        self.weight_bytes: int = self._library.eyediff_network_bytes(self._handle)
        """Number of bytes of the transformed weights. For a 3x3 convolution, it is four times the original number."""
        library, network_handle = self._library, self._handle  # a reference to self would keep the weights in memory
        self._workspaces = OfProcess(lambda: _Workspaces(library, network_handle, threads))

    @property
    def description(self) -> str:
        """Name and instruction set of the engine. The results record this text."""
        return f"native {self.variant} cpu"

    def embeddings(self, x: Pixels) -> Array:
        """Return one vector for each image: N x D. The squared Euclidean distance of two vectors is the LPIPS."""
        return self.points(self.features(x))

    def peak_bytes(self, height: int, width: int) -> int:
        """Return the number of bytes that a pair of images of this size needs, including the weights."""
        used = self._library.eyediff_workspace_bytes(self._handle, self._threads, 2, height, width)
        return int(used) + self.weight_bytes

    def layers(self, a: Pixels, b: Pixels) -> Numbers:
        """Return the contribution of each feature layer to each distance: N x L."""
        return self._run(a, b)

    def against(self, kept: Features, b: Pixels) -> Numbers:
        """Compare N candidates with the features of one reference or of N references. Returns N x L, like `layers`."""
        return self._run(None, b, kept=kept)

    def features(self, x: Pixels) -> Features:
        """Return the unit vectors of the images: one array N x H_l x W_l x C_l for each feature layer."""
        features = tuple(
            np.empty((len(x), height, width, channels), np.float32)
            for channels, height, width in self._network.trunk.tapped(*x.shape[1:3])
        )
        self._run(None, x, features=features)
        return features

    def terms(self, a: Pixels, b: Pixels) -> list[Array]:
        """Return the distance at each position of each feature layer: one array N x H_l x W_l for each layer."""
        terms = [np.empty((len(a), *size[1:]), np.float32) for size in self._network.trunk.tapped(*a.shape[1:3])]
        self._run(a, b, terms=terms)
        return terms

    def maps(self, a: Pixels, b: Pixels) -> Array:
        """Return the distance at every pixel: N x H x W."""
        return self.upsample_sum(self.terms(a, b), *a.shape[1:3])

    def upsample_sum(self, terms: Sequence[Array], height: int, width: int) -> Array:
        """Return the sum of the distances in all feature layers, each upsampled to the size: N x height x width."""
        maps = np.empty((len(terms[0]), height, width), np.float32)
        sizes = [(ctypes.c_int32 * len(terms))(*(term.shape[axis] for term in terms)) for axis in (1, 2)]
        with self._workspace() as work:
            pointers = _pointers(terms)
            check_result(
                self._library.eyediff_enlarge(work, pointers, *sizes, len(maps), height, width, maps.ctypes.data),
                maps.shape,
            )
        return maps

    def between(self, a: Features, b: Features) -> Numbers:
        """Compare two sets of features. Returns N x L, like `layers`.

        Both sets have N images, or one set has a single image. A single image is compared with all images of the other
        set.
        """
        if len(b[0]) == 1:  # the C function expects the single image first; the distance is symmetric
            a, b = b, a
        layers = np.empty((len(self._tap_channels), len(b[0])))
        with self._workspace() as work:
            for tap, (of_a, of_b) in enumerate(zip(a, b, strict=True)):
                first, second = np.ascontiguousarray(of_a), np.ascontiguousarray(of_b)
                sums = layers[tap].ctypes.data_as(ctypes.POINTER(ctypes.c_double))
                count, height, width, _ = second.shape
                arguments = (first.ctypes.data, len(first), second.ctypes.data, count, height, width, sums)
                check_result(
                    self._library.eyediff_compare(work, tap, *arguments), f"features of the shape {second.shape}"
                )
                layers[tap] /= height * width
        return layers.T

    def points(self, kept: Features) -> Array:
        """Return the vectors that `embeddings` returns, N x D, but compute them from features."""
        roots = self._network.roots or [np.ones(channels, np.float32) for channels in self._tap_channels]
        parts = [
            (feature * (root / np.sqrt(np.float32(feature.shape[1] * feature.shape[2]))))
            .transpose(0, 3, 1, 2)
            .reshape(len(feature), -1)
            for feature, root in zip(kept, roots, strict=True)
        ]
        return np.concatenate(parts, 1)

    def strip_layers(self, a: Pixels, b: Pixels, memory: float) -> Numbers:
        """Compute one pair strip by strip, within `memory` bytes. Returns L values, as `layers` does for each pair."""
        return NativeStrips(self).layers(a, b, memory)

    def strip_map(self, a: Pixels, b: Pixels, memory: float) -> Array:
        """Compute the map of one pair, H x W, strip by strip, within `memory` bytes."""
        return NativeStrips(self).map(a, b, memory)

    def strip_terms(self, a: Pixels, b: Pixels, memory: float) -> Sequence[npt.NDArray[Any]]:
        """Compute the `terms` of one pair strip by strip, within `memory` bytes. The arrays are 1 x 1 x H_l x W_l."""
        return NativeStrips(self).terms(a, b, memory)

    def run_strips(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], transposed: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        """Yield the distances at the positions of each strip: one array 1 x 1 x H_l x W_l for each feature layer.

        If `transposed` is true, the rows of `a` and `b` are the columns of the images.
        """
        sums = np.zeros((1, len(self._tap_channels)))
        with self._workspace() as work:
            for rows in strips:
                call, arrays = make_call(a, b, sums, rows=rows)
                call.turned = transposed
                heights, widths = ((ctypes.c_int32 * len(self._tap_channels))() for _ in range(2))
                check_result(
                    self._library.eyediff_tap_sizes(self._handle, ctypes.byref(call), heights, widths),
                    b.shape,
                )
                terms = [np.empty((1, 1, *size), np.float32) for size in zip(heights, widths, strict=True)]
                call.terms = _pointers(terms)
                check_result(self._library.eyediff_run(work, ctypes.byref(call)), b.shape)
                del arrays
                yield terms

    def _workspace(self) -> AbstractContextManager[ctypes.c_void_p]:
        return self._workspaces.value.borrow()

    def _add(self, layer: Any) -> None:
        library, handle, parameters = self._library, self._handle, self._network.parameters
        convolutions: Sequence[tuple[int, Conv]] = ()
        if isinstance(layer, Conv):
            convolutions = [(0, layer)]
        elif isinstance(layer, Fire):
            # Numbers 1 and 2 are the two parallel convolutions of the module. Their outputs are joined.
            convolutions = list(enumerate(layer.convs))
        for part, conv in convolutions:
            weight, bias = (
                np.ascontiguousarray(parameters[f"{conv.key}.{name}"], np.float32) for name in ("weight", "bias")
            )
            shape = (part, conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.pad)
            check_result(
                library.eyediff_add_convolution(handle, *shape, weight.ctypes.data, bias.ctypes.data),
                f"the layer {conv}",
            )
        if isinstance(layer, Pool):
            check_result(
                library.eyediff_add_pooling(handle, layer.size, layer.stride, int(layer.ceil)), f"the layer {layer}"
            )
        elif not convolutions:
            self._add_tap()

    def _add_tap(self) -> None:
        self._taps_added = getattr(self, "_taps_added", -1) + 1
        channels, heads = self._network.trunk.taps[self._taps_added], self._network.heads
        weights = np.ones(channels) if heads is None else heads[self._taps_added]
        weights = np.ascontiguousarray(weights, np.float32)
        check_result(
            self._library.eyediff_add_tap(self._handle, channels, weights.ctypes.data),
            f"a feature layer of {channels} channels",
        )

    def _run(
        self,
        a: Pixels | None,
        b: Pixels,
        *,
        kept: Features | None = None,
        terms: Sequence[Array] | None = None,
        features: Features | None = None,
    ) -> Numbers:
        """Compute a batch of whole images. Return the contribution of each feature layer to each distance, N x L.

        `a` is `None` if the features `kept` of the references are given instead. `terms` and `features` are arrays for
        further results.
        """
        sums = np.zeros((len(b), len(self._tap_channels)))
        call, arrays = make_call(a, b, sums, kept=kept)
        call.terms, call.features = _pointers(terms), _pointers(features)
        if len(b):
            with self._workspace() as work:
                check_result(self._library.eyediff_run(work, ctypes.byref(call)), b.shape)
        del arrays
        shares: Numbers = sums / self._tap_areas(*b.shape[1:3])
        return shares


class NativeStrips(StripEngine):
    """Computation of one pair strip by strip in the native engine.

    The C library keeps the rows of each layer that the next strip needs.
    """

    def __init__(self, network: NativeNetwork) -> None:
        super().__init__(network.trunk)
        self._native = network

    def _strip_terms(
        self, a: Pixels, b: Pixels, strips: Sequence[slice], transposed: bool
    ) -> Iterator[Sequence[npt.NDArray[Any]]]:
        return self._native.run_strips(a, b, strips, transposed)

    def _strip_bytes(self, height: int, width: int) -> int:
        return self._native.peak_bytes(height, width)


def make_call(
    a: Pixels | None, b: Pixels, sums: Numbers, *, kept: Features | None = None, rows: slice | None = None
) -> tuple[Call, list[Any]]:
    """Return the arguments of one call of the C library, and the arrays that must stay in memory until the call ends.

    Parameters
    ----------
    a, b : array, N x H x W x 3
        References and candidates. `a` is `None` if the features of the references are given, or if there are none.
    sums : array, N x L
        Array for the results.
    kept : features, optional
        Features of the references.
    rows : slice, optional
        Rows of the strip to compute. Default: all rows.
    """
    if a is not None:
        check_equal(a, b)
    candidate: npt.NDArray[Any] = make_readable(b)
    reference: npt.NDArray[Any] | None = None if a is None else make_readable(a)
    if reference is not None and reference.strides != candidate.strides:
        reference, candidate = np.ascontiguousarray(reference), np.ascontiguousarray(candidate)
    image, row, column, _ = (stride // candidate.itemsize for stride in candidate.strides)
    held = None if kept is None else [np.ascontiguousarray(tap) for tap in kept]
    call = Call(
        reference=None if reference is None else reference.ctypes.data,
        candidate=candidate.ctypes.data,
        image=image,
        row=row,
        column=column,
        type=PIXEL_TYPES[candidate.dtype],
        count=len(candidate),
        height=candidate.shape[1],
        width=candidate.shape[2],
        first_row=rows.start if rows else 0,
        end_row=rows.stop if rows else candidate.shape[1],
        kept_images=0 if held is None else len(held[0]),
        kept=_pointers(held),
        sums=sums.ctypes.data,
    )
    return call, [reference, candidate, held]


def _areas(trunk: Trunk, height: int, width: int) -> Numbers:
    """Return the number of positions of each feature layer for an image of this size."""
    return np.array([rows * columns for _, rows, columns in trunk.tapped(height, width)], np.float64)


def _pointers(arrays: Sequence[npt.NDArray[Any]] | None) -> Any:
    if arrays is None:
        return None
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


class _Workspaces:
    """The workspaces of a network that are not in use. A workspace is the threads and the memory for one call."""

    def __init__(self, library: ctypes.CDLL, network: ctypes.c_void_p, threads: int) -> None:
        self._library, self._network, self._threads = library, network, threads
        self._idle: list[ctypes.c_void_p] = []
        self._lock = threading.Lock()

    @contextmanager
    def borrow(self) -> Iterator[ctypes.c_void_p]:
        """Lend a workspace for one call. If all are in use, a new one is created."""
        with self._lock:
            work = self._idle.pop() if self._idle else None
        if work is None:
            handle = self._library.eyediff_workspace_new(self._network, self._threads)
            if not handle:
                raise EyediffError("the native engine failed, because there is not enough memory for its threads")
            work = ctypes.c_void_p(handle)
        try:
            yield work
        finally:
            with self._lock:
                self._idle.append(work)

    def __del__(self) -> None:
        for work in self._idle:
            self._library.eyediff_workspace_free(work)
