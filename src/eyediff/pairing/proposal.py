"""Propose a matching rule for folders in which no two files match.

The proposal is a part of the error message. It has the patterns that pair the largest number of files of one folder, or
of two folders.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import product

from .rules import parse_rule
from .walk import stem_of, suffix_of

_REFERENCES, _CANDIDATES, _TRIED = 8, 200, 20
"""Numbers of reference names and of candidate names from which patterns are derived, and number of patterns to try."""

_FEW, _BEST = 1000, 2
"""Number of names on which every pattern is tried, and number of the best patterns that are then tried on all names."""

_REFERENCE_WORDS = re.compile(r"(?:^|[^a-z])(?:gt|ref|reference|truth|target|orig|original|hr|clean)(?:[^a-z]|$)")
_EDGES = "_-. "


def propose_patterns(left: Sequence[str], right: Sequence[str], *, one_folder: bool) -> tuple[str, int] | None:
    """Return the rule with the largest number of pairs, and this number. Return None if no rule makes pairs.

    Parameters
    ----------
    left
        Names of the references.
    right
        Names of the candidates.
    one_folder
        True if `left` and `right` are the same names of one folder. Then a rule is proposed only if it pairs at least
        half of the names, and if its two patterns differ in more than numbers. Two names that differ only by a number
        may be any two files of a series, and not a reference and its candidate.

    Notes
    -----
    Each pair of a left and a right name suggests patterns. The common beginning and the common end of the two names, or
    their longest common part, become the fields of a pattern. The patterns that are suggested most often are then tried
    on all names.
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
    for most in (_FEW, max(len(left), len(right))):  # the best patterns for a few names are then tried on all names
        ranked = sorted((_rank(text, left[:most], right[:most], one_folder) for text in texts), reverse=True)
        texts = [text for *_, text in ranked[:_BEST]]
    if not ranked or not ranked[0][0]:
        return None
    pairs, right_way, _, text = ranked[0]
    if one_folder and (4 * pairs < len(left) or (pairs == 1 and not right_way)):
        return None
    return text, pairs


def _differ_by_numbers(reference: str, candidate: str) -> bool:
    """Return whether two patterns are equal if all digits are removed from them."""
    return re.sub(r"\d+", "", reference) == re.sub(r"\d+", "", candidate)


def _rank(text: str, left: Sequence[str], right: Sequence[str], one_folder: bool) -> tuple[int, int, int, str]:
    """Return a key that ranks a matching rule: the number of pairs that it makes, and then values that break ties.

    The first tie breaker is 1 if only the reference pattern has a word such as "gt", and -1 if only the candidate
    pattern has one.
    """
    rule = parse_rule(text)
    ones = {key: name for name in left if (key := rule.reference(name)) is not None}
    others = {key: name for name in right if (key := rule.candidate(name)) is not None}
    pairs = sum(ones[key] != others[key] or not one_folder for key in ones.keys() & others.keys())
    reference, _, candidate = text.lower().partition("=")
    right_way = bool(_REFERENCE_WORDS.search(reference)) - bool(_REFERENCE_WORDS.search(candidate))
    return pairs, right_way, len(candidate) - len(reference), text


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """Return a sample of about `most` names.

    Half of the sample is the beginning of the list, because the partners of these names are at the beginning of the
    other list. The other half is spread evenly over the list.
    """
    if len(names) <= most:
        return names
    step = len(names) // (most // 2)
    return list(dict.fromkeys([*names[: most // 2], *names[::step]]))


def _patterns(one: str, other: str) -> Iterator[tuple[str, str]]:
    """Yield at most two suggestions for two names. Each is a pattern for the reference and one for the candidate.

    The first comes from the common beginning and the common end of the names, the second from their longest common
    part.
    """
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
    if left.endswith("/") and right:  # the field of the common beginning stands for a folder
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
