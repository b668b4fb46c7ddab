"""Define the evaluation protocol, and the settings of a comparison that follow from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import Setting, UsageError, shown
from ..metrics.lpips import RANGE01
from ..metrics.registry import MetricNames, find_metric, metric_names
from ..records import AlphaPolicy, Conventions

Averaging: TypeAlias = Literal["images", "scenes"]
"""Unit of the mean in a table: all images, or the means of the scenes."""

Rounding: TypeAlias = Literal["8 bits", "none"]
"""Rounding of images with more than 8 bits before they are scored."""


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """A named way to compute the numbers of a table.

    Parameters
    ----------
    name, version
        Name and version, which results contain. A change that changes a number gets a new version.
    about
        One sentence about the users of the protocol.
    metrics
        Names of metrics. Their versions determine the channel and the range of the input.
    border
        Number of pixels that are cut off at each side: a number, "scale" or "scale + N". "scale" is the enlargement
        factor of super-resolution.
    alpha
        Policy for transparent pixels; see `records.AlphaPolicy`.
    rounding
        Rounding of images with more than 8 bits.
    averaging
        Unit of the mean in a table.
    source
        Source that defines each metric or setting.
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
        """Values of black and white in the input of each metric with a network. LPIPS expects (-1, 1)."""
        deep = [name for name in self.metrics if find_metric(name)[0].is_deep]
        return {name: (0, 1) if find_metric(name)[1] == RANGE01 else (-1, 1) for name in deep}

    def border_at(self, scale: int | None) -> int:
        """Return the number of pixels that are cut off at each side.

        Raises
        ------
        UsageError
            If the border depends on the scale and no scale is given, or if the scale is below 1.
        """
        if scale is not None and scale < 1:
            raise UsageError(
                f"the scale is {scale}; expected 1 or more, such as 4 for images that were enlarged four times"
            )
        if not isinstance(self.border, str):
            return self.border
        if scale is None:
            raise UsageError(
                f"the protocol {shown(self.name)} cuts off a border of {self.border} pixels; give the enlargement "
                "factor of the images, such as ",
                Setting("scale", 4),
            )
        return scale + int(self.border.partition("+")[2] or 0)

    def conventions(self, scale: int | None = None) -> Conventions:
        """Return the conventions of a comparison under this protocol, for `run.ComparisonOptions`; see `border_at`."""
        return Conventions(self.qualified_name, self.border_at(scale), self.rounding == "8 bits")

    def choose(self, requested: MetricNames | None = None) -> tuple[str, ...]:
        """Return the requested metrics of the protocol, in its order; all metrics if `requested` is None.

        A name without version, such as `psnr` or `lpips`, selects the metrics of that kind.

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
        for name in metric_names(requested):
            found = {own for own in self.metrics if is_kind(own, name)}
            if not found:
                raise UsageError(
                    f"the protocol {shown(self.name)} has no {shown(name)}, only {', '.join(self.metrics)}; leave "
                    "it out, or compare without the protocol"
                )
            chosen |= found
        return tuple(name for name in self.metrics if name in chosen)


def is_kind(metric: str, kind: str) -> bool:
    """Return whether `kind`, a name with or without version or a family, selects a metric.

    For example, `lpips` selects `lpips-vgg@range01`.
    """
    return kind in (metric, metric.partition("@")[0]) or metric.startswith(f"{kind}-")


def check_border(border: object) -> int | str:
    """Return a valid border unchanged. Raises ValueError for any other value."""
    if isinstance(border, int) and not isinstance(border, bool) and border >= 0:
        return border
    if isinstance(border, str) and re.fullmatch(r"scale( \+ [0-9]{1,4})?", border):
        return border
    raise ValueError(f'border is {border!r}; expected a number, 0 or more, "scale", or "scale + N"')


def _about(metric: str) -> str:
    info, version = find_metric(metric)
    return info.programs[version].about or info.citation
