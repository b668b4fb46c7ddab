"""Match files by name, and find names that nearly match. This module works only on names, not on paths."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ..errors import UsageError, shown, some_of
from .rules import Key, Rule
from .walk import natural_key, stem_of

Matched: TypeAlias = tuple[str, str, str]
"""Type of a match: the common key, the path below the reference, and the path below the candidate."""


def by_key(folder: Path, names: Sequence[str], key: Key, rule: Rule) -> dict[str, str]:
    """Return names by their key, in natural order, without names that the rule does not fit.

    Raises UsageError if two names have the same key.
    """
    if rule.text == "name":
        return {name: name for name in names}
    found: dict[str, str] = {}
    clashes = []
    for name in names:
        if (shared := key(name)) is not None and (first := found.setdefault(shared, name)) != name:
            clashes.append(f"{shown(first)} and {shown(name)}")
    if clashes:
        meaning = "a name without suffix" if rule.text == "stem" else "the match of the rule"
        raise UsageError(
            f"{shown(folder)}: several files have {meaning} in common: {some_of(clashes)}; "
            "keep one of each, or match by name"
        )
    return {key: found[key] for key in sorted(found, key=natural_key)}


def matched(left: Mapping[str, str], right: Mapping[str, str]) -> list[Matched]:
    """Return the names that both sides have, in order."""
    return [(key, name, right[key]) for key, name in left.items() if key in right]


def alone(these: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """Return the names that have no partner, in order."""
    return [name for key, name in these.items() if key not in others]


def near_misses(left: Sequence[str], right: Sequence[str], rule: Rule) -> tuple[str, ...]:
    """Return hints about unmatched names that nearly match: the kind of difference, their number, and one example."""
    likes: list[tuple[str, Callable[[str], str]]] = [
        ("the Unicode form of their letters", _composed),
        ("upper and lower case", lambda name: _composed(name).casefold()),
    ]
    if rule.text == "name":
        likes.append(("their suffix, which matching by stem ignores", stem_of))
    hints: list[str] = []
    if not rule.takes_all:
        return ()
    told: set[str] = set()
    for difference, key in likes:
        by = {key(name): name for name in right}
        near = [(name, by[key(name)]) for name in left if name not in told and key(name) in by]
        if near:
            hints.append(f"{len(near)} differ only in {difference} ({shown(near[0][0])}, {shown(near[0][1])})")
            told.update(name for name, _ in near)
    return tuple(hints)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
