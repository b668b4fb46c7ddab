"""The definition of a target, and the checks that apply to all targets."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from eyediff.errors import EyediffError

from .sandbox import sandbox

MEMORY = 1 << 30
"""Bytes that one input may add to the memory of the process. Inputs are small, so they may ask for little memory."""


@dataclass(frozen=True)
class Target:
    """A reader of foreign bytes.

    `check` reads an input in an empty folder. It returns "read", or "refused" if an EyediffError of one line was
    raised. Any other exception is a finding. `seeds` are inputs to start with, from valid to hostile. `words` are bytes
    that a fuzzer may insert. `most` is the largest length of an input.
    """

    name: str
    check: Callable[[bytes, Path], str]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    most: int = 1 << 14


def hold(target: Target, data: bytes, folder: Path) -> str:
    """Check one input in an empty `folder`, within the sandbox and the memory limit.

    A target must not write outside the folder, send anything or run anything.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    before = peak()
    with sandbox(folder):
        outcome = target.check(data, folder)
    assert outcome in ("read", "refused")
    assert peak() - before < MEMORY, f"took {(peak() - before) >> 20} MB"
    return outcome


def refused(error: EyediffError, *names: object) -> str:
    """Return "refused" if the error is one printable line of limited length with one of the names."""
    told = str(error)
    assert told.isprintable(), f"more than a line: {told!r}"
    assert len(told) < 2000, f"a message of {len(told)} characters"
    assert any(str(name) in told for name in names), f"names no file: {told!r}"
    return "refused"


def peak() -> int:
    """Return the peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
