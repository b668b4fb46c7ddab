"""Measure the cost of millions of pairs: `python benchmarks/scale.py [--pairs 200] [--metric lpips-mini]`.

The benchmark measures the cost of a 512x512 pair on one core: reading, decoding and scoring. From that it computes the
cost of 10 million pairs in machines, hours and network traffic. It checks the model with real runs of 1, 2 and 4
workers on this machine. Each worker is a process with one core and one part of the pairs (`eyediff compare --shard`).
`eyediff merge` joins the parts.

Costs are processor seconds, which other work on the machine hardly changes. The model of a run on `cores` cores:

    seconds = (start * workers + pairs * cost) / min(workers, cores)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from run import SHARED, environment, machine  # noqa: E402 - this folder is no package

SIDE = 512
MILLIONS = 10_000_000
MACHINES, CORES = 10, 16  # of the hypothetical cluster
WORKERS = (1, 2, 4)
NOISE = 8


@dataclass(frozen=True)
class Cost:
    """Cost of one pair, in milliseconds of one core and in bytes."""

    decode: float
    score: float
    rest: float
    size: float

    @property
    def whole(self) -> float:
        return self.decode + self.score + self.rest


def photos(count: int) -> list[np.ndarray]:
    """Return real photos, resized to SIDE. Noise would not have a realistic decoding time."""
    found = []
    for path in sorted((SHARED / "images" / "photos").glob("*.png"))[:count]:
        with Image.open(path) as image:
            found.append(np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)))
    if not found:
        sys.exit(f"{SHARED}/images/photos has no photos to measure with")
    return found


def make(folder: Path, suffix: str, pairs: int) -> tuple[Path, Path]:
    """Create two folders of `pairs` files: links to a few photos, and links to noisy versions of them."""
    random = np.random.default_rng(0)
    sides = folder / f"first-{suffix}", folder / f"second-{suffix}"
    images = photos(8)
    options = {"quality": 90} if suffix == "jpg" else {}
    for side in sides:
        side.mkdir()
    for index in range(pairs):
        for side in sides:
            path = side / f"{index:06}.{suffix}"
            if index >= len(images):
                path.hardlink_to(side / f"{index % len(images):06}.{suffix}")
                continue
            pixels = images[index]
            if side is sides[1]:
                pixels = (pixels + random.normal(0, NOISE, pixels.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path, **options)
    return sides


def busy(run: Callable[[], object], repeats: int = 5) -> float:
    """Return the processor milliseconds of a call: the least of several, which other work disturbed least."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times) * 1000


def part_costs(sides: tuple[Path, Path], metric: str) -> tuple[float, float, float]:
    """Return the milliseconds to decode and to score a pair in this process, with one thread, and its file bytes."""
    from eyediff.comparison import Metric
    from eyediff.images import read

    files = [sorted(side.iterdir())[:8] for side in sides]
    decode = busy(lambda: [read(path) for side in files for path in side]) / len(files[0])
    a, b = (np.stack([read(path).pixels for path in side[:2]]) for side in files)
    engine = Metric(metric, device="cpu", threads=1)
    engine.distances(a, b)
    score = busy(lambda: engine.distances(a, b)) / 2
    size = sum(path.stat().st_size for side in files for path in side) / len(files[0])
    return decode, score, size


def workers(
    sides: tuple[Path, Path], metric: str, count: int, folder: Path, env: dict[str, str]
) -> tuple[float, float]:
    """Return the seconds that `count` workers of one core take together, and their processor seconds."""
    cores = sorted(os.sched_getaffinity(0))
    outputs = [folder / f"{count}-{part}.jsonl" for part in range(1, count + 1)]
    before, start = os.times(), time.perf_counter()
    running = []
    for place, output in enumerate(outputs):
        core = {cores[place % len(cores)]}
        command = [sys.executable, "-m", "eyediff", "compare", *map(str, sides), "-m", metric, "-o", str(output)]
        command += ["--shard", f"{place + 1}/{count}"]
        process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        os.sched_setaffinity(process.pid, core)  # early enough: it counts its cores later
        running.append(process)
    codes = [process.wait() for process in running]
    seconds, after = time.perf_counter() - start, os.times()
    merge = [sys.executable, "-m", "eyediff", "merge", *map(str, outputs), "-o", str(folder / f"{count}.jsonl")]
    codes.append(subprocess.run(merge, env=env, stderr=subprocess.DEVNULL, check=False).returncode)
    if any(codes):
        sys.exit(f"a worker ended with {codes}")
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, used


def on_paper(suffix: str, cost: Cost) -> str:
    """Return a row of the table: the cost of 10 million pairs."""
    hours = MILLIONS * cost.whole / 1000 / 3600
    rate = MACHINES * CORES * 1000 / cost.whole
    network = cost.size * rate / MACHINES * 8 / 1e9
    cells = [
        suffix,
        f"{cost.size / 1024:.0f}",
        f"{cost.decode:.1f}",
        f"{cost.score:.1f}",
        f"{cost.rest:.1f}",
        f"{1000 / cost.whole:.1f}",
        f"{hours:.0f}",
        f"{MILLIONS / rate / 3600:.2f}",
        f"{network:.2f}",
        f"{MILLIONS * cost.size / 1e12:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--metric", default="lpips-mini")
    options = parser.parse_args()
    paper, checks = [], []
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(1, folder)
        os.environ.update(env)
        for suffix in ("png", "jpg"):
            sides = make(folder, suffix, options.pairs)
            decode, score, size = part_costs(sides, options.metric)
            paper.append((suffix, decode, score, size))
            if suffix == "png":
                start = workers(_first(sides, folder), options.metric, 1, folder, env)[1]
                for count in WORKERS:
                    checks.append((count, *workers(sides, options.metric, count, folder, env)))
    used = checks[0][2]
    whole = (used - start) / (options.pairs - 1) * 1000
    rest = max(0.0, whole - paper[0][1] - paper[0][2])
    print(
        f"Costs of a pair of {SIDE}x{SIDE}, `{options.metric}`, one core; 10 million on paper, on {MACHINES} machines"
    )
    print(f"of {CORES} cores (network: gigabits a second into each):\n")
    print("| files | KB a pair | decode ms | score ms | rest ms | pairs/s/core | core hours | hours | Gbit/s | TB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for suffix, decode, score, size in paper:
        print(on_paper(suffix, Cost(decode, score, rest, size)))
    print(f"\nThe model against {options.pairs} pairs here ({cores} cores, start-up {start:.2f} s a worker):\n")
    print("| workers | model s | run s | run / model | processor s of the run |\n|---|---|---|---|---|")
    cost = Cost(paper[0][1], paper[0][2], rest, paper[0][3]).whole / 1000
    for count, seconds, used in checks:
        model = (start * count + options.pairs * cost) / min(count, cores)
        print(f"| {count} | {model:.2f} | {seconds:.2f} | {seconds / model:.2f} | {used:.2f} |")
    print(f"\n{machine(1)}")


def _first(sides: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """Create two folders with only the first pair. They show the cost of a run before its second pair."""
    found = folder / "one-first", folder / "one-second"
    for side, one in zip(sides, found, strict=True):
        one.mkdir()
        path = min(side.iterdir())
        (one / path.name).hardlink_to(path)
    return found


if __name__ == "__main__":
    main()
