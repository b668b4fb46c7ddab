"""What EYEDIFF_ENGINE=ncnn gains: `python benchmarks/winograd.py [--rounds N]`, with the extra `ncnn` installed.

A pair of pixels by ONNX Runtime, by ncnn and by the peer `lpips`, and a folder's worth of PNG files with start-up by
both engines; each in a process of its own with the same threads, in turn. Medians, and what one is to the other.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from contestant import images
from end_to_end import timed
from run import Contestant, environment, machine, seeded_vgg

FILES = """
import sys
from pathlib import Path
from eyediff.api import Metric
first, second, net, weights, threads = sys.argv[1:]
file = weights if net == "vgg" else None
metric = Metric(f"lpips-{net}", device="cpu", threads=int(threads), weights=file, trust=file is not None)
for path in sorted(Path(first).iterdir()):
    print(metric.distance(path, Path(second) / path.name))
"""


def pixels(net: str, side: int, rounds: int, threads: int, env: dict[str, str]) -> None:
    """A pair that is in memory, by all three."""
    case = {"kind": "lpips", "net": net, "height": side, "width": side, "batch": 1, "seconds": 0.5}
    asked = {"onnxruntime": ("eyediff", {}), "ncnn": ("eyediff", {"EYEDIFF_ENGINE": "ncnn"}), "lpips": ("lpips", {})}
    racers = {title: Contestant(name, threads, env | more) for title, (name, more) in asked.items()}
    found: dict[str, list[float]] = {title: [] for title in racers}
    for _ in range(rounds):
        for title, racer in racers.items():
            answer = racer.ask(case)
            if "error" in answer:
                sys.exit(f"{title}: {answer['error']}")
            found[title] += answer["seconds"]
    for racer in racers.values():
        racer.stop()
    tell(f"{net} {side}x{side}, ms a pair", found)


def files(net: str, count: int, rounds: int, threads: int, env: dict[str, str], folder: Path) -> None:
    """Pairs of PNG files, from the start of the process to the last score; what both say must agree."""
    for name in ("first", "second"):
        (folder / name).mkdir(exist_ok=True)
    for index in range(count):
        for name, image in zip(("first", "second"), images({"batch": 1, "height": 256, "width": 256}), strict=True):
            Image.fromarray(np.roll(image[0], index, 0)).save(folder / name / f"{index:02}.png")
    command = [sys.executable, "-c", FILES, str(folder / "first"), str(folder / "second"), net]
    command += [env["SEEDED_VGG"], str(threads)]
    found: dict[str, list[float]] = {"onnxruntime": [], "ncnn": []}
    said = {}
    for _ in range(rounds):
        for engine, more in (("onnxruntime", {}), ("ncnn", {"EYEDIFF_ENGINE": "ncnn"})):
            seconds, text = timed(command, env | more)
            found[engine].append(seconds)
            said[engine] = np.array(text.split(), float)
    np.testing.assert_allclose(said["ncnn"], said["onnxruntime"], rtol=1e-5)
    tell(f"{net}, {count} pairs of 256x256 PNG, start-up included, ms", found)


def tell(title: str, found: dict[str, list[float]]) -> None:
    """A row: medians, and how many times longer than ncnn the others take."""
    medians = {name: 1e3 * statistics.median(seconds) for name, seconds in found.items()}
    cells = [f"{medians[name]:.1f}" if name in medians else "" for name in ("onnxruntime", "ncnn", "lpips")]
    cells += [f"{medians[name] / medians['ncnn']:.2f}" if name in medians else "" for name in ("onnxruntime", "lpips")]
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    print("| | onnxruntime | ncnn | lpips | gain over onnxruntime | gain over lpips |\n|" + "---|" * 6)
    started = time.strftime("%Y-%m-%d %H:%M")
    with tempfile.TemporaryDirectory() as name:
        env = environment(options.threads, seeded_vgg(Path(name)))
        for net, side in (("vgg", 64), ("vgg", 256), ("vgg", 512), ("alex", 256), ("squeeze", 256), ("mini", 256)):
            pixels(net, side, options.rounds, options.threads, env)
        files("vgg", 20, options.rounds, options.threads, env, Path(name))
    print(f"\n{machine(options.threads)}, {started}")


if __name__ == "__main__":
    main()
