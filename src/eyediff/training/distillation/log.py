"""The log of a run: JSON lines, each with the step after which it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ...errors import ResumeError, shown
from ...output.files import Appender

LOG = "log.jsonl"
"""Its name in the folder of a run."""


def open_log(path: Path, step: int) -> Appender:
    """The log of a run that was saved after `step`, to be gone on with: what came later is done, and logged, again.

    Raises ResumeError where the file is no such log, OutputError.
    """
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    keep = 0
    for line in lines:
        if not line.endswith(b"\n"):  # cut short by whatever ended the run
            break
        try:
            later = json.loads(line)["step"] > step
        except (ValueError, TypeError, KeyError, RecursionError):
            raise ResumeError(f"{shown(path)}: is no log of a run; move it away, or name another folder") from None
        if later:
            break
        keep += len(line)
    return Appender(path, keep)


class Means:
    """The figures of single steps, by name, since the last line of the log."""

    def __init__(self) -> None:
        self._figures: list[Mapping[str, float | Tensor]] = []

    def add(self, figures: Mapping[str, float | Tensor]) -> None:
        """Add the figures of one step. Tensors are read only when the line is written."""
        self._figures.append(figures)

    def line(self, about: Mapping[str, object]) -> bytes:
        """One line of the log; begins anew."""
        names = self._figures[0] if self._figures else {}
        means = {name: float(sum(step[name] for step in self._figures)) / len(self._figures) for name in names}
        self._figures = []
        return (json.dumps({**about, **means}) + "\n").encode()
