"""How much memory a run may take, as people say it, and what of it is left for the work of networks."""

from __future__ import annotations

import re

from .. import defaults
from ..errors import UsageError

UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)


def parse(text: str) -> int:
    """Bytes of an amount such as `2GB` or `1.5g`, a unit being 1024 of the one below. Raises UsageError."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise UsageError(f"memory {text!r}: an amount such as 2GB or 800MB was expected")
    return int(float(found[1]) * 1024 ** UNITS[found[2].lower()])


def checked(asked: int | str | None) -> int:
    """Bytes that a run may take; None: the default of this machine. Raises UsageError where that is too little."""
    if asked is None:
        return defaults.memory()
    memory = parse(asked) if isinstance(asked, str) else asked
    if memory < defaults.LEAST_MEMORY:
        least = f"{defaults.LEAST_MEMORY // 1024**2}MB"
        raise UsageError(
            f"memory of {memory / 1024**2:.4g} MB: the libraries take half of {least} alone; give {least} or more"
        )
    return memory


def room(memory: int, networks: int) -> int:
    """What each network may take: they compute in turn, but keep what they have."""
    return (memory - defaults.LIBRARIES) // max(1, networks)
