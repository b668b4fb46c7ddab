"""Amounts of memory: the accepted forms of text, and the refused ones."""

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
    """A space, B and iB are optional, and the case does not matter. A number without a unit is in bytes."""
    assert budget.parse_amount(text) == expected


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2XB", "GB", "1e9", "2,5GB"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Any other text is refused with an example of an amount."""
    with pytest.raises(UsageError, match="such as 2GB"):
        budget.parse_amount(text)


def test_too_little_is_refused() -> None:
    """A limit that the libraries alone would exceed is refused before any work."""
    with pytest.raises(UsageError, match=r"100 MB.*set it to 512MB or more"):
        budget.check_memory("100MB")


def test_the_default_is_of_this_machine() -> None:
    """The default is within the limits and the same at every call, so that strips do not change from run to run."""
    assert defaults.LEAST_MEMORY <= budget.check_memory(None) == defaults.memory() <= defaults.MOST_MEMORY


def test_networks_share_what_the_libraries_leave() -> None:
    """The memory that the libraries leave is divided, because each network keeps its memory while others compute."""
    assert (
        budget.memory_per_network(2 * GB, 0)
        == budget.memory_per_network(2 * GB, 1)
        == 2 * budget.memory_per_network(2 * GB, 2)
        == 2 * GB - defaults.LIBRARIES
    )
