"""Every default and limit, once, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

METRICS = ("lpips-mini", "psnr", "ssim")
"""What `compare` computes when nothing is named: it ships with the package, so the first call works offline."""

MAX_PIXELS = 200_000_000
"""A file that announces more pixels than this is refused before it is decoded: 600 MB of memory an image, and the usual
sign of a decompression bomb. Cameras stop at 150 million."""

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ico"}
    | {".avif", ".ppm", ".pgm", ".pbm", ".pnm"}
    | {".exr", ".hdr", ".pfm", ".heic", ".heif", ".jxl", ".jp2"}
)
"""What counts as an image in a folder, in any case. Those from .exr on are refused with a reason when they are read: a
folder of them should give rows that say so, not be passed over like text files."""

BATCH_PIXELS = 1_048_576
"""Pixels of the images that go through a network at once. Beyond this, CPUs gain nothing and memory grows."""

WINDOW = 32
"""Pairs that are decoded, waiting or being computed at any time: bounds the memory whatever the number of pairs."""

WINDOW_BYTES = 536_870_912
"""Pixels, in bytes, that may be decoded ahead: keeps photos in the window from filling the memory of a laptop. Three
pairs of 24 megapixels, which is ahead enough of any metric."""

STRIP_PIXELS = 131_072
"""Pixels of a strip of an image that is larger than memory. VGG16 takes no longer by strips of 35,000 than at once;
more than this gains nothing and takes memory."""

MOST_MEMORY = 4 * 1024**3
"""Bytes that a run takes where nothing is said, and half of the machine's memory at most. Larger strips of an image are
no faster, so that more would gain nothing."""

LEAST_MEMORY = 512 * 1024**2
"""Less is refused: what the libraries take, and the smallest strips of an image that is worth the name."""

LIBRARIES = 256 * 1024**2
"""Bytes of the memory that Python, its libraries and the weights in the reader's hands take before any image."""

ALONE_PIXELS = 32_000_000
"""Images of more pixels are decoded one at a time: while it decodes, Pillow takes four bytes a pixel beside the three
that stay."""

WORST = 5
"""Pairs that a summary names as the worst, by metric."""

BOOTSTRAP = 1000
"""Resamples behind an interval: its ends then move by less than a tenth of its width from seed to seed."""

SEED = 0
"""Of the bootstrap: the same run prints the same interval."""


def memory() -> int:
    """Bytes that a run may take: half of the machine's memory, or of what its container has, up to MOST_MEMORY."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows does not say
        found = 2 * MOST_MEMORY
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found = min(found, int(Path(limit).read_text()))
        except (OSError, ValueError):  # no container, or one without a limit: "max"
            continue
    return max(LEAST_MEMORY, min(found // 2, MOST_MEMORY))


def workers() -> int:
    """Threads that decode: as many as cores that this process may use, since decoders leave the interpreter alone."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS and Windows do not say
        return max(1, os.cpu_count() or 1)
