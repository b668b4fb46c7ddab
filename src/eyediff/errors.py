"""Define all errors that eyediff raises on purpose.

    EyediffError
    ├── UsageError            the call is wrong, and nothing was computed (exit code 2); also a ValueError
    │   ├── ArgumentTypeError   an argument has the wrong type; also a TypeError
    │   ├── UnknownMetricError  no metric has this name
    │   ├── MissingModuleError  an optional dependency is not installed; the message says how to install it
    │   └── RangeError        the values or the type of an array do not fit the stated range
    ├── ImageError            one image cannot be used; the message names the image
    │   └── SizeError         the two images of a pair differ in size; also a ValueError
    │       └── TooSmallError   an image is too small for a metric
    ├── WeightsError          a weights file is not as expected; nothing of it was used
    │   ├── MissingWeightsError  no weights were found; the message says how to get them
    │   └── FetchError        the download failed, or the file is not the expected one
    ├── DeviceError           the requested device is not available
    ├── ResumeError           an unfinished run cannot be continued with these settings
    ├── MergeError            parts of a run are incomplete, or do not belong together
    ├── StudyError            the votes of people are incomplete or not as expected; none of them was used
    └── OutputError           results could not be written; complete earlier results are kept

Each message is one line: what was given, what was expected, what to do next.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter of a function that an error message names, with or without a value.

    The library does not know whether its caller is Python code or the command line. Its messages show the parameter as
    in Python, `size='resize'`; the command line shows it as an option, `--size resize`.
    """

    name: str
    value: object = None

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}={self.value!r}"


class EyediffError(Exception):
    """Base class of all errors that eyediff raises on purpose.

    The arguments of the constructor are the parts of the message: strings and `Setting` objects. The message is these
    parts, joined without spaces.

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

    def __reduce__(self) -> tuple[object, ...]:
        # The constructors of some errors have other parameters than `args`, so a copy is made without calling them.
        return _copy_of_error, (type(self), self.args, self.__dict__)

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The parameters that the message names."""
        return tuple(part for part in self.args if isinstance(part, Setting))

    def spelled(self, spell: Callable[[Setting], str]) -> str:
        """Return the message, with the name of each parameter replaced by `spell(parameter)`.

        Parameters
        ----------
        spell : callable
            A function that takes a `Setting` and returns a text, such as the name of a command-line option.
        """
        return "".join(spell(part) if isinstance(part, Setting) else str(part) for part in self.args)


def _copy_of_error(kind: type[EyediffError], parts: tuple[Any, ...], attributes: dict[str, Any]) -> EyediffError:
    """Return an error that was sent to another process or copied."""
    error = kind.__new__(kind, *parts)
    error.__dict__.update(attributes)
    return error


class UsageError(EyediffError, ValueError):
    """The call is wrong, and nothing was computed. Code that catches ValueError catches this error, too."""


class ArgumentTypeError(UsageError, TypeError):
    """An argument has the wrong type. Code that catches TypeError catches this error, too."""


class UnknownMetricError(UsageError):
    """No metric has this name."""


class MissingModuleError(UsageError, ModuleNotFoundError):
    """An optional dependency, the module `name`, is not installed. The message says how to install it."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class RangeError(UsageError):
    """The values, the data type or the shape of an array do not fit the stated range."""


class ImageError(EyediffError):
    """One image cannot be used. The message names the image."""


class SizeError(ImageError, ValueError):
    """Two images differ in size, or have a size that cannot be used. This error is also a ValueError."""


class TooSmallError(SizeError):
    """An image is too small for a metric.

    Attributes
    ----------
    metric
        Name of the metric.
    smallest
        Smallest width and height that the metric accepts, in pixels.
    width, height
        Size of the image, in pixels.
    """

    def __init__(self, metric: str, smallest: int, width: int, height: int) -> None:
        super().__init__(f"{metric} needs sides of at least {smallest} pixels, but the images are {width}x{height}")
        self.metric, self.smallest, self.width, self.height = metric, smallest, width, height


class WeightsError(EyediffError):
    """A weights file is not as expected. Nothing of it was used."""


class MissingWeightsError(WeightsError):
    """No weights were found. The message says how to get them."""


class FetchError(WeightsError):
    """A download failed, or the downloaded file is not the expected one."""


class DeviceError(EyediffError):
    """The requested device is not available."""


class ResumeError(EyediffError):
    """An unfinished run cannot be continued with these settings."""


class MergeError(EyediffError):
    """Parts of a run are incomplete, or do not belong together. `problems` has one line for each problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class StudyError(EyediffError):
    """The votes of people are incomplete, or not as expected. `problems` has one line for each problem."""

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class OutputError(EyediffError):
    """Results could not be written. Complete earlier results are kept."""


def describe_batch(shape: Sequence[int]) -> str:
    """Return the words of a message for a batch of images, such as "images of 640x480 (batch of 2)".

    `shape` begins with the number of images, their height and their width.
    """
    count, height, width = shape[:3]
    return f"images of {width}x{height} (batch of {count})"


def shown(name: object) -> str:
    """Return a name as it is written in a one-line message. Line breaks, and bytes that are not text, are escaped.

    If a `Path` was made from a URL, it has lost one of the two slashes after the scheme; this slash is added again.
    """
    text = str(name)
    if isinstance(name, PurePath):
        text = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]+):[/\\]", r"\1://", text)
    return text if text.isprintable() else repr(text)[1:-1]


def excerpt(text: object, most: int = 200) -> str:
    """Return text from outside eyediff as part of a message: on one line, escaped, and cut after `most` characters."""
    line = shown(" ".join(str(text).split()))
    return line if len(line) <= most else f"{line[:most]}..."


def some_of(texts: Sequence[str], most: int = 3, separator: str = ", ") -> str:
    """Return the first `most` texts of a list and the number of further texts, such as "a, b, c and 5 more"."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return separator.join(texts[:most]) + more


def check_sides(metric: str, smallest: int, width: int, height: int) -> None:
    """Raise TooSmallError if `width` or `height`, in pixels, is less than `smallest`."""
    if min(width, height) < smallest:
        raise TooSmallError(metric, smallest, width, height)


def check_count(name: str, count: int | None) -> None:
    """Raise UsageError if the parameter `name` is a number below 1. None means the default, and is accepted."""
    if count is not None and count < 1:
        raise UsageError(Setting(name, count), " is too small; expected at least 1")


def check_number(
    name: str, number: float | None, low: float, high: float = math.inf, *, without: float | None = None, usual: float
) -> None:
    """Raise UsageError if the parameter `name` is NaN, infinite or out of range. None is accepted.

    The range is from `low` to `high`. If `without` is one of these ends, it is excluded. The message gives the value
    `usual` as an example.
    """
    if number is None or (low <= number <= high and number != without and math.isfinite(number)):
        return
    least = f"above {low:g}" if without == low else f"at least {low:g}"
    most = "" if high == math.inf else f" and below {high:g}" if without == high else f" and at most {high:g}"
    raise UsageError(
        Setting(name, number), f" is not valid; expected a finite number, {least}{most}, such as {usual:g}"
    )
