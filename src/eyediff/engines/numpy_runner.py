"""Compute metrics in numpy. This runner is the reference implementation for the other runners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..records import Numbers, Pixels
from .numpy_ops import NumpyOps, image


class NumpyRunner:
    """Runner that computes programs with numpy in float64. Programs are stated in operations of `metrics/ops.py`."""

    description = "numpy float64"
    threads = 1

    def single(self) -> NumpyRunner:
        """Return this runner, because it never uses more than one thread."""
        return self

    def compile_many(
        self, program: Callable[..., Sequence[Numbers]], images: int, arrays: int
    ) -> Callable[..., Sequence[Numbers]]:
        """Return a function that takes pixels and other arrays, and returns several results.

        It takes `images` batches of pixels, N x H x W x 3, and then `arrays` arrays, N x C x H x W.
        """

        def run(*inputs: Any) -> Sequence[Numbers]:
            if len(inputs) != images + arrays:
                raise TypeError(f"{len(inputs)} inputs were given; expected {images + arrays}")
            return program(NumpyOps(), *map(image, inputs[:images]), *inputs[images:])

        return run

    def compile(self, program: Callable[..., Numbers], images: int) -> Callable[..., Numbers]:
        """Return a function that runs the program on `images` batches of pixels, N x H x W x 3."""

        def run(*pixels: Pixels) -> Numbers:
            if len(pixels) != images:
                raise TypeError(f"{len(pixels)} batches of images were given; expected {images}")
            return program(NumpyOps(), *map(image, pixels))

        return run
