"""Draw the pictures of a run: start, result and target side by side, an animation, and a curve of the scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..distortions.ops import Picture
from ..output.schema import score_from
from ..report.plot import panels_of

MIN_DISPLAY_SIDE = 224
"""Smallest length of the longer side of a displayed picture, in pixels. Smaller pictures are enlarged by an integer
factor without interpolation."""

MAX_ANIMATION_SIDE = 512
"""Largest side of the pictures in an animation, in pixels. Animations of larger pictures take tens of megabytes.

The saved frames keep their full size.
"""

FRAME_MS, LAST_FRAME_MS = 80, 2400
"""Display times in milliseconds: of each frame of the animation except the last, and of the last frame."""

INK, PAPER, MARGIN, FONT_SIZE = (40, 40, 40), (255, 255, 255), 8, 13


def side_by_side(pictures: Sequence[tuple[str, Picture]]) -> Image.Image:
    """Draw pictures of the same size from left to right, each below its caption."""
    return contact_sheet([pictures])


def contact_sheet(rows: Sequence[Sequence[tuple[str, Picture]]], min_side: int = MIN_DISPLAY_SIDE) -> Image.Image:
    """Draw rows of pictures on a white page. Each picture is below its caption.

    Parameters
    ----------
    rows : sequence of sequences of (str, array of uint8, shape (H, W, 3))
        Captions and pictures of each row. All pictures must have the same size.
    min_side : int
        Smallest length of the longer side of the drawn pictures, in pixels. Pictures are enlarged by the smallest
        integer factor that reaches this length. Every column is at least this wide, so that all pages of an animation
        have the same size.
    """
    factor = -(-min_side // max(rows[0][0][1].shape[:2]))
    height, width = (side * factor for side in rows[0][0][1].shape[:2])
    font = ImageFont.load_default(FONT_SIZE)
    head = FONT_SIZE + MARGIN
    cell = max(width, min_side, *(int(font.getlength(caption)) for row in rows for caption, _ in row)) + MARGIN
    page = Image.new("RGB", (max(map(len, rows)) * cell + MARGIN, len(rows) * (height + head + MARGIN)), PAPER)
    pen = ImageDraw.Draw(page)
    for row_index, row in enumerate(rows):
        for column, (caption, pixels) in enumerate(row):
            left, top = MARGIN + column * cell, MARGIN // 2 + row_index * (height + head + MARGIN)
            pen.text((left, top), caption, INK, font)
            enlarged = pixels.repeat(factor, 0).repeat(factor, 1)
            page.paste(Image.fromarray(enlarged), (left, top + head))
    return page


def animation_frames(frames: Sequence[tuple[str, Picture]], target: Picture) -> tuple[list[Image.Image], list[int]]:
    """Return the frames of an animation and their display times in milliseconds. Each frame also shows the target."""
    target = _fit_animation(target)
    sheets = [side_by_side([(caption, _fit_animation(pixels)), ("target", target)]) for caption, pixels in frames]
    return sheets, [*[FRAME_MS] * (len(sheets) - 1), LAST_FRAME_MS]


def _fit_animation(pixels: Picture) -> Picture:
    if max(pixels.shape[:2]) <= MAX_ANIMATION_SIDE:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((MAX_ANIMATION_SIDE, MAX_ANIMATION_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def draw_curve(log: Path, path: Path) -> None:
    """Read a log, and plot the scores against the steps as a PNG file. This needs matplotlib."""
    header, *lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    points = [(line["step"], score_from(line["score"])) for line in lines if "score" in line]
    figure, ((panel,),) = panels_of(1, 1, (6, 4))
    panel.plot(*zip(*[point for point in points if np.isfinite(point[1])], strict=True), ".-", lw=1)
    if not header["higher_is_better"] and any(score > 0 for _, score in points):
        panel.set_yscale("log")
    panel.set(xlabel="step", ylabel=header["metric"])
    panel.set_title(f"{header['start']} to {header['target']}", fontsize=9, parse_math=False)  # names may contain a $
    panel.grid(alpha=0.3)
    figure.savefig(path, dpi=110, format="png")
