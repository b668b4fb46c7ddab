"""Match the names of references and candidates, and find names that nearly match.

This module works with names only. It reads no files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ..errors import UsageError, shown, some_of
from .rules import Key, Rule
from .walk import natural_key, stem_of

Matched: TypeAlias = tuple[str, str, str]
"""Type of two names that match.

The items are the key that both names have, the path below the folder of references, and the path below the folder of
candidates.
"""


def by_key(folder: Path, names: Sequence[str], key: Key, rule: Rule) -> dict[str, str]:
    """Return a mapping from the key of each name to the name, in natural order of the keys.

    Two names match if they have the same key. Names that the rule does not fit have no key, and are left out.

    Parameters
    ----------
    folder
        Folder that has the names, for the error message.
    names
        Names of the images in the folder.
    key
        Function of `rule` that returns the key of a name.
    rule
        Matching rule.

    Raises
    ------
    UsageError
        If two names have the same key.
    """
    if rule.text == "name":
        return {name: name for name in names}
    found: dict[str, str] = {}
    clashes = []
    for name in names:
        if (shared := key(name)) is not None and (first := found.setdefault(shared, name)) != name:
            clashes.append(f"{shown(first)} and {shown(name)}")
    if clashes:
        meaning = "name apart from the suffix" if rule.text == "stem" else "name under the matching rule"
        raise UsageError(
            f"{shown(folder)}: several files have the same {meaning}: {some_of(clashes)}; "
            "keep only one file of each name, or match by name"
        )
    return {key: found[key] for key in sorted(found, key=natural_key)}


def matched(left: Mapping[str, str], right: Mapping[str, str]) -> list[Matched]:
    """Return the names whose key is in both mappings, in the order of `left`."""
    return [(key, name, right[key]) for key, name in left.items() if key in right]


def alone(these: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """Return the names in `these` whose key is not in `others`, in the order of `these`."""
    return [name for key, name in these.items() if key not in others]


def near_misses(left: Sequence[str], right: Sequence[str], rule: Rule) -> tuple[str, ...]:
    """Return remarks for people about names that have no partner but nearly match another name.

    There is one remark for each kind of difference, such as upper and lower case. The remark states the number of these
    pairs of names, and shows one pair as an example.
    """
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
            hints.append(
                f"names that have no partner, but differ from another name only in {difference}: {len(near)}, "
                f"such as {shown(near[0][0])} and {shown(near[0][1])}"
            )
            told.update(name for name, _ in near)
    return tuple(hints)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
