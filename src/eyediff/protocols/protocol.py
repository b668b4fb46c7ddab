"""Evaluation protocols, and the settings that a protocol requires of a comparison."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import Setting, UsageError, shown
from ..metrics.lpips import RANGE01
from ..metrics.registry import find_metric
from ..records import AlphaPolicy, Conventions

Averaging: TypeAlias = Literal["images", "scenes"]
"""What the mean of a table is over: all images, or the means of the scenes."""

Rounding: TypeAlias = Literal["8 bits", "none"]
"""What happens to images of more than 8 bits before they are scored."""


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """A named way to compute the numbers of a table.

    Parameters
    ----------
    name, version
        What results name. A change that moves a number gets another version.
    about
        Who uses it, in one sentence.
    metrics
        Names of metrics, whose versions say the channel and the range that a metric sees.
    border
        Pixels that are cut off at each side: a number, "scale" or "scale + N". The scale is that of super-resolution.
    alpha
        What transparency becomes; see `records.AlphaPolicy`.
    rounding
        What happens to images of more than 8 bits.
    averaging
        What the mean of a table is over.
    source
        For metrics and settings: the file that defines each.
    """

    name: str
    version: str
    about: str
    metrics: tuple[str, ...]
    border: int | str
    alpha: AlphaPolicy
    rounding: Rounding
    averaging: Averaging
    source: Mapping[str, str]

    @property
    def qualified_name(self) -> str:
        """Name and version, such as `sr-y@1`."""
        return f"{self.name}@{self.version}"

    @property
    def needs_scale(self) -> bool:
        """True if the border depends on the scale of super-resolution."""
        return isinstance(self.border, str)

    @property
    def channel(self) -> Mapping[str, str]:
        """Channel of each metric, such as Y of BT.601, and other properties that distinguish its version."""
        return {name: _about(name) for name in self.metrics}

    @property
    def range(self) -> Mapping[str, tuple[int, int]]:
        """By metric with a network: black and white as the network sees them. LPIPS expects (-1, 1)."""
        deep = [name for name in self.metrics if find_metric(name)[0].is_deep]
        return {name: (0, 1) if find_metric(name)[1] == RANGE01 else (-1, 1) for name in deep}

    def border_at(self, scale: int | None) -> int:
        """Return the pixels that are cut off at each side.

        Raises
        ------
        UsageError
            If the border depends on the scale and none is given, or the scale is below 1.
        """
        if scale is not None and scale < 1:
            raise UsageError(f"scale {scale}: expected 1 or more, such as 4 for images that were enlarged four times")
        if not isinstance(self.border, str):
            return self.border
        if scale is None:
            raise UsageError(
                f"the protocol {shown(self.name)} cuts off a border of {self.border} pixels: state how many times the "
                "images were enlarged, such as ",
                Setting("scale", 4),
            )
        return scale + int(self.border.partition("+")[2] or 0)

    def conventions(self, scale: int | None = None) -> Conventions:
        """Return what a comparison under this protocol follows, for `run.ComparisonOptions`; see `border_at`."""
        return Conventions(self.qualified_name, self.border_at(scale), self.rounding == "8 bits")

    def choose(self, requested: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return the metrics of the protocol that are requested, in its order; all if None.

        A name without version, such as `psnr` or `lpips`, stands for the protocol's metrics of that kind.

        Raises
        ------
        UsageError
            If the protocol has no such metric.

        Examples
        --------
        >>> from eyediff.protocols import find_protocol
        >>> find_protocol("sr-y").choose(["ssim", "psnr"])
        ('psnr@y', 'ssim@y')
        """
        if requested is None:
            return self.metrics
        chosen: set[str] = set()
        for name in requested:
            found = {own for own in self.metrics if is_kind(own, name)}
            if not found:
                raise UsageError(
                    f"the protocol {shown(self.name)} has no {shown(name)}, only {', '.join(self.metrics)}; leave it "
                    "out, or compare without the protocol"
                )
            chosen |= found
        return tuple(name for name in self.metrics if name in chosen)


def is_kind(metric: str, kind: str) -> bool:
    """Return whether a name without version, or a family, means a metric: `lpips` is `lpips-vgg@range01` too."""
    return kind in (metric, metric.partition("@")[0]) or metric.startswith(f"{kind}-")


def check_border(border: object) -> int | str:
    """Return a border as it was written. Raises ValueError unless it is one."""
    if isinstance(border, int) and not isinstance(border, bool) and border >= 0:
        return border
    if isinstance(border, str) and re.fullmatch(r"scale( \+ [0-9]{1,4})?", border):
        return border
    raise ValueError(f'border is {border!r}, expected a number from 0 on, "scale", or "scale + N"')


def _about(metric: str) -> str:
    info, version = find_metric(metric)
    return info.programs[version].about or info.citation
