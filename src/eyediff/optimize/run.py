"""Run a complete optimisation: read two images, optimise one of them, and write a folder of results."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from PIL import Image as PILImage
from torch import Tensor

from .. import images
from .._version import __version__
from ..distortions.ops import Picture
from ..engines.torch_runner import TorchDeviceName, require_device
from ..errors import Setting, UsageError, check_sides, shown
from ..images.size import resized, size_of
from ..interfaces import Progress
from ..optional import is_installed
from ..output.atomic_write import atomic_path
from ..output.schema import encodable, number
from ..output.text import figure
from ..records import Image, Pixels, SizePolicy
from ..run.interrupts import Interrupts
from . import contact_sheet
from .descent import descend, noise_image, to_pixels, to_tensor
from .folder import CURVE, LOG, RESULT, SIDE_BY_SIDE, RunFolder
from .objectives import Objective
from .settings import MAX_PIXELS, DescentSettings

NOISE = "noise"
"""Name that stands for a start image of random pixels, in place of a path."""

AnimationFormat: TypeAlias = Literal["gif", "apng"]


@dataclass(frozen=True)
class ImagePair:
    """A start image and a target image of the same size, their names, and notes about how they were read."""

    start: Pixels
    target: Pixels
    names: tuple[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OptimizationResult:
    """The outcome of a run.

    Attributes
    ----------
    first, last : float
        Scores of the start image and of the result, computed from the saved 8-bit pixels.
    steps : int
        Number of completed steps. It is smaller than planned if the run was interrupted.
    interrupted : bool
        Whether the run was interrupted.
    curve : bool
        Whether the plot of the scores was drawn. The plot needs matplotlib.
    """

    first: float
    last: float
    steps: int
    interrupted: bool
    curve: bool


def read_image_pair(start: str, target: Path, policy: SizePolicy, side: int | None, seed: int) -> ImagePair:
    """Read a start image and a target image, and give them the same size. Transparent images are put on white.

    Parameters
    ----------
    start : str
        Path of the start image, or NOISE for random pixels.
    target : Path
        Path of the target image.
    policy : str
        What to do if the sizes differ: how the start image gets the size of the target image.
    side : int or None
        Largest side in pixels. An image with a longer side is reduced to it first. None means no reduction.
    seed : int
        Seed of the random pixels.

    Returns
    -------
    ImagePair

    Raises
    ------
    ImageError
        If an image cannot be read.
    SizeError
        If the sizes differ and the policy is "refuse".
    UsageError
        If the target has more than MAX_PIXELS pixels.
    """
    target_image = _shrink(_on_white(images.read(target, frames="one")), side)
    height, width = target_image.pixels.shape[:2]
    if height * width > MAX_PIXELS:
        raise UsageError(
            f"{shown(target)} is {size_of(target_image.pixels)}; expected at most {MAX_PIXELS / 1e6:.1f} megapixels, "
            "because a larger image takes gigabytes of memory and hours; reduce the image with ",
            Setting("side", 512),
        )
    if start == NOISE:
        noise = noise_image(height, width, seed)
        return ImagePair(noise, target_image.pixels, (NOISE, target_image.name), _notes(target_image))
    start_image = _shrink(_on_white(images.read(Path(start), frames="one")), side)
    target_image, start_image = images.fit(target_image, start_image, policy)
    names = start_image.name, target_image.name
    return ImagePair(start_image.pixels, target_image.pixels, names, _notes(start_image) + _notes(target_image))


def optimize(
    pair: ImagePair,
    objective: Objective,
    settings: DescentSettings,
    path: Path,
    *,
    animation: AnimationFormat = "gif",
    device: TorchDeviceName = "cpu",
    progress: Progress | None = None,
) -> OptimizationResult:
    """Optimise the start image of a pair towards the target image, and write a folder of results.

    Parameters
    ----------
    pair : ImagePair
        Start image and target image.
    objective : Objective
        Metric for which the image is optimised.
    settings : DescentSettings
        Number of steps, learning rate, shifts, seed and number of frames.
    path : Path
        Folder for the results: log.jsonl, frames/, result.png, side-by-side.png, an animation and curve.png.
    animation : {"gif", "apng"}
        Format of the animation.
    device : {"cpu", "cuda"}
        Device on which the metric is computed.
    progress : function, optional
        Function that is called after each step, with the number of completed steps and the number of all steps.

    Returns
    -------
    OptimizationResult

    Raises
    ------
    SizeError, DeviceError, UsageError
        If the images are too small, the device is missing, or the folder has the results of another run. These errors
        are raised before anything is written.
    OutputError
        If a file cannot be written.

    Notes
    -----
    Scores are computed from the saved pixels, which have 8 bits a channel. So `eyediff compare target result.png` gives
    the same score as the last line of the log. The first Ctrl-C ends the run and keeps its results.
    """
    check_sides(objective.name, objective.smallest, pair.target.shape[1], pair.target.shape[0])
    torch_device = require_device(device)
    folder = RunFolder(path)
    objective.module.to(torch_device)
    start, target = to_tensor(pair.start).to(torch_device), to_tensor(pair.target).to(torch_device)
    folder.create(_header(pair, objective, settings))
    try:
        return _descend(start, target, objective, settings, folder, animation, progress)
    finally:
        folder.close()


def _descend(
    start: Tensor,
    target: Tensor,
    objective: Objective,
    settings: DescentSettings,
    folder: RunFolder,
    animation: AnimationFormat,
    progress: Progress | None,
) -> OptimizationResult:
    frames: list[tuple[str, Picture]] = []
    scores: list[float] = []

    def keep_frame(step: int, image: Tensor, loss: float | None) -> None:
        pixels = to_pixels(image)
        score = objective.score(to_tensor(pixels).to(target.device), target)
        losses = {} if loss is None else {"loss": number(loss)}
        folder.write_log({"step": step, **losses, "score": number(score), "frame": folder.write_frame(step, pixels)})
        frames.append((f"step {step}: {figure(score)}", pixels))
        scores.append(score)

    keep_frame(0, start, None)
    frame_steps, done = settings.frame_steps(), 0
    with Interrupts() as interrupts:
        for done, loss, image in descend(start, target, objective, settings):
            if done in frame_steps or interrupts.seen:
                keep_frame(done, image, loss)
            else:
                folder.write_log({"step": done, "loss": number(loss)})
            if progress is not None:
                progress(done, settings.steps)
            if interrupts.seen:
                break
    folder.write_picture(RESULT, PILImage.fromarray(frames[-1][1]))
    target_pixels = to_pixels(target)
    first = (f"start, {objective.name} {figure(scores[0])}", frames[0][1])
    folder.write_picture(SIDE_BY_SIDE, contact_sheet.side_by_side([first, frames[-1], ("target", target_pixels)]))
    folder.write_animation(animation, *contact_sheet.animation_frames(frames, target_pixels))
    curve = is_installed("matplotlib")
    if curve:
        with atomic_path(folder.path / CURVE) as part:
            contact_sheet.draw_curve(folder.path / LOG, part)
    return OptimizationResult(scores[0], scores[-1], done, done < settings.steps, curve)


def _header(pair: ImagePair, objective: Objective, settings: DescentSettings) -> dict[str, object]:
    names = dict(zip(("start", "target"), map(encodable, pair.names), strict=True))
    about = {
        "eyediff": __version__,
        "metric": objective.name,
        "version": objective.version,
        "weights_sha256": objective.weights_sha256,
        "higher_is_better": objective.higher_is_better,
    }
    return {**about, **names, "width": pair.target.shape[1], "height": pair.target.shape[0], **asdict(settings)}


def _on_white(image: Image) -> Image:
    if image.over_white is None:
        return image
    return Image(image.name, image.over_white, notes=(*image.notes, "the transparent image was put on white"))


def _shrink(image: Image, side: int | None) -> Image:
    height, width = image.pixels.shape[:2]
    if side is None or max(height, width) <= side:
        return image
    factor = side / max(height, width)
    pixels = resized(image.pixels, max(1, round(height * factor)), max(1, round(width * factor)))
    return Image(image.name, pixels, notes=(*image.notes, f"reduced from {size_of(image.pixels)} to {size_of(pixels)}"))


def _notes(image: Image) -> tuple[str, ...]:
    return tuple(f"{shown(image.name)}: {note}" for note in image.notes)
