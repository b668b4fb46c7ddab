"""Every default and limit, once, each with its reason."""

from __future__ import annotations

import os
from pathlib import Path

METRICS = ("lpips", "psnr", "ssim")
"""Metrics of `compare` when none is named: the numbers that papers report. Their weights ship with the package."""

SET_METRIC = METRICS[0]
"""What `matrix`, `nearest` and `diversity` compute when nothing is named: of METRICS the one that embeds images."""

NEIGHBOURS = 5
"""How many `nearest` names: they fit on a screen beside their query."""

MAX_PIXELS = 200_000_000
"""A file that announces more pixels than this is refused before it is decoded: 600 MB of memory an image, and the usual
sign of a decompression bomb. Cameras stop at 150 million."""

MAX_SIDE = 1_000_000
"""Pixels of a side of an image. Pillow takes 12 bytes for each row: of a column of 200 million pixels, 2.3 GB."""

MAX_RUN_LENGTH_PIXELS = 1 << 24
"""Pixels of a BMP in run lengths, which Pillow decodes in Python: 2 seconds. 200 million took 21, of a
file of 1 kB."""

MAX_FETCH = 1 << 30
"""Bytes of a file that is fetched by its URL into memory: MAX_PIXELS of 8-bit colour, raw, is half of it."""

IMAGE_SUFFIXES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif", ".ico"}
    | {".avif", ".ppm", ".pgm", ".pbm", ".pnm"}
    | {".exr", ".hdr", ".pfm", ".heic", ".heif", ".jxl", ".jp2", ".tga", ".npy", ".psd", ".pam"}
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

VIDEO_AHEAD = 8
"""Frames of each clip that are decoded ahead and not yet matched: some 12 MB of 720p, a third of a second to smooth out
groups of pictures."""

VIDEO_FORMATS = frozenset(
    {"mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf"}
    | {"ogg", "mxf", "nut", "ivf", "obu", "h264", "hevc", "m4v", "yuv4mpegpipe", "gif", "apng", "wtv", "dv", "rm"}
)
"""Containers that hold their video themselves, as FFmpeg calls them. Playlists and lists of files are not here: one
from a stranger could make it open other files."""

SHOWN_ROWS = 50
"""Rows of text on a terminal: with more, the summary scrolls away."""

WORST = 5
"""Pairs that a summary names as the worst, by metric."""

LISTED = 20
"""Pairs of each kind that a verdict names before it counts the rest: what fits on a screen."""

PAGE_BYTES = 25_165_824
"""What the reference and candidate pictures in a report may take together. The more pairs there are, the smaller they
become: with differences, maps and the page's coding a report of 1,000 pairs is some 40 MB, which opens in a second."""

PAGE_PAIRS = 1000
"""Pairs that a report is laid out for where nobody knows how many will come."""

VIEWED_BYTES = 268_435_456
"""Pixels, in bytes, that may wait to become pictures of a report, beside those in the window."""

BOOTSTRAP = 1000
"""Resamples behind an interval: its ends then move by less than a tenth of its width from seed to seed."""

FEWEST = 5
"""Scores that an interval of their mean needs. Of fewer no method holds: Student's t, the widest of the usual ones,
covers the true mean of three exponential scores in 88 of 100 cases."""

SEED = 0
"""Of the bootstrap: the same run prints the same interval."""

HELD_OUT = 0.2
"""Of the references of a table of votes, what training does not see: 200 judgements tell agreement to 3 points."""

TOLERANCE = 1e-4
"""By how much a pair may be worse than in an earlier run: ten times what two machines or engines may differ by (1e-5),
so that a baseline made on one machine holds on another. It is the floor for a worse mean too, whatever larger tolerance
is given for a pair."""

PEAK_WINDOW = 32
"""Side in pixels of the windows of which `NAME@peak` takes the worst: a word or a button fills a large part of one."""

REGIONS = 100
"""Changed regions that a row lists by metric; the last one spans all others. More than this is read by nobody."""

MOST_SHIFT = 16
"""Pixels that a region may be displaced by, at most, and be called the same: the time grows with the square."""

GATES: dict[str, dict[str, float]] = {"ui": {"visible-difference": 1.0}, "photo": {"lpips": 0.02}}
"""Limits by the kind of picture. ui: screenshots and charts, of which every detail counts (docs/ci.md has the
measurement). photo: JPEG at quality 90, which few people see, scores 0.007 to 0.024 on the Kodak photos."""

GOLDEN_GATE = "ui"
"""How far a picture may be from its golden where a test names no limit: most are screenshots and charts."""


RAY_BATCH = 512
"""Pairs in a task of Ray: seconds of work, so that the milliseconds which a task costs the head node do not count."""

RAY_TASKS = 8
"""Tasks a worker at least, where there are few pairs: so the last one to be done keeps nobody waiting for long."""

RAY_READERS = 4
"""Threads that read and decode in each worker of Ray, which has one core: they wait for the network, mostly."""

PARQUET_ROWS = 65_536
"""Rows in a part of a Parquet folder: 10 million pairs are 150 files of a few megabytes."""

PARQUET_SECONDS = 60.0
"""A part is written after this time, full or not: what a kill can cost."""


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


LARGEST_ARCHIVE = 64 * 10**9
"""Bytes of an archive of votes; the published ones have some 6 and 1 thousand million."""

LARGEST_UNPACKED = 128 * 10**9
"""Bytes of what is unpacked from one: pictures hardly shrink, so that much more would be a bomb."""

MOST_ENTRIES = 4_000_000
"""Files of one such archive; the largest published one has some 600 thousand."""
