"""Train several networks for lpips-mini on one stream of batches, and keep the better ones.

    python scripts/compare_networks.py photos clic graphics --output candidates --minutes 8

The batches and the teacher's distances cost more than a training step of a small network, so the candidates share them.
After 22 % of the time, the three best networks remain, and after 45 % the two best. The loss of the last steps ranks
them. On a CPU the run is slow; with CUDA, 8 minutes are enough. `candidates/log.jsonl` holds the losses, and
`candidates/NAME.safetensors` holds the weights. The selected network becomes `MINI` in `eyediff/metrics/backbones.py`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from eyediff.defaults import workers
from eyediff.metrics.backbones import MINI, Conv, Pool, Tap, Trunk
from eyediff.training.distillation.distill import load_teacher, open_datasets, select_device, training_pictures
from eyediff.training.distillation.pair_dataset import DatasetBuilder
from eyediff.training.distillation.recipe import DistillationRecipe
from eyediff.training.distillation.run import BatchSampler, Student
from eyediff.weights.containers import write

KEEP = ((0.22, 3), (0.45, 2))
"""Parts of the time, and the number of networks that remain after each."""

LOGGED_EVERY = 200
"""Number of steps that each line of the log averages."""

SAVED_EVERY = 60.0
"""Seconds between two writes of the weights."""

SMOOTHING = 0.8
"""Weight of earlier lines of the log in the loss that ranks the networks."""


def network(name: str, first: int, second: int, *late: int, strided: bool = False) -> Trunk:
    """Return a network whose first grid is that of the shipped network.

    Parameters
    ----------
    first, second
        Channels of the 9x9 layer and of the 3x3 layer after the pooling.
    late
        Channels of the layers on the coarse grid. A positive number stands for a 3x3 layer with a feature layer, and a
        negative number for a 1x1 layer without one.
    strided
        Reach the coarse grid by a stride of the first late layer, not by pooling.
    """
    layers = [
        Conv("features.0", 3, first, 9, 4, 1),
        Pool(3, 2),
        Tap(),
        Conv("features.1", first, second, 3, pad=1),
        Tap(),
    ]
    if not strided:
        layers.append(Pool(2, 2, ceil=True))
    inputs = second
    for index, outputs in enumerate(late, 2):
        kernel, stride = (3 if outputs > 0 else 1), (2 if strided and index == 2 else 1)
        layers.append(Conv(f"features.{index}", inputs, abs(outputs), kernel, stride, kernel // 2))
        if outputs > 0:
            layers.append(Tap())
        inputs = abs(outputs)
    return Trunk(name, "Mini", MINI.citation, tuple(layers))


CANDIDATES = (
    MINI,
    network("deep", 32, 48, 96, 96, 96),
    network("bottleneck", 32, 48, 96, -48, 96, -48, 96, -48, 96),
    network("wide", 24, 64, 96, 96, 96),
    network("strided", 32, 48, 96, 96, 96, strided=True),
)
"""Networks with at most 1.15 times the multiplications of the first. They accept images from 16 pixels a side."""


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
    parser.add_argument("folders", nargs="+", type=Path, help="folders of pictures; held-out ones are skipped")
    parser.add_argument("--output", type=Path, required=True, help="folder of the log, the weights and the groups")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--batch", type=int, default=DistillationRecipe().batch, help="groups of 64x64 crops per step")
    parser.add_argument("--groups", type=int, nargs=2, default=DistillationRecipe().groups)
    parser.add_argument("--workers", type=int, default=workers())
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    arguments = parser.parse_args()
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
