"""The metrics of a run: the engines that compute them, and a header with their versions and weights."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UsageError
from ..interfaces import Engine
from ..records import Header

Group = tuple[tuple[str, ...], Engine]
"""Names of columns, and the engine that computes these columns in one call."""


@dataclass(frozen=True, slots=True)
class MetricSet:
    """The engines that score the pairs of a run, and the header of the results.

    Parameters
    ----------
    groups
        Names of columns, and the engine that computes these columns. For one name, ``engine.distances`` returns N
        scores. For K names, it returns N x K scores, with the columns in the order of the names.
    header
        Description of the metrics. ``header.metrics`` has the same names as the groups. Its order is the order of the
        columns in the results.

    Raises
    ------
    UsageError
        If the names of the groups and of the header differ.
    """

    groups: tuple[Group, ...]
    header: Header

    def __post_init__(self) -> None:
        computed = [name for names, _ in self.groups for name in names]
        described = self.header.metrics
        if sorted(computed) != sorted(described) or set(described) != set(self.header.higher_is_better):
            raise UsageError(
                f"the header describes the metrics {list(described)}, but the engines compute {computed}; "
                "expected the same names"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the metrics in the order of the columns."""
        return tuple(self.header.metrics)

    def engine(self, name: str) -> Engine:
        """Return the engine that computes a column.

        Raises
        ------
        KeyError
            If no column has this name.
        """
        return {column: engine for columns, engine in self.groups for column in columns}[name]
