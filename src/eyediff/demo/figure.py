"""Draw the figure of the demo: each picture between its two candidates, with the scores and the preferred candidate."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..output.text import figure as format_score
from .trials import Demo, TrialResult

_PAPER, _INK, _FAINT = "#ffffff", "#1c2430", "#7a8594"
_OLD, _NEW = "#c8553d", "#1f7a8c"
_OLD_PALE, _NEW_PALE = "#f8e3dd", "#d9eef2"
_GAP, _MARGIN, _LINE = 6, 24, 24


def draw_figure(demo: Demo, references: Path, candidates: Path) -> Image.Image:
    """Draw all trials, two in each row. A trial is a picture with two distorted candidates.

    Parameters
    ----------
    demo : Demo
        Scores of all trials.
    references, candidates : Path
        Folders of the compared pictures, which are drawn in their original size.

    Returns
    -------
    PIL.Image.Image
    """
    blocks = [_Block(demo.metrics, verdict, references, candidates) for verdict in demo.verdicts]
    width, height = blocks[0].size
    rows = (len(blocks) + 1) // 2
    top = _MARGIN + 58
    page = Image.new("RGB", (2 * width + 3 * _MARGIN, top + rows * (height + _MARGIN)), _PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((_MARGIN, _MARGIN - 4), "Which one is closer to the picture in the middle?", _INK, _font(25))
    x = _MARGIN
    count = f" in {sum(verdict.disagrees for verdict in demo.verdicts)} of {len(blocks)}"
    for text, tone in (("PSNR and SSIM say one thing, ", _OLD), ("LPIPS the other", _NEW), (count, _FAINT)):
        draw.text((x, _MARGIN + 29), text, tone, _font(17))
        x += int(draw.textlength(text, _font(17)))
    for number, block in enumerate(blocks):
        block.draw(page, _MARGIN + (number % 2) * (width + _MARGIN), top + (number // 2) * (height + _MARGIN))
    return page


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


class _Block:
    """The drawing of one trial in the figure: the picture, its two candidates, and their scores."""

    def __init__(self, metrics: tuple[str, ...], verdict: TrialResult, references: Path, candidates: Path) -> None:
        self._metrics, self._verdict = metrics, verdict
        slight, coarse = (verdict.trial.file_name(candidate) for candidate in verdict.trial.candidates)
        files = (candidates / slight, references / slight, candidates / coarse)
        self._pictures = [_read(path) for path in files]
        self._side = self._pictures[0].width
        self.size = (3 * self._side + 2 * _GAP, self._side + _LINE * (len(metrics) + 1) + 6)

    def draw(self, page: Image.Image, left: int, top: int) -> None:
        """Draw the pictures, their labels, and one line of scores for each metric, at column `left` and row `top`."""
        draw = ImageDraw.Draw(page)
        middles = [left + i * (self._side + _GAP) + self._side // 2 for i in range(3)]
        labels = (self._verdict.trial.slight.label, "reference", self._verdict.trial.coarse.label)
        for picture, middle, label in zip(self._pictures, middles, labels, strict=True):
            page.paste(picture, (middle - self._side // 2, top))
            draw.text((middle, top + self._side + 14), label, _INK, _font(16), anchor="mm")
        for number, name in enumerate(self._metrics):
            y = top + self._side + 14 + _LINE * (number + 1)
            new = name.startswith("lpips")
            draw.text((middles[1], y), name, _NEW if new else _OLD, _font(15), anchor="mm")
            slight, coarse = self._verdict.scores
            for candidate, scores, middle in zip(
                self._verdict.trial.candidates, (slight, coarse), (middles[0], middles[2]), strict=True
            ):
                closer = self._verdict.closer[name] is candidate
                text = f"{format_score(scores[name])}  closer" if closer else format_score(scores[name])
                if closer:
                    half = int(draw.textlength(text, _font(15))) // 2 + 10
                    box = (middle - half, y - 10, middle + half, y + 10)
                    draw.rounded_rectangle(box, 10, _NEW_PALE if new else _OLD_PALE)
                draw.text((middle, y), text, (_NEW if new else _OLD) if closer else _FAINT, _font(15), anchor="mm")


def _read(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")
