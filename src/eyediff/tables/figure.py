"""Draw a figure as in papers: magnified crops of the ground truth and of every method, with the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EyediffError, Setting, UsageError, shown
from ..images import composites
from ..records import Numbers, Rectangle
from ..report.pictures import Levels, eight_bits
from ..report.plot import TONES, check, panels_of, save
from .formats import name_metric
from .means import TableData
from .methods import TablePlan

_INCHES = 2.0
"""Height of a panel, in inches."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """The image that a figure shows.

    Parameters
    ----------
    image
        Name of the image.
    place
        Index of the image in the table.
    pixels
        Compared pixels of the ground truth and then of each method.
    crops
        Parts of the image to magnify.
    """

    image: str
    place: int
    pixels: Sequence[Levels]
    crops: Sequence[Rectangle]


def load_exhibit(plan: TablePlan, path: Path, image: str | None, crops: Sequence[Rectangle]) -> Exhibit:
    """Read the images that a figure shows, and check that the figure can be drawn.

    Call this function before long work.

    Parameters
    ----------
    plan
        Plan of the table.
    path
        File of the figure, with the suffix .png, .svg or .pdf.
    image
        Name of the image to show. If None, it is the first image.
    crops
        Parts of the image to magnify. If there are none, the figure shows the complete image.

    Raises
    ------
    UsageError
        If matplotlib is not installed, if the image is not in the table, if it cannot be read, if it has several frames
        or pages, or if a crop is not inside it.
    OutputError
        If the file cannot be written.
    """
    check(path)
    if image is not None and image not in plan.images:
        raise UsageError(
            Setting("image", image),
            f" is not in the table; give the name of an image of the table, such as {shown(plan.images[0])}",
        )
    place = 0 if image is None else list(plan.images).index(image)
    loader, pixels = plan.run.loader, list[Levels]()
    for pair in plan.pairs_of(place):
        try:
            both = loader.read(pair.reference), loader.read(pair.candidate)
            reference, candidate = loader.fit(*both)
        except EyediffError as error:
            raise UsageError(
                f"the figure needs the image {shown(plan.images[place])} of every method: {error}"
            ) from error
        for file in both:
            if file.later:
                raise UsageError(
                    f"the figure shows one frame, but {shown(file.name)} has {len(file.frames)} frames or pages, and "
                    "the worst frame may depend on the method and metric; save one frame as a file, or give another ",
                    Setting("image"),
                )
        black, *_ = composites(reference, candidate)
        pixels += [eight_bits(side) for side in (black if not pixels else black[1:])]
    height, width = pixels[0].shape[:2]
    for crop in crops:
        if crop.x + crop.width > width or crop.y + crop.height > height:
            raise UsageError(
                Setting("crop", crop),
                f" is not inside the image {shown(plan.images[place])}, which has {width}x{height} pixels",
            )
    return Exhibit(plan.images[place], place, pixels, crops)


def draw_figure(table: TableData, scores: Mapping[str, Numbers], exhibit: Exhibit, path: Path) -> None:
    """Draw the figure, and save it to `path`.

    It shows the ground truth with a frame around each crop, and the magnified crops of the ground truth and of every
    method. The scores of the image stand below the crops of each method.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    height, width = exhibit.pixels[0].shape[:2]
    crops = exhibit.crops or [Rectangle(0, 0, width, height)]
    whole = 1 if exhibit.crops else 0
    columns = whole + len(exhibit.pixels)
    wide = max(crop.width / crop.height for crop in crops)
    tall = _INCHES * len(crops)
    figure, panels = panels_of(
        len(crops), columns, (whole * tall * width / height + _INCHES * wide * len(exhibit.pixels) + 0.2, tall + 0.6)
    )
    grid = panels[0][0].get_gridspec()
    if whole:
        grid.set_width_ratios([tall * width / height, *[_INCHES * wide] * len(exhibit.pixels)])
        _draw_overview(panels, exhibit, crops)
    labels = ["ground truth", *(_label(table, scores, exhibit.place, index) for index in range(len(table.methods)))]
    for row, crop in enumerate(crops):
        for column, pixels in enumerate(exhibit.pixels):
            panel = panels[row][column + whole]
            part = pixels[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
            panel.imshow(part, interpolation="nearest")
            _frame(panel, TONES[row % len(TONES)] if whole else None)
            if row == len(crops) - 1:
                panel.set_xlabel(labels[column], fontsize=8)
    save(figure, path)


def _draw_overview(panels: Any, exhibit: Exhibit, crops: Sequence[Rectangle]) -> None:
    """Draw the complete ground truth in the first column, over all rows, with a frame around each crop."""
    first = panels[0][0]
    for row in range(1, len(crops)):
        panels[row][0].remove()
    first.set_subplotspec(first.get_gridspec()[:, 0])
    first.imshow(exhibit.pixels[0])
    for row, crop in enumerate(crops):
        right, bottom = crop.x + crop.width, crop.y + crop.height
        xs, ys = [crop.x, right, right, crop.x, crop.x], [crop.y, crop.y, bottom, bottom, crop.y]
        first.plot([x - 0.5 for x in xs], [y - 0.5 for y in ys], color=TONES[row % len(TONES)], lw=1.5)
    _frame(first, None)
    first.set_xlabel(shown(exhibit.image), fontsize=8)


def _frame(panel: Any, colour: str | None) -> None:
    panel.set(xticks=[], yticks=[])
    for spine in panel.spines.values():
        spine.set(color=colour or "none", linewidth=1.5)


def _label(table: TableData, scores: Mapping[str, Numbers], image: int, method: int) -> str:
    lines = [shown(table.methods[method])]
    for metric, values in scores.items():
        decimals = len(table.overall.entries[metric][method].text.partition(".")[2])
        lines.append(f"{name_metric(metric)} {values[method, image]:.{decimals}f}")
    return "\n".join(lines)
