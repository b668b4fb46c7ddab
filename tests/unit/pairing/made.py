"""Folders of empty files, and the names and errors that pairing gives for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.pairing import Pairing, pair_up


def files(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def names(pairing: Pairing) -> list[str]:
    return [pair.name for pair in pairing.pairs]


def told(reference: Path, candidate: Path, match: str = "name") -> str:
    with pytest.raises(UsageError) as caught:
        pair_up(reference, candidate, match)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)
