"""Clips that the tests encode: a moving pattern in a few small frames, lossless unless a test sets another codec."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from eyediff.records import Pixels

WIDTH, HEIGHT, RATE = 64, 48, 25
MILLISECONDS = Fraction(1, 1000)


def pattern(i: int, width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Return frame i of the pattern, H x W x 3. No two frames are equal."""
    rows, columns = np.mgrid[:height, :width]
    waves = [(127 + 55 * np.sin((columns + 3 * i) / r) + 55 * np.cos((rows - 2 * i) / 7)) for r in (9, 11, 13)]
    return np.stack(waves, -1).astype(np.uint8)


def encode(
    path: Path,
    shown: Sequence[int] = range(24),
    *,
    times: Sequence[int] | None = None,
    codec: str = "ffv1",
    pixels: str = "bgr0",
    noise: int = 0,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    turned: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Encode a clip with the frames `shown` of the pattern, at `times` in milliseconds (None: 40 ms for each frame)."""
    random = np.random.RandomState(0)
    with av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {}) as file:
        stream = file.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = MILLISECONDS
        if turned:
            stream.set_display_rotation(turned)
        for i, time in zip(shown, times or [40 * i for i in range(len(shown))], strict=True):
            image = pattern(i, *size).astype(int) + random.randint(-noise, noise + 1, (size[1], size[0], 3))
            frame = av.VideoFrame.from_ndarray(image.clip(0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, MILLISECONDS
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def cut(path: Path, share: float) -> Path:
    """Write the first `share` of the bytes of a file to a new file, and return its path."""
    data = path.read_bytes()
    target = path.with_name(f"cut-{path.name}")
    target.write_bytes(data[: int(len(data) * share)])
    return target
