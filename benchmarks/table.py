"""Compare the cost of `eyediff table` with that of its metrics alone: `python benchmarks/table.py [--quick]`.

The command `eyediff table` has 5 methods, 100 images of 512x512 and the default metrics. Its time includes start-up,
decoding, means and intervals. The metrics alone run in a loop over the same images, which are already decoded. LPIPS
gets the features of the ground truth, which are computed once per image. Both run in separate processes, in turn, with
all threads. The means must be the same. The aim is a ratio of at most 1.25. The ratio of processor seconds is also
valid on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from run import environment, machine  # noqa: E402 - this folder is no package

METRICS = ("lpips", "psnr", "ssim")
AIM = 1.25


def draw(folder: Path, methods: int, images: int, side: int) -> None:
    """Write gt/ and m0/, m1/, ...: photo-like images with noise that grows with the number of the method."""
    random = np.random.default_rng(0)
    for name in ("gt", *(f"m{method}" for method in range(methods))):
        (folder / name).mkdir()
    for index in range(images):
        small = Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8))
        smooth = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC), np.float64)
        grain = random.normal(0, 4, smooth.shape)
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"gt/{index:03}.png")
        for method in range(methods):
            noisy = smooth + grain + random.normal(0, 4 + 4 * method, smooth.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"m{method}/{index:03}.png")


Answer = tuple[float, float, list[list[float]]]
"""Seconds, processor seconds, and the means, methods x metrics."""


def run_table(folder: Path, methods: int, env: dict[str, str]) -> Answer:
    """Measure the command."""
    folders = [str(folder / f"m{method}") for method in range(methods)]
    output = folder / "table.json"
    command = [sys.executable, "-m", "eyediff", "table", str(folder / "gt"), *folders, "-m", ",".join(METRICS)]
    start, used = time.perf_counter(), _used_by_children()
    subprocess.run([*command, "--device", "cpu", "-o", str(output)], env=env, stderr=subprocess.PIPE, check=True)
    took, cpu = time.perf_counter() - start, _used_by_children() - used
    found = json.loads(output.read_text())["methods"].values()
    return took, cpu, [[entry["mean"] for entry in method.values()] for method in found]


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_metrics(folder: Path, methods: int, env: dict[str, str]) -> Answer:
    """Measure the metrics alone, in a separate process."""
    command = [sys.executable, __file__, "--compute", str(folder), "--methods", str(methods)]
    answer = json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout)
    return answer["seconds"], answer["cpu"], answer["means"]


def compute(folder: Path, methods: int) -> None:
    """Measure the metrics, and print the answer for `run_metrics` as JSON."""
    import eyediff

    def read(name: str) -> list[np.ndarray]:
        return [np.asarray(Image.open(path)) for path in sorted((folder / name).iterdir())]

    truth, outputs = read("gt"), [read(f"m{method}") for method in range(methods)]
    lpips, *others = (eyediff.Metric(name, device="cpu") for name in METRICS)
    lpips.distance(truth[0], outputs[0][0])  # the first call loads the network
    scores = np.zeros((methods, len(METRICS), len(truth)))
    start, used = time.perf_counter(), time.process_time()
    for image, reference in enumerate(truth):
        point = lpips.embed(reference)
        for method in range(methods):
            candidate = outputs[method][image]
            pixels = [metric.distance(reference, candidate) for metric in others]
            scores[method, :, image] = [lpips.distance(point, candidate), *pixels]
    took, cpu = time.perf_counter() - start, time.process_time() - used
    print(json.dumps({"seconds": took, "cpu": cpu, "means": scores.mean(2).tolist()}))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", type=int, default=5)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="2 methods, 3 images of 64x64, one round: start-up rules")
    parser.add_argument("--compute", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.compute:
        compute(options.compute, options.methods)
        return
    if options.quick:
        options.methods, options.images, options.side, options.rounds = 2, 3, 64, 1
    threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, options.methods, options.images, options.side)
        env = environment(threads, folder / "none")
        found: dict[str, list[list[float]]] = {"table": [], "metrics": []}
        for _ in range(options.rounds):
            for who, measure in (("table", run_table), ("metrics", run_metrics)):
                *used, means = measure(folder, options.methods, env)
                found[who].append(used)
                if who == "table":
                    expected = means
                elif not np.allclose(means, expected, rtol=0, atol=1e-5):
                    sys.exit(f"the means differ: {means}, not {expected}")
    what = f"{options.methods} methods x {options.images} images of {options.side}x{options.side}"
    print(f"| {what} | eyediff table, start-up included | the metrics alone | ratio (aim: {AIM} at most) |")
    print("|---|---|---|---|")
    for place, unit in enumerate(("seconds", "processor seconds")):
        table, metrics = (statistics.median(used[place] for used in rounds) for rounds in found.values())
        print(f"| {unit} | {table:.1f} | {metrics:.1f} | {table / metrics:.3f} |")
    print(f"\n{machine(threads)}")


if __name__ == "__main__":
    main()
