"""Group the images of a set by subfolder, or by a part of their path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Setting, UsageError, shown
from .job import FailedImage, ImageSet

SUBFOLDER = "subfolder"


@dataclass(frozen=True, slots=True)
class Grouping:
    """Indices in `ImageSet.names` by group, sorted by the groups' names; and the images that belong to no group."""

    groups: Mapping[str, Sequence[int]]
    ungrouped: Sequence[FailedImage] = ()


def group_images(source: ImageSet, rule: str) -> Grouping:
    """Group the images of a set.

    Parameters
    ----------
    source : ImageSet
        The set.
    rule : str
        "subfolder", or a regular expression that is searched for in the path below the folder. The group is the match
        of the first parenthesis, or the whole match if there is none.

    Returns
    -------
    Grouping

    Raises
    ------
    UsageError
        If the expression is invalid, or matches no image.
    """
    try:
        pattern = re.compile(r"^(?:(.*)/)?" if rule == SUBFOLDER else rule)
    except re.error as error:
        raise UsageError(Setting("groups", rule), f": {error}; give `subfolder` or a regular expression") from error
    groups: dict[str, list[int]] = {}
    ungrouped = []
    for index, name in enumerate(source.names):
        match = pattern.search(name)
        group = None if match is None else match[1 if pattern.groups else 0]
        if rule == SUBFOLDER:
            group = group or "."
        if group is None:
            ungrouped.append(
                FailedImage(name, "group", f"the rule {rule} finds nothing in this name: it belongs to no group")
            )
        else:
            groups.setdefault(group, []).append(index)
    if not groups:
        raise UsageError(Setting("groups", rule), f" fits no image, such as {shown(source.names[0])}")
    return Grouping({name: groups[name] for name in sorted(groups)}, ungrouped)
