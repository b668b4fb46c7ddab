"""Which images of a set belong together: by the folder that they lie in, or by a part of their path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Setting, UsageError, shown
from .job import Failed, Source

SUBFOLDER = "subfolder"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Places in `Source.names` by group, in the order of the groups' names; and images that belong to none."""

    groups: Mapping[str, Sequence[int]]
    strays: Sequence[Failed] = ()


def grouping(source: Source, rule: str) -> Grouping:
    """`rule` is "subfolder", or a regular expression that is searched for in the path below the folder.

    The group is what its first parenthesis found, or all that it found where it has none. Raises UsageError for an
    expression that is none, or that fits no image.
    """
    try:
        pattern = re.compile(r"^(?:(.*)/)?" if rule == SUBFOLDER else rule)
    except re.error as error:
        raise UsageError(Setting("groups", rule), f": {error}; give `subfolder` or a regular expression") from error
    found: dict[str, list[int]] = {}
    strays = []
    for place, name in enumerate(source.names):
        match = pattern.search(name)
        group = None if match is None else match[1 if pattern.groups else 0]
        if rule == SUBFOLDER:
            group = group or "."
        if group is None:
            strays.append(Failed(name, "group", f"the rule {rule} finds nothing in this name: it belongs to no group"))
        else:
            found.setdefault(group, []).append(place)
    if not found:
        raise UsageError(Setting("groups", rule), f" fits no image, such as {shown(source.names[0])}")
    return Grouping({name: found[name] for name in sorted(found)}, strays)
