"""The memory limit of a run: how it is written, and how much of it each network may take."""

from __future__ import annotations

import re

from .. import defaults
from ..errors import UsageError

UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)


def parse_amount(text: str) -> int:
    """Return the bytes of an amount such as `2GB` or `1.5g`. A unit is 1024 times the one below.

    Raises
    ------
    UsageError
        If the text is no amount.

    Examples
    --------
    >>> parse_amount("1.5k")
    1536
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise UsageError(f"memory {text!r}: expected an amount such as 2GB or 800MB")
    return int(float(match[1]) * 1024 ** UNITS[match[2].lower()])


def check_memory(asked: int | str | None) -> int:
    """Return the memory limit in bytes; None means the default of this machine. Raises UsageError if it is too low."""
    if asked is None:
        return defaults.memory()
    memory = parse_amount(asked) if isinstance(asked, str) else asked
    if memory < defaults.LEAST_MEMORY:
        least = f"{defaults.LEAST_MEMORY // 1024**2}MB"
        raise UsageError(
            f"memory of {memory / 1024**2:.4g} MB: the libraries take half of {least} alone; give {least} or more"
        )
    return memory


def memory_per_network(memory: int, networks: int) -> int:
    """Return the bytes that each network may take. They compute in turn, but keep their memory."""
    return (memory - defaults.LIBRARIES) // max(1, networks)
