"""Parse the memory limit of a run, check it, and divide it among the networks."""

from __future__ import annotations

import re

from .. import defaults
from ..errors import UsageError

UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

_AMOUNT = re.compile(r"\s*(\d{1,18}(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)


def parse_amount(text: str) -> int:
    """Return the number of bytes in an amount such as `2GB` or `1.5g`. Each unit is 1024 times the next smaller one.

    Raises
    ------
    UsageError
        If the text is not an amount of memory.

    Examples
    --------
    >>> parse_amount("1.5k")
    1536
    """
    match = _AMOUNT.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not an amount of memory; expected an amount such as 2GB or 800MB")
    return int(float(match[1]) * 1024 ** UNITS[match[2].lower()])


def check_memory(asked: int | str | None) -> int:
    """Return a memory limit in bytes. `None` gives the default of this machine.

    Raises
    ------
    UsageError
        If the text is not an amount of memory, or if the limit is too low.
    """
    if asked is None:
        return defaults.memory()
    memory = parse_amount(asked) if isinstance(asked, str) else asked
    if memory < defaults.LEAST_MEMORY:
        least = f"{defaults.LEAST_MEMORY // 1024**2}MB"
        raise UsageError(
            f"a memory limit of {memory / 1024**2:.4g} MB is too low; set it to {least} or more, "
            "because the libraries alone need half of that amount"
        )
    return memory


def memory_per_pair(memory: int) -> int:
    """Return the number of bytes that a pair of images may take as decoded pixels: the limit without the libraries."""
    return memory - defaults.LIBRARIES


def memory_per_side(memory: int) -> int:
    """Return the number of bytes that decoded pixels may take for one side of a pair, or for one list of images.

    Before an image is decoded, nobody knows how large its partner is.
    """
    return memory_per_pair(memory) // 2


def memory_per_network(memory: int, networks: int) -> int:
    """Return the number of bytes that each network may take.

    The memory is divided, because each network keeps its buffers while the others compute.
    """
    return memory_per_pair(memory) // max(1, networks)
