"""Define all defaults and limits, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

METRICS = ("lpips", "psnr", "ssim")
"""Default metrics of `compare`: the numbers that papers report. Their weights are in the package."""

SET_METRIC = METRICS[0]
"""Default metric of `matrix`, `nearest`, `duplicates` and `diversity`: the only default metric with embeddings."""

OWN_FILES = "files"
"""Text that stands for the sizes of the compared files. It may be given in place of a list of sizes."""

NEIGHBOURS = 5
"""Default number of neighbours that `nearest` returns. They fit on a screen together with the query."""

MAX_PIXELS = 200_000_000
"""Largest number of pixels of an image.

A file whose header states more pixels is refused before it is decoded: it is probably a decompression bomb. An image of
this size takes 600 MB of memory. Images of cameras have up to 150 million pixels.
"""

MAX_SIDE = 1_000_000
"""Largest width or height of an image in pixels.

Pillow needs 12 bytes for each row: 2.3 GB for an image of 1 x 200 million pixels.
"""

MAX_RUN_LENGTH_PIXELS = 1 << 24
"""Largest number of pixels of a run-length encoded BMP.

Pillow decodes such a file in Python, which takes 2 seconds for this number of pixels. Without the limit, a file of 1 kB
with 200 million pixels took 21 seconds.
"""

MAX_FRAMES = 2000
"""Largest number of frames or pages of a file: enough for more than a minute of animation.

Even a frame of one pixel takes time to read, and a file of 15 MB may hold a million of such frames.
"""

MAX_FETCH = 1 << 30
"""Largest number of bytes of a file that is read from a URL into memory.

An uncompressed 8-bit image with MAX_PIXELS pixels has about half of this size.
"""

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ico"}
    | {".avif", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
    | {".exr", ".hdr", ".heic", ".heif", ".jxl", ".jp2", ".tga", ".npy", ".psd", ".pam"}
)
"""Suffixes of images in a folder, in upper or lower case.

Files with the suffixes in the last line (.exr and later) are refused with a reason when they are read. These suffixes
are listed so that the files become rows with an error, and are not skipped like text files.
"""

BATCH_PIXELS = 1_048_576
"""Largest number of pixels in a batch for a network. With larger batches, CPUs are not faster, but use more memory."""

WINDOW = 32
"""Largest number of pairs in work at any time: being decoded, waiting, or being computed.

This limit bounds the memory that a run needs, however many pairs it has.
"""

WINDOW_BYTES = 536_870_912
"""Number of bytes of pixels that may be decoded ahead, so that large photos do not fill the memory of a laptop.

Three pairs of images with 24 megapixels fit in this number, which is enough to keep any metric busy.
"""

STRIP_PIXELS = 131_072
"""Number of pixels in a strip of an image that does not fit in memory.

With strips of only 35,000 pixels, VGG16 is already as fast as without strips. Strips of more than STRIP_PIXELS pixels
would only take more memory.
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
"""Number of pixels above which images are decoded one at a time.

During decoding, Pillow needs four bytes for each pixel, in addition to the three bytes of the decoded image.
"""

VIDEO_AHEAD = 8
"""Number of frames of each clip that are decoded ahead.

For 720p, these frames take about 12 MB and a third of a second. This time evens out the different decoding times of
the frames.
"""

VIDEO_FORMATS = frozenset(
    {"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf"}
    | {"ogg", "mxf", "nut", "ivf", "obu", "h264", "hevc", "m4v", "yuv4mpegpipe", "gif", "apng", "wtv", "dv", "rm"}
)
"""FFmpeg names of the container formats that contain the video itself.

Playlists and lists of files are not included, because such a file from a stranger could make FFmpeg open other files.
"""

SHOWN_ROWS = 50
"""Default number of rows of text on a terminal. With more rows, the summary would scroll away."""

WORST = 5
"""Number of worst pairs that a summary names for each metric."""

LISTED = 20
"""Largest number of pairs of each kind, such as failed pairs, in the lists at the end of a run.

Further pairs are only counted. Such a list fits on a screen.
"""

PAGE_BYTES = 25_165_824
"""Number of bytes for all reference and candidate pictures in a report.

If a report has more pairs, its pictures are smaller. Together with the difference pictures, the maps and the encoding
as text, a report of 1,000 pairs has about 40 MB, and opens in one second.
"""

PAGE_PAIRS = 1000
"""Number of pairs that a report assumes if the real number is unknown. It decides the size of the pictures."""

VIEWED_BYTES = 268_435_456
"""Number of bytes of pixels that may wait until a report draws them, in addition to the pairs that WINDOW counts."""

BOOTSTRAP = 1000
"""Number of bootstrap resamples for a confidence interval.

With this number, another seed changes the ends of the interval by less than a tenth of its width.
"""

FEWEST = 5
"""Smallest number of scores for which a 95 % confidence interval of the mean is computed.

No method is reliable with fewer scores. Student's t gives the widest of the usual intervals, but for three scores from
an exponential distribution, its interval contains the true mean in only 88 of 100 cases.
"""

SEED = 0
"""Seed of the bootstrap. It is fixed, so that the same run prints the same interval."""

HELD_OUT = 0.2
"""Fraction of the references in a table of votes that is kept for testing, and is not used for training.

The standard error of an agreement that is measured on 200 judgements is about 3 percentage points.
"""

TOLERANCE = 1e-4
"""Default tolerance: the score of a pair may be worse than in an earlier run (the baseline) by at most this value.

It is ten times the largest difference between the scores of two machines or engines (1e-5), so a baseline from one
machine can be used on another. A mean that is worse by more than this value counts as worse, even if a larger tolerance
is given for pairs.
"""

PEAK_WINDOW = 32
"""Width and height, in pixels, of the windows of the metrics `NAME@peak`. Their score is that of the worst window.

A word or a button fills a large part of such a window.
"""

REGIONS = 100
"""Largest number of changed regions that the row of a pair lists for each metric.

If there are more, the last listed region joins all remaining regions. Nobody reads a longer list.
"""

MOST_SHIFT = 16
"""Largest allowed value of `tolerate_shift`, in pixels. The computing time grows with the square of this value."""

GATES: dict[str, dict[str, float]] = {"ui": {"visible-difference": 1.0}, "photo": {"lpips": 0.02}}
"""Largest allowed scores of each gate. A gate is a named set of limits for one kind of images.

The gate "ui" is for screenshots and charts, in which every detail counts; docs/ci.md has the measurement. The gate
"photo" is for photos. JPEG with quality 90, which few people notice, has scores of 0.007 to 0.024 on the Kodak photos.
"""

GATE_SIZES = {"ui": "pad"}
"""Policy for two images of different sizes, for each gate that does not refuse such images.

If a page of a user interface has grown, the common part is compared, and pixels that only one image has count as
changed.
"""

GOLDEN_GATE = "ui"
"""Gate of a pytest test that states no limits. Most images in tests are screenshots and charts."""


RAY_BATCH = 512
"""Largest number of pairs in a task of Ray.

A task of this size takes seconds, so the milliseconds that Ray needs to manage the task do not matter.
"""

RAY_TASKS = 8
"""Smallest number of tasks for each worker if there are few pairs.

With fewer and larger tasks, the other workers would wait for the last task.
"""

RAY_READERS = 4
"""Number of threads that read and decode files in each worker of Ray.

A worker has one core, but these threads mostly wait for the network.
"""

PARQUET_ROWS = 65_536
"""Number of rows in each file of a Parquet folder. For 10 million pairs, there are 150 files of a few megabytes."""

PARQUET_SECONDS = 60.0
"""Number of seconds after which a file of a Parquet folder is written even if it has fewer rows than PARQUET_ROWS.

If the process is killed, the rows of at most this time are lost.
"""


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


def workers(stated: int | None = None) -> int:
    """Return the number of threads that decode images: the stated number, or the default if it is None.

    The default is the number of cores that this process may use, because decoders release the GIL.
    """
    if stated is not None:
        return stated
    try:
        return max(1, len(os.sched_getaffinity(0)))
    except AttributeError:  # not available on macOS and Windows
        return max(1, os.cpu_count() or 1)


LARGEST_ARCHIVE = 64 * 10**9
"""Largest size of an archive of votes, in bytes. The larger of the two published archives has about 6e9 bytes."""

LARGEST_UNPACKED = 128 * 10**9
"""Largest size of an unpacked archive of votes, in bytes.

Images hardly compress, so a much larger size means a decompression bomb.
"""

MOST_ENTRIES = 4_000_000
"""Largest number of files in an archive of votes. The largest published archive has about 600 thousand."""
