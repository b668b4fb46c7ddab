"""Everything that eyediff raises on purpose, for the person who reads it.

    EyediffError
    ├── UsageError            the call is wrong: nothing was computed (exit code 2); also a ValueError
    │   ├── ArgumentTypeError   an argument is of a wrong type; also a TypeError
    │   ├── UnknownMetricError  no metric has this name
    │   ├── MissingModuleError  an optional dependency is not installed; the message says how to get it
    │   └── RangeError        an array's values or type do not fit the range that was stated
    ├── ImageError            one image cannot be used; it names the file
    │   └── SizeError         the two images of a pair differ in size; also a ValueError
    │       └── TooSmallError   an image is smaller than a metric takes
    ├── WeightsError          a weights file is not what it should be; nothing of it was used
    │   ├── MissingWeightsError  found nowhere; the message names the ways to get them
    │   └── FetchError        the download failed or brought something else
    ├── DeviceError           the device that was asked for by name is not there
    ├── ResumeError           an unfinished run cannot be continued with these settings
    ├── MergeError            parts of a run are not whole, or do not belong together
    ├── StudyError            people's votes are not whole, or not what they should be; none of them was used
    └── OutputError           results could not be written; what was complete before is kept

Each message is one line: what was given, what was expected, what to do next.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter, with a value where one is meant, inside the message of an error.

    The library does not know how its caller spells a parameter. Its messages show Python's spelling, `size='resize'`;
    the command line shows the option, `--size resize`.
    """

    name: str
    value: object = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class EyediffError(Exception):
    """Base of all errors that eyediff raises on purpose.

    Its arguments are the parts of the message, strings and `Setting`s, which follow each other without spaces.

    Examples
    --------
    >>> error = UsageError("the images differ in size; use ", Setting("size", "resize"))
    >>> str(error)
    "the images differ in size; use size='resize'"
    >>> error.settings
    (Setting(name='size', value='resize'),)
    """

    def __str__(self) -> str:
        return self.spelled(str)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The parameters that the message names."""
        return tuple(part for part in self.args if isinstance(part, Setting))

    def spelled(self, spell: Callable[[Setting], str]) -> str:
        """Return the message with every parameter as `spell` writes it.

        Parameters
        ----------
        spell : callable
            A function that takes a `Setting` and returns its text, such as the option of a command.
        """
        return "".join(spell(part) if isinstance(part, Setting) else str(part) for part in self.args)


class UsageError(EyediffError, ValueError):
    """The call is wrong; nothing was computed. Code that expects a ValueError of a wrong value catches it, too."""


class ArgumentTypeError(UsageError, TypeError):
    """An argument is of a wrong type. Code that expects a TypeError catches it, too."""


class UnknownMetricError(UsageError):
    """No metric has this name."""


class MissingModuleError(UsageError, ModuleNotFoundError):
    """An optional dependency is not installed. `name` is the module; the message says how to get it."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class RangeError(UsageError):
    """An array's values, data type or shape do not fit what was stated of it."""


class ImageError(EyediffError):
    """One image cannot be used. The message names it."""


class SizeError(ImageError, ValueError):
    """Two images differ in size, or have a size that cannot be used. It is a ValueError, too."""


class TooSmallError(SizeError):
    """An image is smaller than a metric takes.

    Attributes
    ----------
    metric
        Name of the metric.
    smallest
        The shortest side that it takes, in pixels.
    width, height
        What was given, in pixels.
    """

    def __init__(self, metric: str, smallest: int, width: int, height: int) -> None:
        super().__init__(f"{metric} needs sides of at least {smallest} pixels, these are {width}x{height}")
        self.metric, self.smallest, self.width, self.height = metric, smallest, width, height


class WeightsError(EyediffError):
    """A weights file is not what it should be; nothing of it was used."""


class MissingWeightsError(WeightsError):
    """Weights were found nowhere; the message names the ways to get them."""


class FetchError(WeightsError):
    """A download failed, or brought something other than what was asked for."""


class DeviceError(EyediffError):
    """The device that was asked for by name is not there."""


class ResumeError(EyediffError):
    """An unfinished run cannot be continued with these settings."""


class MergeError(EyediffError):
    """Parts of a run are not whole, or do not belong together. `problems` has a line for each thing that is wrong."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StudyError(EyediffError):
    """People's votes are not whole, or not what they should be. `problems` has a line for each thing that is wrong."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class OutputError(EyediffError):
    """Results could not be written; what was complete before is kept."""


def shown(name: object) -> str:
    """A file's name for a message of one line: line breaks, and bytes that are no text, are escaped.

    A path that was made of a URL has lost a slash, which it gets back.
    """
    text = str(name)
    if isinstance(name, PurePath):
        text = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+):[/\\]", r"\1://", text)
    return text if text.isprintable() else repr(text)[1:-1]


def excerpt(text: object, most: int = 200) -> str:
    """Return a text from outside for a message: one line, escaped, and cut after `most` characters."""
    line = shown(" ".join(str(text).split()))
    return line if len(line) <= most else f"{line[:most]}..."


def some_of(texts: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """Return the first texts of a list, for a message, and how many follow: "a, b, c and 5 more"."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def check_sides(metric: str, smallest: int, width: int, height: int) -> None:
    """Raise TooSmallError where an image of `width` x `height` pixels has a side below `smallest`."""
    if min(width, height) < smallest:
        raise TooSmallError(metric, smallest, width, height)
