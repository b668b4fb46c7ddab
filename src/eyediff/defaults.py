"""Every default and limit, once, each with its reason."""

from __future__ import annotations

import os

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

VIDEO_AHEAD = 8
"""Frames of each clip that are decoded ahead and not yet matched: some 12 MB of 720p, a third of a second to smooth out
groups of pictures."""

VIDEO_FORMATS = frozenset(
    {"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf"}
    | {"ogg", "mxf", "nut", "ivf", "obu", "h264", "hevc", "m4v", "yuv4mpegpipe", "gif", "apng", "wtv", "dv", "rm"}
)
"""Containers that hold their video themselves, as FFmpeg calls them. Playlists and lists of files are not here: one
from a stranger could make it open other files."""

WORST = 5
"""Pairs that a summary names as the worst, by metric."""

PAGE_BYTES = 25_165_824
"""What the reference and candidate pictures in a report may take together. The more pairs there are, the smaller they
become: with differences, maps and the page's coding a report of 1,000 pairs is some 40 MB, which opens in a second."""

PAGE_PAIRS = 1000
"""Pairs that a report is laid out for where nobody knows how many will come."""

VIEWED_BYTES = 268_435_456
"""Pixels, in bytes, that may wait to become pictures of a report, beside those in the window."""

BOOTSTRAP = 1000
"""Resamples behind an interval: its ends then move by less than a tenth of its width from seed to seed."""

SEED = 0
"""Of the bootstrap: the same run prints the same interval."""


def workers() -> int:
    """Threads that decode: as many as cores that this process may use, since decoders leave the interpreter alone."""
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # macOS and Windows do not say
        return max(1, os.cpu_count() or 1)
