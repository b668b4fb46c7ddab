"""What trainings in tests share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Sums in one order, so that figures repeat to the last bit on any machine."""
    import torch  # here, since a conftest.py must load where torch is not installed

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """The test runs in one thread."""
    with in_one_thread():
        yield
