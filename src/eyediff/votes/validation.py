"""Check all files of a study before the study is used. All problems are found and reported together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from .. import images
from ..errors import ImageError, StudyError, shown
from ..images.formats import HEAD, UnsupportedImage, recognise
from ..images.reading import open_image
from .study import Study, StudyItem

ProblemKind: TypeAlias = Literal["missing", "doubled", "unreadable", "wrong shape", "out of range"]

MAX_NAMED_PROBLEMS = 3
"""Number of problems that an error message shows. `eyediff eval check` prints all problems."""

MAX_TEXT_LENGTH = 300
"""Largest number of characters of a file name, and of a description, in the line of a problem."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a study: its kind, its place (a file, or a line of a table), and a description of what is wrong."""

    kind: ProblemKind
    where: str
    what: str

    def __str__(self) -> str:
        return f"{_shorten(self.where)}: {self.kind}: {_shorten(self.what)}"


def _shorten(text: str) -> str:
    """Shorten a text to its beginning and its end, because a name or a cell may be very long."""
    text = shown(text)
    return (
        text if len(text) <= MAX_TEXT_LENGTH else f"{text[: MAX_TEXT_LENGTH // 2]} ... {text[-MAX_TEXT_LENGTH // 2 :]}"
    )


class VoteError(Exception):
    """Exception for one problem of a file or a row. Readers catch it, and collect the problems in a list."""

    def __init__(self, kind: ProblemKind, where: Path | str, what: str) -> None:
        super().__init__()
        self.problem = Problem(kind, str(where), what)


def raise_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Raise StudyError if there are problems. Its message has the number of each kind and the first problems."""
    if not problems:
        return
    counts = ", ".join(f"{count} {kind}" for kind, count in Counter(each.kind for each in problems).items())
    lines = tuple(map(str, problems))
    first = "; ".join(lines[:MAX_NAMED_PROBLEMS])
    more = (
        f"; `eyediff eval check` lists {len(lines) - MAX_NAMED_PROBLEMS} more"
        if len(lines) > MAX_NAMED_PROBLEMS
        else ""
    )
    raise StudyError(f"{shown(path)} has problems ({counts}); nothing was computed. First: {first}{more}", lines)


def check_images(items: Sequence[StudyItem]) -> list[Problem]:
    """Return a problem for each file that is missing or does not begin like an image. Each file is read only once."""
    problems = []
    for path in _images(items):
        try:
            with open_image(path) as file:
                recognise(file.read(HEAD))
        except OSError as error:
            problems.append(Problem("unreadable", str(path), error.strerror or type(error).__name__))
        except UnsupportedImage as error:
            if isinstance(error.__cause__, FileNotFoundError):
                problems.append(Problem("missing", str(path), "there is no such image"))
            else:
                problems.append(Problem("unreadable", str(path), str(error)))
    return problems


def find_undecodable(study: Study, workers: int) -> list[Problem]:
    """Decode all images, and return a problem for each damaged file and for images of one item that differ in size."""
    paths = _images(study.items)
    with ThreadPoolExecutor(workers, "eyediff-check") as pool:
        sizes = dict(zip(paths, pool.map(_size, paths), strict=True))
    problems = [Problem("unreadable", str(path), size) for path, size in sizes.items() if isinstance(size, str)]
    for one, other in dict.fromkeys((item.images[0], other) for item in study.items for other in item.images[1:]):
        size, reference_size = sizes[other], sizes[one]
        if not isinstance(size, str) and not isinstance(reference_size, str) and size != reference_size:
            what = f"the image is {size[0]}x{size[1]}, but {shown(one.name)} is {reference_size[0]}x{reference_size[1]}"
            problems.append(Problem("wrong shape", str(other), what))
    return problems


def _images(items: Sequence[StudyItem]) -> list[Path]:
    """Return the paths of all images in the order of the items, each path once."""
    return list(dict.fromkeys(path for item in items for path in item.images))


def _size(path: Path) -> tuple[int, int] | str:
    """Return the width and height of an image, or the reason why it cannot be read."""
    try:
        pixels = images.read(path).pixels
    except ImageError as why:
        return str(why).removeprefix(f"{shown(path)}: ")
    return int(pixels.shape[1]), int(pixels.shape[0])
