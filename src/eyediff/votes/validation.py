"""A study is looked at as a whole before any of it is used: everything that is wrong with it is found and told."""

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
from .study import Item, Study

Trouble: TypeAlias = Literal["missing", "doubled", "unreadable", "wrong shape", "out of range"]

NAMED = 3
"""Problems that the one line of an error names; `eyediff eval check` prints all."""

LONGEST = 300
"""Characters of a name, or of what is wrong, in a line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, of which sort, and where: a file, or a line of a table."""

    trouble: Trouble
    where: str
    what: str

    def __str__(self) -> str:
        return f"{_brief(self.where)}: {self.trouble}: {_brief(self.what)}"


def _brief(text: str) -> str:
    """A file may be named by, and a cell hold, whole pages: how it begins, and how it ends."""
    text = shown(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


class Wrong(Exception):  # noqa: N818 - it never leaves the package: readers list what it carries
    """One problem, on its way to the list."""

    def __init__(self, trouble: Trouble, where: Path | str, what: str) -> None:
        super().__init__()
        self.problem = Problem(trouble, str(where), what)


def refuse(path: Path, problems: Sequence[Problem]) -> None:
    """Raise StudyError where there is a problem: how many of each sort, and the first few."""
    if not problems:
        return
    counts = ", ".join(f"{count} {trouble}" for trouble, count in Counter(each.trouble for each in problems).items())
    lines = tuple(map(str, problems))
    first = "; ".join(lines[:NAMED])
    more = f"; and {len(lines) - NAMED} more, which `eyediff eval check` lists" if len(lines) > NAMED else ""
    raise StudyError(f"{shown(path)} is no whole study ({counts}), nothing was computed: {first}{more}", lines)


def unlike_images(items: Sequence[Item]) -> list[Problem]:
    """The images that are not there, or whose first bytes are no image's; each file is looked at once."""
    found = []
    for path in _images(items):
        try:
            with path.open("rb") as file:
                recognise(file.read(HEAD))
        except FileNotFoundError:
            found.append(Problem("missing", str(path), "no such image"))
        except OSError as error:
            found.append(Problem("unreadable", str(path), error.strerror or type(error).__name__))
        except UnsupportedImage as why:
            found.append(Problem("unreadable", str(path), str(why)))
    return found


def undecodable(study: Study, workers: int) -> list[Problem]:
    """What only decoding every image shows: damaged files, and images of one item that differ in size."""
    paths = _images(study.items)
    with ThreadPoolExecutor(workers, "eyediff-check") as pool:
        looked = dict(zip(paths, pool.map(_size, paths), strict=True))
    found = [Problem("unreadable", str(path), look) for path, look in looked.items() if isinstance(look, str)]
    for one, other in dict.fromkeys((item.images[0], other) for item in study.items for other in item.images[1:]):
        size, beside = looked[other], looked[one]
        if not isinstance(size, str) and not isinstance(beside, str) and size != beside:
            what = f"{size[0]}x{size[1]}, beside {shown(one.name)} of {beside[0]}x{beside[1]}"
            found.append(Problem("wrong shape", str(other), what))
    return found


def _images(items: Sequence[Item]) -> list[Path]:
    """Every image once, in order."""
    return list(dict.fromkeys(path for item in items for path in item.images))


def _size(path: Path) -> tuple[int, int] | str:
    """Width and height of an image, or why it cannot be read."""
    try:
        pixels = images.read(path).pixels
    except ImageError as why:
        return str(why).removeprefix(f"{shown(path)}: ")
    return int(pixels.shape[1]), int(pixels.shape[0])
