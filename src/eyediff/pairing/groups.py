"""Find the group of each pair, such as its scene, from the folder or from another part of the pair's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..errors import Setting, UsageError, shown
from ..records import Pair
from .lazy import Lazy

SUBFOLDER = "subfolder"


def group_function(rule: str) -> Callable[[str], str | None]:
    """Return a function that takes the name of a pair, and returns its group, or None if it has no group.

    Parameters
    ----------
    rule
        "subfolder", or a regular expression. With "subfolder", the group is the folder in the name. A regular
        expression is searched for in the name, and the group is the text that its first parenthesis matches. If the
        expression has no parenthesis, the group is the text that the complete expression matches.

    Raises
    ------
    UsageError
        If the rule is not a valid regular expression, or if it is empty.
    """
    if not rule:
        raise UsageError(Setting("groups", rule), " is empty; give `subfolder` or a regular expression")
    if rule == SUBFOLDER:
        return lambda name: name.rpartition("/")[0] or "."
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UsageError(
            Setting("groups", rule),
            f" is not a valid regular expression ({error}); give `subfolder` or a regular expression",
        ) from error

    def group(name: str) -> str | None:
        found = pattern.search(name)
        return None if found is None else found[1 if pattern.groups else 0]

    return group


def group_pairs(pairs: Sequence[Pair], rule: str) -> Sequence[Pair]:
    """Return the pairs, each with the group that the rule finds in its name; see `group_function`.

    Raises
    ------
    UsageError
        If the rule is invalid, or if it finds no group in the name of a pair.
    """
    group = group_function(rule)
    if (stray := next((pair for pair in pairs if group(pair.name) is None), None)) is not None:
        raise UsageError(
            Setting("groups", rule),
            f" finds no group in the name {shown(stray.name)}; give `subfolder`, or an expression that fits every name",
        )
    return Lazy(pairs, lambda pair: replace(pair, group=group(pair.name)))
