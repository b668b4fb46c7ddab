"""What a target is, and what is asked of all of them."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from eyediff.errors import EyediffError

from .sandbox import sandbox

MEMORY = 1 << 30
"""Bytes that one input may add to what the process takes. Inputs are small, and so is what they may ask for."""


@dataclass(frozen=True)
class Target:
    """A reader of foreign bytes.

    `check` reads them in a folder of its own and says what came of it: "read", or "refused" where an EyediffError of
    one line was raised. Anything else that it raises is a finding. `seeds` are inputs to begin with, from honest to
    hostile; `words` are what a fuzzer may put in; `most` is the length of an input.
    """

    name: str
    check: Callable[[bytes, Path], str]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    most: int = 1 << 14


def hold(target: Target, data: bytes, folder: Path) -> str:
    """Check one input in an empty `folder`: nothing is written outside of it, nothing sent, nothing run; memory."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    before = peak()
    with sandbox(folder):
        outcome = target.check(data, folder)
    assert outcome in ("read", "refused")
    assert peak() - before < MEMORY, f"took {(peak() - before) >> 20} MB"
    return outcome


def refused(error: EyediffError, *names: object) -> str:
    """ "refused", where the error is one line of a sane length that holds one of the names."""
    told = str(error)
    assert told.isprintable(), f"more than a line: {told!r}"
    assert len(told) < 2000, f"a message of {len(told)} characters"
    assert any(str(name) in told for name in names), f"names no file: {told!r}"
    return "refused"


def peak() -> int:
    """The most bytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
