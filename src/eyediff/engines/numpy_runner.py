"""Programs over the verbs, run by numpy: the oracle in the form of the other runners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..records import Numbers, Pixels
from .numpy_ops import NumpyVerbs, image


class NumpyRunner:
    """Turns programs into functions on pixels, computed in float64 by numpy."""

    description = "numpy float64"
    threads = 1

    def single(self) -> NumpyRunner:
        """It never uses more than one thread."""
        return self

    def compile_many(
        self, program: Callable[..., Sequence[Numbers]], images: int, arrays: int
    ) -> Callable[..., Sequence[Numbers]]:
        """A function of `images` batches of pixels and `arrays` arrays, N x C x H x W, with several results."""

        def run(*inputs: Any) -> Sequence[Numbers]:
            if len(inputs) != images + arrays:
                raise TypeError(f"{len(inputs)} inputs were given, expected {images + arrays}")
            return program(NumpyVerbs(), *map(image, inputs[:images]), *inputs[images:])

        return run

    def compile(self, program: Callable[..., Numbers], images: int) -> Callable[..., Numbers]:
        """A function of `images` batches of pixels, N x H x W x 3 of one storage type."""

        def run(*pixels: Pixels) -> Numbers:
            if len(pixels) != images:
                raise TypeError(f"{len(pixels)} batches of images were given, expected {images}")
            return program(NumpyVerbs(), *map(image, pixels))

        return run
