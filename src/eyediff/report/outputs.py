"""Prepare the pictures that a comparison writes in addition to its rows: the HTML report and the map files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ..errors import Setting, UsageError, shown
from ..interfaces import Mapper, Viewer
from ..locations import check_distinct_paths
from ..metrics.registry import refuse_map
from ..output.text import amount
from ..records import Summary
from ..scoring.metric_set import MetricSet
from . import About, PageSink
from .maps import MapsSink

MapFormat: TypeAlias = Literal["png", "npy"]
MAP_FORMATS: tuple[MapFormat, ...] = get_args(MapFormat)


def map_formats(text: str) -> list[MapFormat]:
    """Return the formats that a text lists, separated by commas.

    Raises UsageError if a format is unknown, or if the text has no format.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    found = [kind for kind in MAP_FORMATS if kind in names]
    if not found or not set(names) <= set(MAP_FORMATS):
        raise UsageError(
            Setting("map_format", text),
            f" is not a list of formats; expected one or more of {', '.join(MAP_FORMATS)}, separated by commas",
        )
    return found


@dataclass(frozen=True)
class Drawing:
    """Pictures to write for a run, and their paths. `title` is the title of the report.

    `limits` are the limits of pairs, by metric. `asked` is true if the run has limits of pairs, limits of means, or a
    baseline.
    """

    title: str
    report: Path | None = None
    maps: Path | None = None
    formats: Sequence[MapFormat] = ("png",)
    limits: Mapping[str, float] = field(default_factory=dict)
    asked: bool = False


@dataclass(frozen=True)
class RunViewers:
    """The objects that make the pictures of a run, and the engine that computes the maps for them."""

    mapper: Mapper | None
    report: PageSink | None
    maps: MapsSink | None

    @property
    def viewers(self) -> list[Viewer]:
        return [viewer for viewer in (self.maps, self.report) if viewer is not None]

    @property
    def missing(self) -> int:
        """Number of pairs that have scores but no map, although maps were requested."""
        return self.maps.missing if self.maps else 0

    def complete(self, summary: Summary) -> Summary:
        """Return the summary with the number of missing maps."""
        gaps = [f"{amount(self.missing, 'pair')} without a map"] if self.missing else []
        return replace(summary, gaps=(*summary.gaps, *gaps))

    def describe(self) -> list[str]:
        """Return lines that are shown at the end of the run.

        They have the paths of the report and of the maps, and the number of missing maps.
        """
        lines = [f"report: {shown(self.report.page)}"] if self.report else []
        if self.maps:
            lines.append(f"maps of {self.maps.metric}: {shown(self.maps.folder)}")
        if self.missing:
            lines.append(f"{amount(self.missing, 'pair')} without a map; maps.json has the reasons")
        return lines


def find_mapper(metrics: MetricSet) -> tuple[str, Mapper | None]:
    """Return the name and the engine of the first metric that can compute maps.

    Return "" and None if no metric can do so.
    """
    for name in metrics.names:
        if isinstance(engine := metrics.engine(name), Mapper):
            return name, engine
    return "", None


def draw(metrics: MetricSet, expected: int | None, drawing: Drawing) -> RunViewers:
    """Return the objects that make the pictures of a run.

    Parameters
    ----------
    metrics
        Metrics of the run. The maps are computed by the first metric that can do so.
    expected
        Number of pairs of the run, or None if it is unknown.
    drawing
        Pictures that are requested.

    Raises
    ------
    UsageError
        If map files are requested, but no metric can compute maps, or if the paths of the report and of the maps
        conflict.
    """
    check_distinct_paths({"report": drawing.report, "maps": drawing.maps})
    name, mapper = find_mapper(metrics)
    maps = report = None
    identity = 0.0 if mapper is None else mapper.map_identity
    if drawing.maps is not None:
        if mapper is None:
            raise refuse_map(",".join(metrics.names))
        maps = MapsSink(drawing.maps, name, drawing.formats, identity)
    if drawing.report is not None:
        about = About(
            drawing.title,
            expected,
            name or None,
            map_identity=identity,
            limits=drawing.limits,
            asked=drawing.asked,
        )
        report = PageSink(drawing.report, about)
    return RunViewers(mapper, report, maps)
