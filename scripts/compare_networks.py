"""Train several networks for lpips-mini on one stream of batches, and keep the better ones.

    python scripts/compare_networks.py photos clic graphics --output candidates --minutes 8
    python scripts/compare_networks.py --times

The batches and the teacher's distances cost more than a training step of a small network, so the candidates share them.
After 22 % of the time, the three best networks remain, and after 45 % the two best. The loss of the last steps ranks
them. On a CPU the run is slow; with CUDA, 8 minutes are enough. `candidates/log.jsonl` holds the losses, and
`candidates/NAME.safetensors` holds the weights. The selected network becomes `MINI` in `eyediff/metrics/backbones.py`.

`--times` trains nothing. It prints the size of each candidate, and the time of a pair of images with the engine that
computes networks here.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np

from eyediff.defaults import workers
from eyediff.engines.cpu_engine import engine_description
from eyediff.engines.select_runner import create_runner
from eyediff.metrics.backbones import MINI, Conv, Pool, Tap, Trunk
from eyediff.training.distillation.distill import load_teacher, open_datasets, select_device, training_pictures
from eyediff.training.distillation.pair_dataset import DatasetBuilder
from eyediff.training.distillation.recipe import DistillationRecipe
from eyediff.training.distillation.run import BatchSampler, Student
from eyediff.training.distillation.student_network import initial_parameters, network_from_weights, weights
from eyediff.weights.containers import write

KEEP = ((0.22, 3), (0.45, 2))
"""Parts of the time, and the number of networks that remain after each."""

LOGGED_EVERY = 200
"""Number of steps that each line of the log averages."""

SAVED_EVERY = 60.0
"""Seconds between two writes of the weights."""

SMOOTHING = 0.8
"""Weight of earlier lines of the log in the loss that ranks the networks."""


def network(name: str, first: int, *later: tuple[int, int]) -> Trunk:
    """Return a network whose first grid is that of the shipped network.

    Parameters
    ----------
    first
        Number of channels of the 9x9 layer.
    later
        Number of channels and stride of each 3x3 layer after the pooling. A feature layer follows each of them.
    """
    layers = [Conv("features.0", 3, first, 9, 4, 1), Pool(3, 2), Tap()]
    inputs = first
    for index, (outputs, stride) in enumerate(later, 1):
        layers += [Conv(f"features.{index}", inputs, outputs, 3, stride, 1), Tap()]
        inputs = outputs
    return Trunk(name, "Mini", MINI.citation, tuple(layers))


COARSE = ((128, 2), (96, 1), (128, 1))
"""Layers of the shipped network on the grid of 16 pixels."""

CANDIDATES = (
    MINI,
    network("without-layer-3", 32, (64, 1), *COARSE, (96, 2)),
    network("without-layer-7", 32, (64, 1), (64, 1), *COARSE),
    network("without-both", 32, (48, 1), *COARSE),
    network("first-48", 48, (64, 1), (64, 1), *COARSE, (96, 2)),
    network("dense-layer-7", 32, (64, 1), (64, 1), *COARSE, (96, 1)),
)
"""Networks with at most 1.15 times the multiplications of the first. They accept images from 16 pixels a side."""

ROUNDS = 150
"""Number of times that `--times` measures each candidate, in turn."""


def print_times(threads: int) -> None:
    """Print the size of each candidate, and the median time of a pair of 256x256 pixels with random weights."""
    runner = create_runner("cpu", threads)
    networks = []
    for candidate in CANDIDATES:
        parameters = weights(initial_parameters(candidate, 0))
        networks.append(runner.compile_network(network_from_weights(parameters, candidate)))
    a, b = np.random.default_rng(0).integers(0, 256, (2, 1, 256, 256, 3), dtype=np.uint8)
    seconds = np.empty((ROUNDS, len(networks)))
    for taken in seconds:
        for index, compiled in enumerate(networks):
            start = time.perf_counter()
            compiled.layers(a, b)
            taken[index] = time.perf_counter() - start
    print("| network | million multiplications for each image | parameters | ms for each pair |\n|---|--:|--:|--:|")
    for candidate, median in zip(CANDIDATES, np.median(seconds, 0), strict=True):
        parameters = sum(math.prod(shape) for shape in candidate.shapes.values())
        figures = f"{candidate.multiply_adds(256, 256) / 1e6:.1f} | {parameters:,} | {median * 1e3:.2f}"
        print(f"| {candidate.name} | {figures} |")
    print(f"\n{engine_description()}, threads: {threads}")


def train(sampler: BatchSampler, students: dict[str, Student], output: Path, minutes: float) -> None:
    """Train the students until the time is over, and write their weights and the log."""
    output.mkdir(parents=True, exist_ok=True)
    smoothed: dict[str, float] = {}
    cuts = list(KEEP)
    start, step, saved = time.monotonic(), 0, 0.0
    sums: dict[str, dict[str, float]] = {name: {} for name in students}
    with (output / "log.jsonl").open("a", encoding="utf-8") as log:
        while (progress := (time.monotonic() - start) / (60 * minutes)) < 1:
            pixels, expected = sampler.batch(step)
            rate = sampler.recipe.rate_at(step, progress)
            for name, student in students.items():
                for loss, value in student.update(pixels, expected, step, rate).items():
                    sums[name][loss] = sums[name].get(loss, 0.0) + value
            step += 1
            if step % LOGGED_EVERY:
                continue
            means = {n: {loss: float(total) / LOGGED_EVERY for loss, total in sums[n].items()} for n in students}
            for name, losses in means.items():
                latest = losses["distance"] + losses["order"] / 2
                smoothed[name] = SMOOTHING * smoothed.get(name, latest) + (1 - SMOOTHING) * latest
            log.write(json.dumps({"step": step, "progress": round(progress, 4), **means}) + "\n")
            log.flush()
            sums = {name: {} for name in students}
            if cuts and progress >= cuts[0][0]:
                save(students, output, step)
                best = sorted(students, key=smoothed.__getitem__)[: cuts.pop(0)[1]]
                students = {name: student for name, student in students.items() if name in best}
            elif time.monotonic() - start - saved > SAVED_EVERY:
                saved = time.monotonic() - start
                save(students, output, step)
    save(students, output, step)


def save(students: dict[str, Student], output: Path, step: int) -> None:
    """Write the running average of every student's weights."""
    for name, student in students.items():
        write(output / f"{name}.safetensors", student.weights(), {"made": json.dumps({"network": name, "steps": step})})


def main() -> None:
    """Read the arguments and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of pictures; held-out ones are skipped")
    parser.add_argument("--times", action="store_true", help="only print sizes and times")
    parser.add_argument("--threads", type=int, default=1, help="number of threads of --times")
    parser.add_argument("--output", type=Path, help="folder of the log, the weights and the groups")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=DistillationRecipe().batch, help="groups of 64x64 crops per step")
    parser.add_argument("--groups", type=int, nargs=2, default=DistillationRecipe().groups)
    parser.add_argument("--workers", type=int, default=workers())
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments = parser.parse_args()
    if arguments.times:
        print_times(arguments.threads)
        return
    if not arguments.folders or arguments.output is None:
        parser.error("folders of pictures and --output are required to train the networks")
    recipe = DistillationRecipe(
        minutes=arguments.minutes, batch=arguments.batch, groups=(arguments.groups[0], arguments.groups[1])
    )
    device = select_device(arguments.device)
    sources = training_pictures(arguments.folders)
    datasets = open_datasets(sources, arguments.output / "groups", recipe)
    with DatasetBuilder(datasets, sources, arguments.workers) as builder:
        sampler = BatchSampler(recipe, datasets, builder, load_teacher(), device)
        students = {candidate.name: Student(candidate, recipe, device) for candidate in CANDIDATES}
        sampler.crops(0)  # the clock starts when the first crops exist
        train(sampler, students, arguments.output, arguments.minutes)


if __name__ == "__main__":
    main()
