"""Worker processes that end before their work is done.

One line says what to do, and no process is left.
"""

from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from eyediff.errors import EyediffError, UsageError

pytest.importorskip("torch")

from eyediff.training.distillation.workers import map_in_processes


def test_a_worker_that_the_kernel_ends() -> None:
    """A worker that was killed gives an error with advice. The kernel kills processes when memory runs out."""
    with pytest.raises(EyediffError, match=r"one of 2 worker processes was killed.*fewer workers"):
        list(map_in_processes(signal.raise_signal, [signal.SIGKILL], int, 2))


def test_a_worker_that_cannot_be_prepared(tmp_path: Path) -> None:
    """A photo that is too small is named. It once caused a broken pool and a traceback."""
    from eyediff.distortions.photos import load_photos

    Image.new("RGB", (60, 50)).save(tmp_path / "small.png")
    with pytest.raises(UsageError, match=r"small\.png: 60x50 is too small; expected sides of at least 64"):
        list(map_in_processes(abs, [1], partial(load_photos, [tmp_path / "small.png"], 64), 1))
