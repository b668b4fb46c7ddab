"""Measure peak memory and time for very large images: `python benchmarks/memory.py [--only vgg] [--threads N]`.

Each case runs in its own process, from two files to a score. It reports the peak memory of the process, as the
operating system counts it. The cases "at once" compute a 1080p pair without a limit; the others have the stated limit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from run import environment, machine, seeded_vgg

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Case:
    """One pair. `limit` is the memory limit in GB, or None for no limit."""

    title: str
    net: str
    width: int
    height: int
    limit: float | None
    suffix: str = ".png"


CASES = (
    Case("vgg 1920x1080, at once", "vgg", 1920, 1080, None),
    Case("vgg 1920x1080", "vgg", 1920, 1080, 2),
    Case("vgg 3840x2160", "vgg", 3840, 2160, 2),
    Case("alex 1920x1080, at once", "alex", 1920, 1080, None),
    Case("alex 10000x10000", "alex", 10_000, 10_000, 1.5, ".jpg"),
    Case("alex 100000x1000", "alex", 100_000, 1_000, 1.5),
    Case("alex 1000x100000", "alex", 1_000, 100_000, 1.5),
)


def draw(case: Case, folder: Path) -> list[Path]:
    """Write two files: waves with a repeated grain, and the same waves with stronger grain."""
    random = np.random.RandomState(0)
    grain = random.randint(-12, 13, (512, 512, 3), np.int8)
    found = []
    for index, strength in enumerate((1, 3)):
        rows, columns = np.arange(case.height)[:, None], np.arange(case.width)
        whole = np.empty((case.height, case.width, 3), np.uint8)
        for top in range(0, case.height, 512):
            part = whole[top : top + 512]
            waves = 120 + 40 * np.sin(rows[top : top + 512] / 17) + 40 * np.cos(columns / 23)
            for left in range(0, case.width, 512):
                seen = part[:, left : left + 512]
                seen[:] = waves[:, left : left + 512, None] + strength * grain[: seen.shape[0], : seen.shape[1]]
        path = folder / f"{case.width}x{case.height}-{index}{case.suffix}"
        Image.fromarray(whole).save(path, **({"quality": 95} if case.suffix == ".jpg" else {"compress_level": 1}))
        found.append(path)
    return found


def compute(case: dict[str, Any], threads: int) -> dict[str, Any]:
    """Load the metric, then time one call from the files to the score. This runs in its own process."""
    from eyediff.comparison import Metric

    file = os.environ["SEEDED_VGG"] if case["net"] == "vgg" else None
    memory = "1TB" if case["limit"] is None else f"{case['limit']}GB"
    metric = Metric(
        f"lpips-{case['net']}", device="cpu", threads=threads, weights=file, trust=file is not None, memory=memory
    )
    start, used = time.perf_counter(), time.process_time()
    score = metric.distance(*case["files"])
    found = {"score": score, "seconds": time.perf_counter() - start, "cpu": time.process_time() - used}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found | {"peak_mb": peak / (1024 if sys.platform != "darwin" else 1024**2)}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose title holds this")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(compute(json.loads(options.case), options.threads)))
        return
    print("| a pair, from files | limit MB | peak MB | seconds | us / pixel | CPU us / pixel | score |")
    print("|" + "---|" * 7, flush=True)
    with tempfile.TemporaryDirectory() as name:
        env = environment(options.threads, seeded_vgg(Path(name)))
        for case in CASES:
            if options.only not in case.title:
                continue
            files = draw(case, Path(name))
            ask = json.dumps({"net": case.net, "limit": case.limit, "files": list(map(str, files))})
            command = [sys.executable, __file__, "--threads", str(options.threads), "--case", ask]
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
            limit = "" if case.limit is None else f"{1024 * case.limit:.0f}"
            if done.returncode:
                print(f"| {case.title} | {limit} | failed with code {done.returncode} |" + " |" * 4, flush=True)
                continue
            found, pixels = json.loads(done.stdout), case.width * case.height
            rates = [f"{1e6 * found[key] / pixels:.2f}" for key in ("seconds", "cpu")]
            cells = [case.title, limit, f"{found['peak_mb']:.0f}", f"{found['seconds']:.1f}", *rates]
            print(f"| {' | '.join(cells)} | {found['score']:.6f} |", flush=True)
            for file in files:
                file.unlink()
    print(f"\n{machine(options.threads)}")


if __name__ == "__main__":
    main()
