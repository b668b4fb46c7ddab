"""Define the rules that decide whether a reference and a candidate are a pair.

A rule compares two names completely, without their suffixes, by patterns, or by a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ..defaults import IMAGE_SUFFIXES
from ..errors import Setting, UsageError
from ..records import MatchRule
from .walk import stem_of, suffix_of

Key: TypeAlias = Callable[[str], str | None]
"""Type of a function that returns the key of a name, or None if the rule does not fit the name.

Two names are a pair if they have the same key.
"""

EXAMPLE = "{name}_gt.png={name}_pred.png"

_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that decides whether a reference and a candidate are a pair: they are a pair if their keys are equal.

    Parameters
    ----------
    text
        Text of the rule, as the user gave it.
    reference
        Function that returns the key of the name of a reference.
    candidate
        Function that returns the key of the name of a candidate.
    tells_sides
        Whether the rule can tell references from candidates, so that both may be in the same folder.
    """

    text: str
    reference: Key
    candidate: Key
    tells_sides: bool = False

    @property
    def takes_all(self) -> bool:
        """Return whether the rule fits every name."""
        return self.text in ("name", "stem")


def parse_rule(text: MatchRule) -> Rule:
    """Return the rule that `text` describes; see `records.MatchRule`.

    Raises
    ------
    UsageError
        If the text is not a valid rule.
    """
    if text == "name":
        return Rule(text, str, str)
    if text == "stem":
        return Rule(text, stem_of, stem_of)
    if _FIELD.search(text):
        return _patterns(text)
    return _expression(text)


def _patterns(text: str) -> Rule:
    places = [place for place, letter in enumerate(text) if letter == "="]
    splits = [(text[:place], text[place + 1 :]) for place in places]
    fitting = [sides for sides in splits if set(_fields(sides[0])) == set(_fields(sides[1]))]
    if len(fitting) != 1:
        raise UsageError(
            Setting("match", text),
            " is not a matching rule; expected one pattern for the reference, the character =, and one pattern for the "
            "candidate, both with the same fields, such as ",
            Setting("match", EXAMPLE),
        )
    reference, candidate = fitting[0]
    fields = _fields(reference)
    return Rule(text, _key(reference, fields), _key(candidate, fields), tells_sides=reference != candidate)


def _fields(pattern: str) -> list[str]:
    return list(dict.fromkeys(_FIELD.findall(pattern)))


def _key(pattern: str, fields: list[str]) -> Key:
    """Return the function that returns the key of a name under `pattern`.

    The key consists of the texts that the fields match, in the order of `fields`. A field matches one or more
    characters. The field {name} may match "/"; the other fields do not. If the pattern has no suffix of an image, it
    matches names with any suffix.
    """
    parts = _FIELD.split(pattern)  # text, field, text, field, ..., text
    expression, seen = "", set[str]()
    for place, part in enumerate(parts):
        if place % 2 == 0:
            expression += re.escape(part)
        elif part in seen:
            expression += f"(?P={part})"
        else:
            expression += f"(?P<{part}>{'.+' if part == 'name' else '[^/]+'})"
            seen.add(part)
    if suffix_of(pattern).lower() not in IMAGE_SUFFIXES:
        expression += r"(?:\.[^./]+)?"
    compiled = re.compile(expression, re.DOTALL)

    def key(name: str) -> str | None:
        found = compiled.fullmatch(name)
        return None if found is None else "/".join(found[field] for field in fields)

    return key


def _expression(text: str) -> Rule:
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise UsageError(Setting("match", text), f" is not a valid regular expression ({error})") from error
    if not compiled.groups:
        raise UsageError(
            Setting("match", text),
            " is not a matching rule; expected name, stem, patterns such as ",
            Setting("match", EXAMPLE),
            ", or a regular expression with a group in parentheses",
        )
    named = compiled.groupindex
    sides = {"reference", "candidate"} & set(named)
    if sides and (len(sides) == 1 or "name" not in named):
        raise UsageError(
            Setting("match", text),
            ": a regular expression for one folder needs the three groups `name`, `reference` and `candidate`",
        )

    def key(name: str, side: str | None) -> str | None:
        found = compiled.search(name)
        if found is None or (side is not None and found[side] is None):
            return None
        return found["name" if "name" in named else 1]

    if not sides:
        return Rule(text, lambda name: key(name, None), lambda name: key(name, None))
    return Rule(text, lambda name: key(name, "reference"), lambda name: key(name, "candidate"), tells_sides=True)
