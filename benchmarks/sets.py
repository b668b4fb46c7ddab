"""Measure commands for sets of images, and compare with peers: `python benchmarks/sets.py [--quick]`.

1. All pairs of 200 images of 64x64 with AlexNet: `eyediff matrix` from files to a file, including start-up, against the
   peer, which needs two forward passes per pair. The peer is timed in a loop on a sample of pairs: one pair at a time,
   with the model loaded and the images in memory as tensors. The benchmark multiplies this time by the number of pairs,
   and the output says so.
2. `eyediff diversity` of 1,000 and of 4,000 images of 64x64: seconds and peak memory. Each run is a separate process.
3. With --search: the exact search of `nearest` against faiss (IndexFlatL2 and HNSW), on points of AlexNet's length.
"""

from __future__ import annotations

import argparse
import json
import os
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
from run import Contestant, environment, machine  # noqa: E402 - this folder is no package

SIDE = 64


def make(folder: Path, count: int) -> Path:
    """Write PNG files with random smooth content, so that no two are alike."""
    folder.mkdir()
    random = np.random.RandomState(count)
    for index in range(count):
        small = random.randint(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / f"{index:05}.png")
    return folder


def timed(arguments: list[str], env: dict[str, str]) -> tuple[float, float, str]:
    """Run `eyediff` in a new process. Return the seconds, the peak memory in MB and the standard output."""
    read, write = os.pipe()
    with os.fdopen(read) as pipe:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "eyediff", *arguments], env=env, stdout=write, stderr=subprocess.DEVNULL
        )
        os.close(write)
        said = pipe.read()
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"eyediff {' '.join(arguments)} failed with {process.returncode}")
    return took, usage.ru_maxrss / 1024, said


def pairs(folder: Path, count: int, rounds: int, threads: int, env: dict[str, str]) -> None:
    """Compare the time of the matrix with that of the peer, which scores pair by pair."""
    images, output = make(folder / "pairs", count), folder / "matrix.npy"
    ours = [timed(["matrix", str(images), "-m", "lpips-alex", "-o", str(output)], env)[0] for _ in range(rounds)]
    peer = Contestant("lpips", threads, env)
    case = {"kind": "lpips", "net": "alex", "height": SIDE, "width": SIDE, "batch": 1, "seconds": 3.0}
    answers = [peer.ask(case) for _ in range(rounds)]
    peer.stop()
    number = count * (count - 1) // 2
    print(f"all {number} pairs of {count} images {SIDE}x{SIDE}, alex")
    print(f"  eyediff matrix, files to file, start-up included: {statistics.median(ours):.2f} s ({_all(ours)})")
    if "error" in answers[0]:
        print(f"  lpips: {answers[0]['error']}")
        return
    each = statistics.median([second for answer in answers for second in answer["seconds"]])
    sample = sum(len(answer["seconds"]) for answer in answers)
    whole = each * number
    print(f"  lpips, two forward passes a pair: {1e3 * each:.1f} ms a pair, measured on {sample} pairs;")
    print(f"    extrapolated to all pairs: {whole:.0f} s, {whole / statistics.median(ours):.0f} times as long")


def diversity(folder: Path, counts: tuple[int, int], rounds: int, env: dict[str, str]) -> None:
    """Measure the growth of time and memory with the number of images."""
    seconds: dict[int, list[float]] = {count: [] for count in counts}
    peaks: dict[int, list[float]] = {count: [] for count in counts}
    folders = {count: make(folder / f"{count}", count) for count in counts}
    for _ in range(rounds):
        for count in counts:
            arguments = ["diversity", str(folders[count]), "-m", "lpips-alex", "-f", "json"]
            took, peak, said = timed(arguments, env)
            seconds[count].append(took)
            peaks[count].append(peak)
            found = json.loads(said)["rows"][-1]
            if found["images"] != count:
                raise SystemExit(f"{found['images']} of {count} images counted")
    print(f"diversity of images {SIDE}x{SIDE}, alex, start-up included")
    for count in counts:
        print(
            f"  {count}: {statistics.median(seconds[count]):.2f} s ({_all(seconds[count])}), {max(peaks[count]):.0f} MB"
        )
    few, many = (statistics.median(seconds[count]) for count in counts)
    low, high = (statistics.median(peaks[count]) for count in counts)
    print(f"  {counts[1] / counts[0]:g} times the images: {many / few:.2f} times the time, {high / low:.3f} the memory")


def search(count: int, asked: int) -> None:
    """Compare our exact search with the searches of faiss, in points of AlexNet's length at 64x64."""
    from eyediff.sets.point_search import nearest

    random = np.random.RandomState(0)
    axes = 31872
    points = random.standard_normal((count, axes)).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    queries = points[:asked] + random.standard_normal((asked, axes)).astype(np.float32) / 1000
    start = time.perf_counter()
    found = [[match.index for match in row] for row in nearest(points, queries, 5)]
    print(f"search: {count} points of {axes} figures, {asked} queries\n  eyediff: {time.perf_counter() - start:.2f} s")
    import faiss

    for name, index in (("IndexFlatL2", faiss.IndexFlatL2(axes)), ("IndexHNSWFlat", faiss.IndexHNSWFlat(axes, 32))):
        start = time.perf_counter()
        index.add(points)
        middle = time.perf_counter()
        _, places = index.search(queries, 5)
        end = time.perf_counter()
        right = np.mean([len(set(a) & set(b)) / 5 for a, b in zip(places.tolist(), found, strict=True)])
        print(f"  faiss {name}: {middle - start:.2f} s to build, {end - middle:.2f} s to search, recall {right:.3f}")


def _all(seconds: list[float]) -> str:
    return ", ".join(f"{each:.2f}" for each in seconds)


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--search", action="store_true", help="also against faiss, which must be installed")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = environment(options.threads, folder)
        pairs(folder, 200, rounds, options.threads, env)
        diversity(folder, (1000, 4000), rounds, env)
        if options.search:
            search(2000, 50)
    print(f"\n{machine(options.threads)}")


if __name__ == "__main__":
    main()
