"""Fixtures that tests of training share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Run torch in one thread. Sums then have one order, so values repeat to the last bit on any machine."""
    import torch  # imported here, because a conftest.py must load without torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Run the test in one thread."""
    with in_one_thread():
        yield
