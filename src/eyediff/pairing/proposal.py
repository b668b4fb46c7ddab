"""Propose patterns that pair most files of one or two folders, for the message if nothing matches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import product

from .rules import parse_rule
from .walk import stem_of, suffix_of

_REFERENCES, _CANDIDATES, _TRIED = 8, 200, 20
"""Number of reference names and of candidate names to look at, and number of patterns to try."""

_FEW, _BEST = 1000, 2
"""Number of names on which all patterns are tried, and number of patterns that are then tried on all names."""

_REFERENCE_WORDS = re.compile(r"(?:^|[^a-z])(?:gt|ref|reference|truth|target|orig|original|hr|clean)(?:[^a-z]|$)")
_EDGES = "_-. "


def propose_patterns(left: Sequence[str], right: Sequence[str], *, one_folder: bool) -> tuple[str, int] | None:
    """Return patterns (a matching rule) that pair most of these names, and the number of pairs; None if none exist.

    For one folder, patterns are proposed only if they pair half of its names, and if the references and candidates
    differ by words. Names that differ only by numbers may be any two files of a series.

    Notes
    -----
    Two names that may be a pair have a common beginning and end, or one longest common part. The common parts become
    fields. The patterns that most pairs of names suggest are tried on all names.
    """
    votes: Counter[str] = Counter()
    for one, other in product(_spread(left, _REFERENCES), _spread(right, _CANDIDATES)):
        if one != other or not one_folder:
            for sides in set(_patterns(one, other)):
                if sides[0] != sides[1] and not (one_folder and _differ_by_numbers(*sides)):
                    votes["=".join(sides)] += 1
                    if one_folder:
                        votes["=".join(reversed(sides))] += 1
    texts = [text for text, _ in votes.most_common(_TRIED)]
    for most in (_FEW, max(len(left), len(right))):  # with many names, only the best patterns are tried on all
        ranked = sorted((_rank(text, left[:most], right[:most], one_folder) for text in texts), reverse=True)
        texts = [text for *_, text in ranked[:_BEST]]
    if not ranked or not ranked[0][0]:
        return None
    pairs, right_way, _, text = ranked[0]
    if one_folder and (4 * pairs < len(left) or (pairs == 1 and not right_way)):
        return None
    return text, pairs


def _differ_by_numbers(reference: str, candidate: str) -> bool:
    """Return whether two patterns differ only by digits in the texts around their fields."""
    return re.sub(r"\d+", "", reference) == re.sub(r"\d+", "", candidate)


def _rank(text: str, left: Sequence[str], right: Sequence[str], one_folder: bool) -> tuple[int, int, int, str]:
    """Return the number of pairs that patterns make, and values that decide between patterns with equal numbers."""
    rule = parse_rule(text)
    ones = {key: name for name in left if (key := rule.reference(name)) is not None}
    others = {key: name for name in right if (key := rule.candidate(name)) is not None}
    pairs = sum(ones[key] != others[key] or not one_folder for key in ones.keys() & others.keys())
    reference, _, candidate = text.lower().partition("=")
    right_way = bool(_REFERENCE_WORDS.search(reference)) - bool(_REFERENCE_WORDS.search(candidate))
    return pairs, right_way, len(candidate) - len(reference), text


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """Return a sample of names.

    Half of it is the beginning of the list, where partners have similar places; half is spread over the list.
    """
    if len(names) <= most:
        return names
    step = len(names) // (most // 2)
    return list(dict.fromkeys([*names[: most // 2], *names[::step]]))


def _patterns(one: str, other: str) -> Iterator[tuple[str, str]]:
    """Yield patterns for two names: one from their common beginning and end, one from their longest common part."""
    first, second = stem_of(one), stem_of(other)
    suffixes = suffix_of(one), suffix_of(other)
    if any(letter in name for name in (one, other) for letter in "{}="):
        return
    before = _count_shared(first, second)
    after = _count_shared(first[before:][::-1], second[before:][::-1])
    start, end = first[:before], first[len(first) - after :]
    middles = first[before : len(first) - after], second[before : len(second) - after]
    left, right = start.rstrip(_EDGES), end.lstrip(_EDGES)
    edges = start[len(left) :], end[: len(end) - len(right)]
    if left.endswith("/") and right:  # a field stands for a folder
        left, edges = left[:-1], (f"/{edges[0]}", edges[1])
    if right.startswith("/"):
        right, edges = right[1:], (edges[0], f"{edges[1]}/")
    fields = [("{folder}" if right else "{name}") if left else "", "{name}" if right else ""]
    if any(fields) and "/" not in (left if right else ""):
        first_side, second_side = (fields[0] + edges[0] + middle + edges[1] + fields[1] for middle in middles)
        yield first_side + suffixes[0], second_side + suffixes[1]
    shared = SequenceMatcher(None, first, second, autojunk=False).find_longest_match()
    common = first[shared.a : shared.a + shared.size].strip(_EDGES + "/")
    if common:
        first_side, second_side = (name.replace(common, "{name}", 1) for name in (first, second))
        yield first_side + suffixes[0], second_side + suffixes[1]


def _count_shared(one: str, other: str) -> int:
    """Return the length of the common beginning of two texts."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
