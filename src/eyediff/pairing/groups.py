"""Find the group of a name, such as its scene, from its folder or from a part of its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import Setting, UsageError, shown
from ..records import Pair
from .lazy import Lazy

SUBFOLDER = "subfolder"


def group_function(rule: str) -> Callable[[str], str | None]:
    """Return a function that returns the group of a path, or None if the path has no group.

    `rule` is "subfolder", or a regular expression that is searched for in the path. The group is the match of its first
    parenthesis, or the whole match if the expression has no parenthesis.

    Raises
    ------
    UsageError
        If the rule is not a valid regular expression.
    """
    if rule == SUBFOLDER:
        return lambda name: name.rpartition("/")[0] or "."
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UsageError(Setting("groups", rule), f": {error}; give `subfolder` or a regular expression") from error

    def group(name: str) -> str | None:
        found = pattern.search(name)
        return None if found is None else found[1 if pattern.groups else 0]

    return group


def group_pairs(pairs: Sequence[Pair], rule: str) -> Sequence[Pair]:
    """Return the pairs with the groups that a rule finds in their names.

    Raises
    ------
    UsageError
        If the rule is invalid, or if a pair belongs to no group.
    """
    group = group_function(rule)
    if (stray := next((pair for pair in pairs if group(pair.name) is None), None)) is not None:
        raise UsageError(
            Setting("groups", rule),
            f": there is no group in {shown(stray.name)}; give `subfolder` or an expression that fits every name",
        )
    return Lazy(pairs, lambda pair: replace(pair, group=group(pair.name)))
