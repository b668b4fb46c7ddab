"""A pull from beginning to end: two images in, a folder of what happened out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from PIL import Image as PILImage
from torch import Tensor

from .. import images
from .._version import __version__
from ..errors import DeviceError, Setting, UsageError, check_sides, shown
from ..images.size import resized, size_of
from ..optional import is_installed
from ..output.atomic_write import atomic_path
from ..output.schema import encodable, number
from ..output.text import figure
from ..records import Image, Pixels, SizePolicy
from ..run.interrupts import Interrupts
from . import pictures
from .folder import BESIDE, CURVE, LOG, RESULT, Folder
from .goals import Goal
from .plan import MAX_PIXELS, Plan
from .pull import noise, pixels_of, pull, tensor_of

NOISE = "noise"
"""In the place of a start: pixels by chance."""

Device: TypeAlias = Literal["cpu", "cuda"]
Film: TypeAlias = Literal["gif", "apng"]
Report: TypeAlias = Callable[[int, int], None]
"""Told the steps that are done, out of all."""


@dataclass(frozen=True)
class Two:
    """A start and a target of one size, their names, and what a person should know of how they were read."""

    start: Pixels
    target: Pixels
    names: tuple[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The scores of start and result, as they are saved, and the steps between them; fewer than planned if interrupted.

    `curve` is False where matplotlib is missing, and so the picture of the curve.
    """

    first: float
    last: float
    steps: int
    interrupted: bool
    curve: bool


def read_two(start: str, target: Path, policy: SizePolicy, side: int | None, seed: int) -> Two:
    """Both images, the start brought to the target's size by `policy`; with `side` shrunk to that longer side first.

    Transparency is shown on white. Raises ImageError, SizeError where sizes differ, UsageError for too many pixels.
    """
    aim = _shrunk(_on_white(images.read(target)), side)
    height, width = aim.pixels.shape[:2]
    if height * width > MAX_PIXELS:
        raise UsageError(
            f"{shown(target)} is {size_of(aim.pixels)}, more than {MAX_PIXELS / 1e6:.1f} megapixels, which takes "
            "gigabytes and hours; shrink it with ",
            Setting("side", 512),
        )
    if start == NOISE:
        return Two(noise(height, width, seed), aim.pixels, (NOISE, aim.name), _notes(aim))
    aim, begun = images.fit(aim, _shrunk(_on_white(images.read(Path(start))), side), policy)
    return Two(begun.pixels, aim.pixels, (begun.name, aim.name), _notes(begun) + _notes(aim))


def run(
    two: Two,
    goal: Goal,
    plan: Plan,
    path: Path,
    *,
    film: Film = "gif",
    device: Device = "cpu",
    report: Report | None = None,
) -> Outcome:
    """Pull by a plan and write the folder: log.jsonl, frames/, result.png, side-by-side.png, an animation, curve.png.

    Scores are of the pixels as they are saved, 8 bits a channel: `eyediff compare result.png target` gives the last
    one. The first Ctrl-C ends the pull with what there is. Raises SizeError and UsageError before anything is written,
    OutputError where writing fails.
    """
    check_sides(goal.name, goal.smallest, two.target.shape[1], two.target.shape[0])
    place = _device(device)
    folder = Folder(path)
    goal.module.to(place)
    start, target = tensor_of(two.start).to(place), tensor_of(two.target).to(place)
    folder.begin(_header(two, goal, plan))
    try:
        return _pulled(start, target, goal, plan, folder, film, report)
    finally:
        folder.close()


def _pulled(
    start: Tensor, target: Tensor, goal: Goal, plan: Plan, folder: Folder, film: Film, report: Report | None
) -> Outcome:
    frames: list[tuple[str, pictures.Pixels]] = []
    scores: list[float] = []

    def keep(step: int, image: Tensor, loss: float | None) -> None:
        pixels = pixels_of(image)
        score = goal.score(tensor_of(pixels).to(target.device), target)
        told = {} if loss is None else {"loss": number(loss)}
        folder.line({"step": step, **told, "score": number(score), "frame": folder.frame(step, pixels)})
        frames.append((f"step {step}: {figure(score)}", pixels))
        scores.append(score)

    keep(0, start, None)
    kept, done = plan.shown(), 0
    with Interrupts() as interrupts:
        for done, loss, image in pull(start, target, goal, plan):
            if done in kept or interrupts.seen:
                keep(done, image, loss)
            else:
                folder.line({"step": done, "loss": number(loss)})
            if report is not None:
                report(done, plan.steps)
            if interrupts.seen:
                break
    folder.picture(RESULT, PILImage.fromarray(frames[-1][1]))
    target_pixels = pixels_of(target)
    begun = (f"start, {goal.name} {figure(scores[0])}", frames[0][1])
    folder.picture(BESIDE, pictures.side_by_side([begun, frames[-1], ("target", target_pixels)]))
    folder.film(film, *pictures.film(frames, target_pixels))
    curve = is_installed("matplotlib")
    if curve:
        with atomic_path(folder.path / CURVE) as part:
            pictures.curve(folder.path / LOG, part)
    return Outcome(scores[0], scores[-1], done, done < plan.steps, curve)


def _header(two: Two, goal: Goal, plan: Plan) -> dict[str, object]:
    names = dict(zip(("start", "target"), map(encodable, two.names), strict=True))
    about = {
        "eyediff": __version__,
        "metric": goal.name,
        "version": goal.version,
        "weights_sha256": goal.weights_sha256,
        "higher_is_better": goal.higher_is_better,
    }
    return {**about, **names, "width": two.target.shape[1], "height": two.target.shape[0], **asdict(plan)}


def _device(name: Device) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise DeviceError("this torch sees no CUDA device; use ", Setting("device", "cpu"))
    return torch.device(name)


def _on_white(image: Image) -> Image:
    if image.over_white is None:
        return image
    return Image(image.name, image.over_white, notes=(*image.notes, "transparency is shown on white"))


def _shrunk(image: Image, side: int | None) -> Image:
    height, width = image.pixels.shape[:2]
    if side is None or max(height, width) <= side:
        return image
    factor = side / max(height, width)
    pixels = resized(image.pixels, max(1, round(height * factor)), max(1, round(width * factor)))
    return Image(image.name, pixels, notes=(*image.notes, f"shrunk from {size_of(image.pixels)} to {size_of(pixels)}"))


def _notes(image: Image) -> tuple[str, ...]:
    return tuple(f"{shown(image.name)}: {note}" for note in image.notes)
