"""Define all defaults and limits, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

METRICS = ("lpips", "psnr", "ssim")
"""Default metrics of `compare`: the numbers that papers report. Their weights are in the package."""

SET_METRIC = METRICS[0]
"""Default metric of `matrix`, `nearest` and `diversity`: the only one of METRICS that has embeddings."""

NEIGHBOURS = 5
"""Default number of neighbours of `nearest`: they fit on a screen together with the query."""

MAX_PIXELS = 200_000_000
"""Largest number of pixels of an image.

A file whose header has more is refused before it is decoded: it is probably a decompression bomb. This many pixels take
600 MB of memory. Cameras have up to 150 million.
"""

MAX_SIDE = 1_000_000
"""Largest width or height of an image in pixels.

Pillow needs 12 bytes for each row: 2.3 GB for an image of 1 x 200 million pixels.
"""

MAX_RUN_LENGTH_PIXELS = 1 << 24
"""Largest number of pixels of a run-length encoded BMP.

Pillow decodes it in Python, which takes 2 seconds for this size; a file of 1 kB with 200 million pixels took 21
seconds.
"""

MAX_FRAMES = 2000
"""Frames or pages of a file that are compared: more than a minute of animation. A frame of one pixel costs as much time
as its header, and a file of 15 MB may hold a million."""

MAX_FETCH = 1 << 30
"""Largest number of bytes of a file that is read from a URL into memory.

It is about twice the size of MAX_PIXELS uncompressed 8-bit pixels.
"""

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ico"}
    | {".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
    | {".exr", ".hdr", ".heic", ".heif", ".jxl", ".jp2", ".tga", ".npy", ".psd", ".pam"}
)
"""Suffixes of images in a folder, in upper or lower case.

Files with a suffix from .exr on are refused with a reason when they are read. They are listed here so that they become
rows with an error, and are not skipped like text files.
"""

BATCH_PIXELS = 1_048_576
"""Number of pixels in a batch for a network. With more, CPUs are not faster, but memory use grows."""

WINDOW = 32
"""Number of pairs that are decoded, waiting or being computed at any time.

It bounds the memory for any number of pairs.
"""

WINDOW_BYTES = 536_870_912
"""Number of bytes of pixels that may be decoded ahead, so that large photos do not fill the memory of a laptop.

It holds three pairs of 24 megapixels, which is enough to keep any metric busy.
"""

STRIP_PIXELS = 131_072
"""Number of pixels in a strip of an image that does not fit in memory.

VGG16 with strips of 35,000 pixels is as fast as without strips. More than STRIP_PIXELS would only take memory.
"""

MOST_MEMORY = 4 * 1024**3
"""Default memory limit of a run, in bytes.

The limit is never more than half of the memory of the machine. A larger limit would only allow larger strips, which are
not faster.
"""

LEAST_MEMORY = 512 * 1024**2
"""Smallest memory limit, in bytes. It is enough for the libraries and for the smallest strips of an image."""

LIBRARIES = 256 * 1024**2
"""Number of bytes that Python, its libraries and the loaded weights take before any image is read."""

ALONE_PIXELS = 32_000_000
"""Images with more pixels are decoded one at a time.

During decoding, Pillow needs four more bytes for each pixel, in addition to the three bytes that stay.
"""

VIDEO_AHEAD = 8
"""Number of frames of each clip that are decoded ahead.

For 720p they take about 12 MB and a third of a second, which evens out the different decoding times of frames.
"""

VIDEO_FORMATS = frozenset(
    {"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf"}
    | {"ogg", "mxf", "nut", "ivf", "obu", "h264", "hevc", "m4v", "yuv4mpegpipe", "gif", "apng", "wtv", "dv", "rm"}
)
"""Containers, by their FFmpeg names, that contain the video itself.

Playlists and lists of files are not included: one from a stranger could make it open other files.
"""

SHOWN_ROWS = 50
"""Default number of rows of text on a terminal. With more rows, the summary would scroll away."""

WORST = 5
"""Number of worst pairs that a summary names for each metric."""

LISTED = 20
"""Number of pairs of each kind that a verdict lists; it only counts the others. The list fits on a screen."""

PAGE_BYTES = 25_165_824
"""Number of bytes for all reference and candidate pictures in a report.

With more pairs, the pictures are smaller. With differences, maps and encoding, a report of 1,000 pairs has about 40 MB,
and opens in one second.
"""

PAGE_PAIRS = 1000
"""Number of pairs that a report assumes if the number is unknown."""

VIEWED_BYTES = 268_435_456
"""Number of bytes of pixels that may wait for the pictures of a report, in addition to the pairs in the window."""

BOOTSTRAP = 1000
"""Number of resamples for an interval. With another seed, its ends then change by less than a tenth of its width."""

FEWEST = 5
"""Smallest number of scores for an interval of their mean.

No method is reliable with fewer scores. Student's t gives the widest of the usual intervals, but with three exponential
scores it contains the true mean in only 88 of 100 cases.
"""

SEED = 0
"""Seed of the bootstrap. It is fixed, so that the same run prints the same interval."""

HELD_OUT = 0.2
"""Share of the references in a table of votes that is kept for tests, not used for training.

With 200 judgements, the agreement is known to 3 percentage points.
"""

TOLERANCE = 1e-4
"""Default tolerance: how much worse than in an earlier run a pair may be.

It is ten times the largest difference between two machines or engines (1e-5), so a baseline from one machine works on
another. A mean counts as worse above this value, even if a larger tolerance is given for pairs.
"""

PEAK_WINDOW = 32
"""Width and height in pixels of the windows for `NAME@peak`, which is the score of the worst window.

A word or a button fills a large part of a window.
"""

REGIONS = 100
"""Largest number of changed regions in a row for each metric.

The last one then joins all remaining regions. Nobody reads more.
"""

MOST_SHIFT = 16
"""Largest value of `tolerate_shift`, in pixels. The computing time grows with its square."""

GATES: dict[str, dict[str, float]] = {"ui": {"visible-difference": 1.0}, "photo": {"lpips": 0.02}}
"""Limits for kinds of images.

ui: for screenshots and charts, in which every detail counts (docs/ci.md has the measurement). photo: JPEG with quality
90, which few people notice, scores 0.007 to 0.024 on the Kodak photos.
"""

GATE_SIZES = {"ui": "pad"}
"""How gates compare images of different size, other than by refusing them: of a page, one part is the same, and what is
new or missing counts as changed."""

GOLDEN_GATE = "ui"
"""Gate of a pytest test without limits. Most images in tests are screenshots and charts."""


RAY_BATCH = 512
"""Largest number of pairs in a task of Ray.

A task then takes seconds, so the milliseconds for its management do not matter.
"""

RAY_TASKS = 8
"""Smallest number of tasks for each worker if there are few pairs, so that the last task does not delay the end."""

RAY_READERS = 4
"""Number of threads that read and decode files in each worker of Ray.

A worker has one core, but these threads mostly wait for the network.
"""

PARQUET_ROWS = 65_536
"""Number of rows in a part of a Parquet folder. For 10 million pairs, there are 150 files of a few megabytes."""

PARQUET_SECONDS = 60.0
"""Time in seconds after which a part is written even if it is not full. A kill can lose at most this time."""


def memory() -> int:
    """Return the default memory limit in bytes: half of the memory of the machine or container, up to MOST_MEMORY."""
    try:
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not available on Windows
        found = 2 * MOST_MEMORY
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            found = min(found, int(Path(limit).read_text()))
        except (OSError, ValueError):  # no container, or no limit ("max")
            continue
    return max(LEAST_MEMORY, min(found // 2, MOST_MEMORY))


def workers() -> int:
    """Return the default number of threads that decode images.

    It is the number of cores that this process may use, because decoders release the GIL.
    """
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not available on macOS and Windows
        return max(1, os.cpu_count() or 1)


LARGEST_ARCHIVE = 64 * 10**9
"""Largest size of an archive of votes, in bytes. The published archives have about 6 and 1 thousand million bytes."""

LARGEST_UNPACKED = 128 * 10**9
"""Largest size of an unpacked archive of votes, in bytes.

Images hardly compress, so a much larger size means a decompression bomb.
"""

MOST_ENTRIES = 4_000_000
"""Largest number of files in an archive of votes. The largest published archive has about 600 thousand."""
