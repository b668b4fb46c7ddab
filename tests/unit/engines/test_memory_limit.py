"""Amounts of memory: as people write them, and what is refused."""

from __future__ import annotations

import pytest

from eyediff import defaults
from eyediff.engines import memory_limit as budget
from eyediff.errors import UsageError

GB = 1024**3


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2GB", 2 * GB), ("2 gb", 2 * GB), ("1.5G", GB * 3 // 2), ("800MiB", 800 * 1024**2), ("1t", 1024 * GB), ("7", 7)],
)
def test_amounts_are_read(text: str, expected: int) -> None:
    """With or without a space, B or iB, in any case; a bare number is bytes."""
    assert budget.parse_amount(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2XB", "GB", "1e9", "2,5GB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """With an example of one."""
    with pytest.raises(UsageError, match="such as 2GB"):
        budget.parse_amount(text)


def test_too_little_is_refused() -> None:
    """The libraries alone would pass it: said before any work."""
    with pytest.raises(UsageError, match=r"100 MB.*set it to 512MB or more"):
        budget.check_memory("100MB")


def test_the_default_is_of_this_machine() -> None:
    """Within the limits, and the same at every call, so that strips do not change from run to run."""
    assert defaults.LEAST_MEMORY <= budget.check_memory(None) == defaults.memory() <= defaults.MOST_MEMORY


def test_networks_share_what_the_libraries_leave() -> None:
    """Each keeps what it took while the next computes."""
    assert (
        budget.memory_per_network(2 * GB, 0)
        == budget.memory_per_network(2 * GB, 1)
        == 2 * budget.memory_per_network(2 * GB, 2)
        == 2 * GB - defaults.LIBRARIES
    )
