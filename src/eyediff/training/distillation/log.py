"""Write the log of a training run: lines of JSON, each with the number of the step after which it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...errors import ResumeError, shown
from ...output.files import Appender

LOG = "log.jsonl"
"""File name of the log."""


def open_log(path: Path, step: int) -> Appender:
    """Open the log of a run whose last checkpoint was saved after `step`.

    Lines of later steps are removed, because these steps are repeated.

    Raises
    ------
    ResumeError
        If the file is not the log of a run.
    OutputError
        If the file cannot be written.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    keep = 0
    for line in lines:
        if not line.endswith(b"\n"):  # the run ended while it wrote this line
            break
        try:
            later = json.loads(line)["step"] > step
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ResumeError(
                f"{shown(path)}: the file is not the log of a run; move the file, or choose another folder"
            ) from None
        if later:
            break
        keep += len(line)
    return Appender(path, keep)


class Means:
    """Collector of the values of all steps since the last line of the log. It computes their means for the next
    line."""

    def __init__(self) -> None:
        self._steps: list[Mapping[str, float | Tensor]] = []

    def add(self, values: Mapping[str, float | Tensor]) -> None:
        """Add the values of one step. A value that is a tensor is read later, when `line` is called."""
        self._steps.append(values)

    def line(self, record: Mapping[str, object]) -> bytes:
        """Return one line of the log: `record` and the means of the added values. Then forget the added values."""
        names = self._steps[0] if self._steps else {}
        means = {name: float(sum(step[name] for step in self._steps)) / len(self._steps) for name in names}
        self._steps = []
        return (json.dumps({**record, **means}) + "\n").encode()
