"""Divide the images of a set into groups by their subfolder, or by another part of their path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import Setting, UsageError, shown
from ..pairing.groups import group_function
from .job import FailedImage, ImageSet


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of the images of a set.

    `groups` maps the name of each group to the indices of its images in `ImageSet.names`. The names are sorted.
    `ungrouped` has the images that belong to no group.
    """

    groups: Mapping[str, Sequence[int]]
    ungrouped: Sequence[FailedImage] = ()


def group_images(source: ImageSet, rule: str) -> Grouping:
    """Divide the images of a set into groups.

    Parameters
    ----------
    source : ImageSet
        Images of the set.
    rule : str
        "subfolder", or a regular expression. A regular expression is searched for in the path of each image below the
        folder of the set. The group is the text that the first parenthesis matches. If the expression has no
        parenthesis, the group is the text that the complete expression matches.

    Returns
    -------
    Grouping

    Raises
    ------
    UsageError
        If the regular expression is invalid, or if it matches the path of no image.
    """
    group_of = group_function(rule)
    groups: dict[str, list[int]] = {}
    ungrouped = []
    for index, name in enumerate(source.names):
        group = group_of(name)
        if group is None:
            ungrouped.append(
                FailedImage(
                    name, "group", f"the image belongs to no group, because the rule {rule} does not match its path"
                )
            )
        else:
            groups.setdefault(group, []).append(index)
    if not groups:
        raise UsageError(
            Setting("groups", rule),
            f" does not match the path of any image, such as {shown(source.names[0])}; "
            "give `subfolder`, or an expression that matches the paths",
        )
    return Grouping({name: groups[name] for name in sorted(groups)}, ungrouped)
