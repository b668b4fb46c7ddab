"""Measure one reference against many candidates, and as many separate pairs: `python benchmarks/references.py`.

Both runs call `eyediff.compare` on files, in turn, each in its own process. The first run compares one file with a
folder. The second run compares a folder of copies of the reference with the same folder. The scores must be equal to
the last bit.
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

from run import environment, machine, seeded_vgg

NOISE = 25


def draw(folder: Path, count: int, height: int, width: int) -> None:
    """Write reference.png, the folder `candidates`, and `copies`: the reference under the names of the candidates."""
    random = np.random.RandomState(0)
    for name in ("candidates", "copies"):
        (folder / name).mkdir()
    rows, columns = np.mgrid[0:height, 0:width]
    smooth = (127 + 60 * np.sin(rows / 17) + 60 * np.cos(columns / 23))[..., None] + np.zeros(3)
    reference = smooth.clip(0, 255).astype(np.uint8)
    Image.fromarray(reference).save(folder / "reference.png")
    grain = random.normal(0, NOISE, smooth.shape)
    for index in range(count):
        noisy = (smooth + (index + 1) / count * grain).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / "candidates" / f"{index:03}.png", compress_level=1)
        (folder / "copies" / f"{index:03}.png").hardlink_to(folder / "reference.png")


def compute(metric: str, reference: str, candidates: str) -> None:
    """Compare, and print the times and the scores as JSON. This runs in its own process."""
    from eyediff.comparison import compare
    from eyediff.records import ScoredPair

    start, used = time.perf_counter(), time.process_time()
    rows = compare(reference, candidates, [metric], device="cpu").rows
    scores = [row.scores[metric] for row in rows if isinstance(row, ScoredPair)]
    print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - used, "scores": scores}))


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--metric", default="lpips-alex")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--paths", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.paths:
        compute(options.metric, *options.paths)
        return
    width, height = map(int, options.size.split("x"))
    threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, options.count, height, width)
        env = environment(threads, seeded_vgg(folder))
        found: dict[str, list[dict[str, object]]] = {"reference.png": [], "copies": []}
        for _ in range(options.rounds):
            for reference, answers in found.items():
                command = [sys.executable, __file__, "--metric", options.metric]
                command += ["--paths", str(folder / reference), str(folder / "candidates")]
                answers.append(json.loads(subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True).stdout))
    if found["reference.png"][0]["scores"] != found["copies"][0]["scores"]:
        sys.exit("the scores differ")
    medians = {
        key: [statistics.median(answer[key] for answer in answers) for answers in found.values()]
        for key in ("seconds", "cpu")
    }
    print(f"| {options.count} x {options.metric} {options.size} | one reference | separate pairs | times faster |")
    print("|---|---|---|---|")
    for key, (one, separate) in medians.items():
        print(f"| {key} | {one:.1f} | {separate:.1f} | {separate / one:.2f} |")
    print(f"\n{machine(threads)}")


if __name__ == "__main__":
    main()
