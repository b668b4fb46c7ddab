"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photos, weights and decode files beside the repository; without it, what needs it is skipped."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared (photos, weights, decode files) is not beside this repository")
    return SHARED
