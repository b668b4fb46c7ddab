"""Run the API repeatedly in threads and in pools of processes: `python benchmarks/soak.py [--seconds 60]`.

Each round calls `Metric.distance` in eight threads, `compare` of files at the same time, and a metric in a forked and
in a spawned pool. After each round, the benchmark prints memory, memory in use, open files and threads. It ends with
exit code 1 in these cases:

- A score differs.
- A pool does not answer within a minute.
- A figure grows from the second third of the rounds to the last third. Memory in use may grow by 2 %, and memory by
  10 %: glibc keeps freed memory in up to eight arenas per core.
"""

from __future__ import annotations

import argparse
import ctypes
import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

import eyediff

SIDE, PAIRS, ROUNDS = 64, 8, 6
LIMITS = np.array([1.10, 1.02, 1.0, 1.0])
"""Largest growth of memory, memory in use, open files and threads."""
METRICS = ("lpips-mini", "ssim")


class _Malloc(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = [
        *((name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd")),
        *((name, ctypes.c_size_t) for name in ("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")),
    ]


MALLINFO = ctypes.CDLL(None).mallinfo2
MALLINFO.restype = _Malloc


def held() -> tuple[float, float, int, int]:
    """Return the megabytes in memory and in use by C code, the open files and the threads of this process."""
    pages, found = int(Path("/proc/self/statm").read_text().split()[1]), MALLINFO()
    return (
        pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
        (found.uordblks + found.hblkhd) / 1e6,
        *(sum(1 for _ in Path(f"/proc/self/{w}").iterdir()) for w in ("fd", "task")),
    )


def score(job: tuple[eyediff.Metric, str, str]) -> float:
    """Return the score of one pair, in any thread or process."""
    metric, a, b = job
    return metric.distance(a, b)


def one_round(metrics: list[eyediff.Metric], files: list[tuple[str, str]], folder: Path) -> list[float]:
    """Return all scores. Compute each in four ways, and raise an error if a score differs or a pool hangs."""
    jobs = [(metric, a, b) for metric in metrics for a, b in files]
    with ThreadPoolExecutor(8) as threads:
        rows = threads.submit(eyediff.compare, folder / "a", folder / "b", METRICS)
        found = list(threads.map(score, jobs))
        compared = [row.scores[metric.name] for metric in metrics for row in rows.result().rows]
    ways = [found, compared]
    for method in ("fork", "spawn"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            ways.append(pool.map_async(score, jobs).get(timeout=60))
    for way in ways:
        np.testing.assert_allclose(way, found, rtol=1e-6)
    return found


def main() -> None:
    """Run the rounds, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    end = time.monotonic() + parser.parse_args().seconds
    random = np.random.default_rng(0)
    print("| rounds | MB | in use | files | threads |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        files = []
        for index in range(PAIRS):
            for part in "ab":
                path = Path(name) / part / f"{index}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(path)
            files.append((f"{name}/a/{index}.png", f"{name}/b/{index}.png"))
        metrics, seen = [eyediff.Metric(each, threads=2) for each in METRICS], []
        first = one_round(metrics, files, Path(name))
        while time.monotonic() < end or len(seen) < ROUNDS:
            np.testing.assert_allclose(one_round(metrics, files, Path(name)), first, rtol=1e-6)
            seen.append(held())
            print("| {} | {:.0f} | {:.1f} | {} | {} |".format(len(seen), *seen[-1]), flush=True)
    third = len(seen) // 3  # memory still grows in the first third
    before, after = (np.median(part, axis=0) for part in (seen[third : 2 * third], seen[2 * third :]))
    sys.exit(bool((after > LIMITS * before).any()))


if __name__ == "__main__":
    main()
