"""Define the class of an evaluation protocol, and derive the settings of a comparison from a protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import Setting, UsageError, shown
from ..metrics.lpips import RANGE01
from ..metrics.registry import MetricNames, find_metric, metric_names
from ..records import AlphaPolicy, Averaging, Conventions

Rounding: TypeAlias = Literal["8 bits", "none"]
"""Whether images with more than 8 bits are rounded to 8 bits before they are scored."""


@dataclass(frozen=True, slots=True)
class EvaluationProtocol:
    """An evaluation protocol: the conventions by which papers or projects compute the numbers of a table.

    Parameters
    ----------
    name
        Name of the protocol, which is written into the results.
    version
        Version of the protocol, which is written into the results. If a change of the protocol changes a score, the
        version must change, too.
    about
        One sentence that says which papers or projects use the protocol.
    metrics
        Names of the metrics. The version in such a name, as in `psnr@y`, determines which channel and which range of
        values the metric uses.
    border
        Number of pixels that are cut off at each side of the images: a number, "scale" or "scale + N". "scale" is the
        enlargement factor of super-resolution.
    alpha
        Policy for transparent pixels; see `records.AlphaPolicy`.
    rounding
        Whether images with more than 8 bits are rounded to 8 bits before they are scored.
    averaging
        Values that are averaged for the mean in a table: the scores of all images, or the means of the scenes.
    source
        For each metric or setting, the document or the code that defines it.
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
        """True if the border depends on the enlargement factor of super-resolution."""
        return isinstance(self.border, str)

    @property
    def channel(self) -> Mapping[str, str]:
        """For each metric, a text about its version, such as the channel that the metric uses (Y of BT.601)."""
        return {name: _about(name) for name in self.metrics}

    @property
    def range(self) -> Mapping[str, tuple[int, int]]:
        """For each metric with a network, the values of black and white in the input of the network.

        The authors of LPIPS trained it for (-1, 1), but some projects use (0, 1).
        """
        deep = [name for name in self.metrics if find_metric(name)[0].is_deep]
        return {name: (0, 1) if find_metric(name)[1] == RANGE01 else (-1, 1) for name in deep}

    def border_at(self, scale: int | None) -> int:
        """Return the number of pixels that are cut off at each side of the images.

        Parameters
        ----------
        scale
            Enlargement factor of super-resolution. It may be None if the border is a fixed number.

        Raises
        ------
        UsageError
            If the border depends on the scale and no scale is given, or if the scale is less than 1.
        """
        if scale is not None and scale < 1:
            raise UsageError(
                f"the scale is {scale}; expected 1 or more, such as 4 for images that were enlarged four times"
            )
        if not isinstance(self.border, str):
            return self.border
        if scale is None:
            raise UsageError(
                f"the protocol {shown(self.name)} cuts off a border of `{self.border}` pixels, and `scale` is the "
                "enlargement factor of the images; give this factor, such as ",
                Setting("scale", 4),
            )
        return scale + int(self.border.partition("+")[2] or 0)

    def conventions(self, scale: int | None = None) -> Conventions:
        """Return the settings of a comparison that follow from this protocol, for `run.ComparisonOptions`.

        `border_at` explains `scale` and the error.
        """
        return Conventions(
            self.qualified_name, self.border_at(scale), self.rounding == "8 bits", averaging=self.averaging
        )

    def choose(self, requested: MetricNames | None = None) -> tuple[str, ...]:
        """Return the metrics of the protocol that are requested, in the order of the protocol.

        Parameters
        ----------
        requested
            Names of metrics. A name without a version, such as `psnr` or `lpips`, selects all metrics of this kind that
            the protocol has. None selects all metrics of the protocol.

        Raises
        ------
        UsageError
            If the protocol does not have a requested metric.

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
                    f"the protocol {shown(self.name)} does not have the metric {shown(name)}; its metrics are "
                    f"{', '.join(self.metrics)}; leave out {shown(name)}, or compare without the protocol"
                )
            chosen |= found
        return tuple(name for name in self.metrics if name in chosen)


def is_kind(metric: str, kind: str) -> bool:
    """Return whether the name `kind` selects a metric.

    `kind` is the name of the metric, its name without the version, or its family. For example, `lpips-vgg@range01`,
    `lpips-vgg` and `lpips` select the metric `lpips-vgg@range01`.
    """
    return kind in (metric, metric.partition("@")[0]) or metric.startswith(f"{kind}-")


def check_border(border: object) -> int | str:
    """Return `border` unchanged if it is a valid value for `EvaluationProtocol.border`. Otherwise, raise ValueError."""
    if isinstance(border, int) and not isinstance(border, bool) and border >= 0:
        return border
    if isinstance(border, str) and re.fullmatch(r"scale( \+ [0-9]{1,4})?", border):
        return border
    raise ValueError(f'`border` is {border!r}; expected a number of at least 0, "scale", or "scale + N"')


def _about(metric: str) -> str:
    info, version = find_metric(metric)
    return info.programs[version].about or info.citation
