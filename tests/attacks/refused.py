"""The check that every hostile file of weights must pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.errors import WeightsError
from eyediff.weights import containers


def refuse(path: Path, reason: str = ".") -> None:
    """Check that the file raises WeightsError, with one short line that begins with the file's name."""
    with pytest.raises(WeightsError, match=reason) as caught:
        containers.read(path, lambda _: True)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < len(str(path)) + 400
