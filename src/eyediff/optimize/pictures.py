"""What a pull looked like: start, result and target side by side, an animation, and the curve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from ..output.schema import score_from
from ..report.plot import panels_of

Pixels = npt.NDArray[np.uint8]

CLEAR = 224
"""Pixels that a picture's longer side should have on a screen: smaller ones are enlarged by a whole factor, each pixel
a square, so that nothing is invented between them."""

FILM = 512
"""Pixels of an animation's longer side at most; more makes tens of megabytes, and the frames lie beside it whole."""

FRAME, LAST = 80, 2400
"""Milliseconds that a frame of the animation stays, and the last one."""

INK, PAPER, MARGIN, LETTERS = (40, 40, 40), (255, 255, 255), 8, 13


def side_by_side(pictures: Sequence[tuple[str, Pixels]]) -> Image.Image:
    """Pictures of one size from left to right, each under its caption."""
    return sheet([pictures])


def sheet(rows: Sequence[Sequence[tuple[str, Pixels]]], clear: int = CLEAR) -> Image.Image:
    """Rows of pictures of one size, each under its caption, on white; small ones enlarged to `clear` pixels or more.

    Columns are at least `clear` wide, so that pages of one animation have one size whatever their captions.
    """
    factor = -(-clear // max(rows[0][0][1].shape[:2]))
    high, wide = (side * factor for side in rows[0][0][1].shape[:2])
    font = ImageFont.load_default(LETTERS)
    head = LETTERS + MARGIN
    cell = max(wide, clear, *(int(font.getlength(caption)) for row in rows for caption, _ in row)) + MARGIN
    page = Image.new("RGB", (max(map(len, rows)) * cell + MARGIN, len(rows) * (high + head + MARGIN)), PAPER)
    pen = ImageDraw.Draw(page)
    for down, row in enumerate(rows):
        for right, (caption, pixels) in enumerate(row):
            left, top = MARGIN + right * cell, MARGIN // 2 + down * (high + head + MARGIN)
            pen.text((left, top), caption, INK, font)
            large = pixels.repeat(factor, 0).repeat(factor, 1)
            page.paste(Image.fromarray(large), (left, top + head))
    return page


def film(frames: Sequence[tuple[str, Pixels]], target: Pixels) -> tuple[list[Image.Image], list[int]]:
    """An animation's frames, each beside the target, and the milliseconds of each."""
    sheets = [side_by_side([(caption, _filmed(pixels)), ("target", _filmed(target))]) for caption, pixels in frames]
    return sheets, [*[FRAME] * (len(sheets) - 1), LAST]


def _filmed(pixels: Pixels) -> Pixels:
    if max(pixels.shape[:2]) <= FILM:
        return pixels
    picture = Image.fromarray(pixels)
    picture.thumbnail((FILM, FILM), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def curve(log: Path, path: Path) -> None:
    """Draw the scores of a log by step, as PNG. Needs matplotlib."""
    header, *lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    points = [(line["step"], score_from(line["score"])) for line in lines if "score" in line]
    figure, ((panel,),) = panels_of(1, 1, (6, 4))
    panel.plot(*zip(*[point for point in points if np.isfinite(point[1])], strict=True), ".-", lw=1)
    if not header["higher_is_better"] and any(score > 0 for _, score in points):
        panel.set_yscale("log")
    panel.set(xlabel="step", ylabel=header["metric"])
    panel.set_title(f"{header['start']} to {header['target']}", fontsize=9, parse_math=False)  # a file may hold a $
    panel.grid(alpha=0.3)
    figure.savefig(path, dpi=110, format="png")
