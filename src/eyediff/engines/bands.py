"""Compute metrics of whole images in numpy and double precision, band by band and in several threads.

A band is a few rows of an image. An operation on single positions, such as the sum of two images, is not computed at
once. A convolution, or a mean over the image, later computes all operations that it needs for one band after the other.
The intermediate results of a band then stay in the cache of a processor core, and each thread works on its own bands.

`NumpyOps` defines the result of each operation. The bands do not depend on the number of threads, so the results do not
depend on it either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from ..fork_safe import OfProcess
from ..metrics import filters
from ..metrics.ops import Array, constant
from ..records import Numbers, Pixels
from .numpy_ops import NumpyOps, image

BAND = 1 << 16
"""Number of positions that are computed together. One channel of them takes 512 KiB, and there are several channels.

For a 1080p image, half the number takes up to half as long again, because the time of Python for each band counts.
Double the number takes a few percent longer, because less fits into the cache.
"""

OPS = NumpyOps()


class BandedImage:
    """An array N x C x H x W whose rows are computed when they are needed.

    Parameters
    ----------
    compute : function
        Function that returns the rows of a band, given the same rows of every input. If there are no inputs, it is
        given a slice, which is the range of the rows.
    inputs : sequence of BandedImage
        Images that `compute` needs. An input with one row has the same row in every band, as in numpy's broadcasting.
    height : int, optional
        Number of rows. Default: that of the highest input.
    """

    def __init__(
        self, compute: Callable[..., Numbers], inputs: Sequence[BandedImage] = (), height: int | None = None
    ) -> None:
        self.compute, self.inputs = compute, inputs
        self.height: int = max(each.height for each in inputs) if height is None else height
        self.first_row: Numbers = compute(*(each.first_row for each in inputs)) if inputs else compute(slice(1))
        """The first row, from which the other dimensions follow."""

    def store(self, values: Numbers) -> None:
        """Use these values, which are all values of the image, instead of computing them again."""
        self.compute, self.inputs = partial(_rows, values), ()


class PixelImage(BandedImage):
    """A batch of pixels, N x H x W x 3, as an image with values in [-1, 1]. `prepare` is applied to each band first."""

    def __init__(self, pixels: Pixels, prepare: Callable[[Pixels], Pixels]) -> None:
        self.pixels: Callable[[slice], Pixels] = lambda rows: prepare(pixels[:, rows])
        super().__init__(lambda rows: image(self.pixels(rows)), (), pixels.shape[1])
        self.is_integer = self.pixels(slice(1)).dtype != np.float32


def _rows(values: Numbers, rows: slice) -> Numbers:
    return values if values.shape[2] == 1 else values[:, :, rows]


def _stored(values: Numbers) -> BandedImage:
    return BandedImage(partial(_rows, values), (), values.shape[2])


def _steps(result: BandedImage) -> list[tuple[BandedImage, list[BandedImage]]]:
    """Return the images that must be computed for a result, in order. With each come the images that it uses last."""
    order: dict[BandedImage, None] = {}

    def add(each: BandedImage) -> None:
        if each not in order:
            for needed in each.inputs:
                add(needed)
            order[each] = None

    add(result)
    last_use = {needed: each for each in order for needed in each.inputs}
    return [(each, [needed for needed in dict.fromkeys(each.inputs) if last_use[needed] is each]) for each in order]


def _compute(steps: list[tuple[BandedImage, list[BandedImage]]], rows: slice) -> Numbers:
    """Compute some rows of the last image.

    Each array is deleted after its last use, so that the next ones use its memory, which is in the cache.
    """
    arrays: dict[BandedImage, Numbers] = {}
    for each, used_last in steps:
        arrays[each] = each.compute(*(arrays[needed] for needed in each.inputs)) if each.inputs else each.compute(rows)
        for needed in used_last:
            del arrays[needed]
    return arrays[steps[-1][0]]


class BandRunner:
    """Compiles programs in the operations of `metrics/ops.py` that numpy computes in float64, band by band.

    Parameters
    ----------
    threads : int
        Number of threads of a call, including the calling thread.
    prepare : function of pixels
        Function that is applied to the pixels first. Its result at a pixel may depend on this pixel only.
    """

    def __init__(self, threads: int, prepare: Callable[[Pixels], Pixels] = lambda pixels: pixels) -> None:
        self._threads, self._prepare = threads, prepare
        self._pool = OfProcess(lambda: ThreadPoolExecutor(threads, "eyediff-bands"))

    def compile(self, program: Callable[..., Any], images: int) -> Callable[..., Numbers]:
        """Return a function that runs the program on `images` batches of pixels, N x H x W x 3."""

        def run(*batches: Pixels) -> Numbers:
            if len(batches) != images:
                raise TypeError(f"{len(batches)} batches of images were given; expected {images}")
            ops = BandOps(self._for_each)
            return ops.values(program(ops, *(PixelImage(pixels, self._prepare) for pixels in batches)))

        return run

    def _for_each(self, task: Callable[[slice], None], bands: Sequence[slice]) -> None:
        """Run a task for each band."""
        waiting = iter(bands)

        def work() -> None:
            for band in waiting:
                task(band)

        helpers = [self._pool.value.submit(work) for _ in bands[1 : self._threads]]
        work()
        for helper in helpers:
            helper.result()


class BandOps:
    """Implementation of the operations that computes bands."""

    def __init__(self, for_each: Callable[[Callable[[slice], None], Sequence[slice]], None]) -> None:
        self._for_each = for_each

    def values(self, x: BandedImage | Numbers) -> Numbers:
        """Return all values of an image. An array, which is a result of `mean` or `flat`, is returned as it is."""
        if isinstance(x, np.ndarray):
            return x
        count, channels, _, width = x.first_row.shape
        steps, values = _steps(x), np.empty((count, channels, x.height, width))
        self._fill(values, width, lambda rows: _compute(steps, rows))
        x.store(values)
        return values

    def _fill(self, values: Numbers, work: int, compute: Callable[[slice], Numbers]) -> None:
        """Compute an array band by band. `work` is the number of positions that are computed for each of its rows."""
        height, step = values.shape[2], max(1, BAND // work)

        def fill(rows: slice) -> None:
            values[:, :, rows] = compute(rows)

        self._for_each(fill, [slice(top, min(top + step, height)) for top in range(0, height, step)])

    def conv(
        self,
        x: BandedImage,
        weight: Array,
        bias: Array | None = None,
        *,
        stride: int = 1,
        pad: tuple[int, int] | int = 0,
        groups: int = 1,
    ) -> BandedImage:
        rows, columns = weight.shape[2:]
        above, beside = pad if isinstance(pad, tuple) else (pad, pad)
        if rows == columns == stride == 1 and not above and not beside:
            return BandedImage(lambda band: OPS.conv(band, weight, bias, groups=groups), [x])
        count, channels, _, width = x.first_row.shape
        steps, height = _steps(x), x.height

        def compute(band: slice) -> Numbers:
            first, last = band.start * stride - above, (band.stop - 1) * stride + rows - above
            inside = _compute(steps, slice(max(first, 0), min(last, height)))
            if above or beside:
                padded, top = np.zeros((count, channels, last - first, width + 2 * beside)), max(-first, 0)
                padded[:, :, top : top + inside.shape[2], beside : beside + width] = inside
                inside = padded
            return OPS.conv(inside, weight, bias, stride=stride, groups=groups)

        shape = (height + 2 * above - rows) // stride + 1, (width + 2 * beside - columns) // stride + 1
        filtered = np.empty((count, len(weight), *shape))
        self._fill(filtered, width * stride, compute)
        return _stored(filtered)

    def relu(self, x: BandedImage) -> BandedImage:
        return BandedImage(OPS.relu, [x])

    def maxpool(self, x: BandedImage, *, size: int, stride: int, ceil: bool) -> BandedImage:
        return _stored(OPS.maxpool(self.values(x), size=size, stride=stride, ceil=ceil))

    def halve(self, x: BandedImage) -> BandedImage:
        return _stored(OPS.halve(self.values(x)))

    def shrink(self, x: BandedImage, factor: int) -> BandedImage:
        if factor == 1 or not isinstance(x, PixelImage) or not x.is_integer:
            moving_average: BandedImage = filters.shrunk(self, x, factor)
            return moving_average
        # Integers are added before they become float64, which is exact and takes less time.
        pixels, shape = x.pixels, x.first_row.shape

        def compute(band: slice) -> Numbers:
            # `filters.shrink` takes the rows above its first row as black, but the band may have rows above it. So one
            # more row of averages is computed there, and dropped.
            first = max(band.start - 1, 0)
            part = filters.shrink(pixels(slice(first * factor, band.stop * factor)), factor, "constant")
            sums = part[:, band.start - first :].transpose(0, 3, 1, 2) * (2 * factor**2)
            return OPS.affine(sums, constant(1 / factor**2), constant(-1))

        reduced = np.empty((*shape[:2], *(-(-side // factor) for side in (x.height, shape[3]))))
        self._fill(reduced, shape[3], compute)
        return _stored(reduced)

    def concat(self, parts: Sequence[BandedImage]) -> BandedImage:
        return BandedImage(lambda *bands: OPS.concat(bands), parts)

    def channels(self, x: BandedImage, start: int, stop: int) -> BandedImage:
        return BandedImage(lambda band: OPS.channels(band, start, stop), [x])

    def rows(self, x: BandedImage, start: int, stop: int | None) -> BandedImage:
        return _stored(OPS.rows(self.values(x), start, stop))

    def below(self, parts: Sequence[BandedImage]) -> BandedImage:
        return _stored(OPS.below([self.values(each) for each in parts]))

    def affine(self, x: BandedImage, multiplier: Array, offset: Array | None = None) -> BandedImage:
        return BandedImage(lambda band: OPS.affine(band, multiplier, offset), [x])

    def unit(self, x: BandedImage) -> BandedImage:
        return BandedImage(OPS.unit, [x])

    def weigh(self, x: BandedImage, weights: Array) -> BandedImage:
        return BandedImage(lambda band: OPS.weigh(band, weights), [x])

    def total(self, x: BandedImage) -> BandedImage:
        return BandedImage(OPS.total, [x])

    def add(self, x: BandedImage, y: BandedImage) -> BandedImage:
        return BandedImage(OPS.add, [x, y])

    def sub(self, x: BandedImage, y: BandedImage) -> BandedImage:
        return BandedImage(OPS.sub, [x, y])

    def mul(self, x: BandedImage, y: BandedImage) -> BandedImage:
        return BandedImage(OPS.mul, [x, y])

    def div(self, x: BandedImage, y: BandedImage) -> BandedImage:
        return BandedImage(OPS.div, [x, y])

    def magnitude(self, x: BandedImage, noise: float = 0) -> BandedImage:  # noqa: ARG002 - it affects only gradients
        return BandedImage(OPS.magnitude, [x])

    def root(self, x: BandedImage, noise: float = 0) -> BandedImage:  # noqa: ARG002 - it affects only gradients
        return BandedImage(OPS.root, [x])

    def power(self, x: BandedImage, exponent: float, noise: float = 0) -> BandedImage:  # noqa: ARG002 - see root
        return BandedImage(lambda band: OPS.power(band, exponent), [x])

    def exp(self, x: BandedImage) -> BandedImage:
        return BandedImage(OPS.exp, [x])

    def log(self, x: BandedImage) -> BandedImage:
        return BandedImage(OPS.log, [x])

    def larger(self, x: BandedImage, y: BandedImage) -> BandedImage:
        return BandedImage(OPS.larger, [x, y])

    def area(self, x: BandedImage) -> BandedImage:
        return _stored(np.full((1, 1, 1, 1), float(x.height * x.first_row.shape[3])))

    def border(self, x: BandedImage, rows: int, columns: int) -> BandedImage:
        return _stored(OPS.border(self.values(x), rows, columns))

    def mean(self, x: BandedImage) -> Any:
        return OPS.mean(self.values(x))

    def level(self, x: BandedImage) -> BandedImage:
        return _stored(OPS.level(self.values(x)))

    def flat(self, x: BandedImage) -> Any:
        return OPS.flat(self.values(x))

    def resize(self, x: BandedImage, like: BandedImage) -> BandedImage:
        return _stored(OPS.resize(self.values(x), like=self.values(like)))
