"""Group the images of a set by subfolder, or by a part of their path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Setting, UsageError, shown
from ..pairing.groups import group_function
from .job import FailedImage, ImageSet


@dataclass(frozen=True, slots=True)
class Grouping:
    """Indices in `ImageSet.names` for each group, sorted by the names of the groups; and the images without a group."""

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
        of the first parenthesis, or the whole match if the expression has no parenthesis.

    Returns
    -------
    Grouping

    Raises
    ------
    UsageError
        If the expression is invalid, or matches no image.
    """
    group_of = group_function(rule)
    groups: dict[str, list[int]] = {}
    ungrouped = []
    for index, name in enumerate(source.names):
        group = group_of(name)
        if group is None:
            ungrouped.append(
                FailedImage(
                    name, "group", f"the rule {rule} does not match this name, so the image belongs to no group"
                )
            )
        else:
            groups.setdefault(group, []).append(index)
    if not groups:
        raise UsageError(Setting("groups", rule), f" matches no image, for example not {shown(source.names[0])}")
    return Grouping({name: groups[name] for name in sorted(groups)}, ungrouped)
