"""Measure memory, files and threads of long runs: `python benchmarks/many_pairs.py [--pairs 500,5000] [--metric NAME]`.

Each run is a separate process over hard links to a few small images. The benchmark prints a table. It ends with exit
code 1 if the last run exceeds the first: by more than 10 % in peak memory, or by any open file or thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from eyediff import defaults

FILES, SIDE = 20, 64
LIMIT = 1.10


def make(folder: Path, pairs: int) -> tuple[Path, Path]:
    """Create two folders of `pairs` files each, which are links to FILES images."""
    random = np.random.default_rng(0)
    sides = folder / f"first{pairs}", folder / f"second{pairs}"
    for side in sides:
        side.mkdir()
        for index in range(pairs):
            path = side / f"{index:06}.png"
            if index < FILES:
                Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path)
            else:
                path.hardlink_to(side / f"{index % FILES:06}.png")
    return sides


def most(process: int) -> tuple[int, int]:
    """Return the most open files and threads of a process, sampled twenty times a second until it ends."""
    found = (0, 0)
    while True:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
            now = [len(os.listdir(f"/proc/{process}/{what}")) for what in ("fd", "task")]  # noqa: PTH208 - of /proc
        except OSError:
            return found
        if state == "Z":
            return found
        found = max(found[0], now[0]), max(found[1], now[1])
        time.sleep(0.05)


def measure(first: Path, second: Path, output: Path, metric: str) -> tuple[float, float, int, int]:
    """Return the seconds, peak megabytes, most files and most threads of one `eyediff compare`."""
    command = [sys.executable, "-m", "eyediff", "compare", str(first), str(second), "-m", metric, "-o", str(output)]
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    counts = most(process.pid)
    _, status, used = os.wait4(process.pid, 0)  # of this process only: the peak of all children would hide later ones
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start, used.ru_maxrss / 1024, *counts


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", default="500,5000")
    parser.add_argument("--metric", default=",".join(defaults.METRICS))
    options = parser.parse_args()
    counts = [int(text) for text in options.pairs.split(",")]
    print(f"| pairs of 64x64, {options.metric} | seconds | peak MB | most files | most threads |")
    print("|---|---|---|---|---|")
    peaks, held = [], []
    with tempfile.TemporaryDirectory() as name:
        for count in counts:
            seconds, peak, *open_ = measure(*make(Path(name), count), Path(name) / f"{count}.csv", options.metric)
            peaks.append(peak)
            held.append(open_)
            print(f"| {count} | {seconds:.1f} | {peak:.1f} | {open_[0]} | {open_[1]} |", flush=True)
    ratio = peaks[-1] / peaks[0]
    print(f"\npeak of the last to that of the first: {ratio:.3f} (at most {LIMIT})")
    sys.exit(ratio > LIMIT or any(now > before for now, before in zip(held[-1], held[0], strict=True)))


if __name__ == "__main__":
    main()
