"""Parse the name of a metric, or of a metric file, into its registry entry, version and file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..errors import EyediffError, UnknownMetricError, UsageError, shown
from ..interfaces import DownloadProgress
from ..metrics import dists
from ..metrics.backbones import TRUNKS
from ..metrics.lpips import PUBLISHED, SCALINGS, Network
from ..metrics.programs import (
    DeepFeatures,
    FeatureStatistics,
    MultiScaleMean,
    PackageFunction,
    PeakOf,
    Program,
    takes_masks,
)
from ..metrics.registry import PEAK, MetricInfo, all_metrics, find_metric, refuse_map
from ..weights import (
    MetricFile,
    is_file_name,
    load_dists,
    load_heads,
    load_trunk,
    metric_sha256,
    network_sha256,
    read_metric,
)


class LoadedNetwork(NamedTuple):
    """A network that has been loaded, and the hash of its weights (`weights.metric_sha256`)."""

    network: Network
    sha256: str


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric as it was requested.

    Parameters
    ----------
    requested : str
        Name that was requested. The results use this name.
    info : MetricInfo
        Entry in the registry of metrics. A metric file has an entry with a name that depends on its content.
    version : str
        Version of the metric.
    file : MetricFile, optional
        Metric file, if the path of a file was requested.
    peak : bool
        Whether `@peak` was requested: the score is then that of the worst window in the metric's map.
    """

    requested: str
    info: MetricInfo
    version: str
    file: MetricFile | None = None
    peak: bool = False

    @property
    def program(self) -> Program:
        """Description of the computation of the metric.

        Raises
        ------
        UsageError
            If `@peak` is requested, but the metric has no map.
        """
        program = self.info.programs[self.version]
        if not self.peak:
            return program
        if isinstance(program, (MultiScaleMean, FeatureStatistics, PackageFunction, PeakOf)):
            raise refuse_map(self.requested)
        return PeakOf(program)

    @property
    def mapped(self) -> MetricSpec:
        """Metric without `@peak`. With `@peak`, the score is the worst window in the map of this metric."""
        return replace(self, peak=False)

    @property
    def qualified_name(self) -> str:
        """Name and version, such as `lpips-alex@0.1`, even if an alias was requested."""
        return f"{self.info.name}@{self.version}{PEAK * self.peak}"

    def load_network(
        self, weights: Path | None = None, trust: bool = False, progress: DownloadProgress | None = None
    ) -> LoadedNetwork:
        """Load the network of a metric that compares deep features, and compute the hash of its weights.

        Parameters
        ----------
        weights : Path, optional
            File with the weights of the backbone. Default: the weights are found or downloaded.
        trust : bool
            Whether weights other than the official ones are accepted.
        progress : function of (bytes received, bytes expected), optional
            Function that is called during a download.

        Raises
        ------
        UsageError
            If the metric has no network.
        WeightsError
            If the weights cannot be found or downloaded, or if they differ from the expected weights.
        """
        if self.file is not None:
            network = self.file.network(weights, progress=progress)
            return LoadedNetwork(network, metric_sha256(network.parameters, network.heads))
        program = self.program
        if isinstance(program, FeatureStatistics):
            loaded = load_trunk(program.backbone, file=weights, trust=trust, progress=progress)
            return LoadedNetwork(dists.network(loaded.parameters), metric_sha256(loaded.parameters, load_dists()))
        if not isinstance(program, DeepFeatures):
            raise UsageError(f"the metric {self.requested} has no network; expected a metric such as lpips")
        loaded = load_trunk(program.backbone, file=weights, trust=trust, progress=progress)
        heads = load_heads(program.backbone, self.version) if program.calibrated else None
        network = Network(program.network, loaded.parameters, heads, SCALINGS.get(self.version, PUBLISHED))
        return LoadedNetwork(network, network_sha256(loaded, heads, self.version))


def parse_metric(requested: str) -> MetricSpec:
    """Return the metric for a name such as `lpips` or `lpips-vgg@0.0`, or for a file such as `./mine.safetensors`.

    Parameters
    ----------
    requested : str
        Name of a metric, or path of a metric file. A text with a path separator, or a text that ends with
        `.safetensors`, is a path. If `@peak` follows the name or the path, the score is that of the worst window in the
        metric's map.

    Raises
    ------
    UnknownMetricError
        If no metric has this name.
    UsageError
        If `@peak` is requested, but the metric has no map.
    WeightsError
        If the file is not a metric.

    Examples
    --------
    >>> parse_metric("lpips").qualified_name
    'lpips-alex@0.1'
    """
    if requested.endswith(PEAK):
        spec = parse_metric(requested.removesuffix(PEAK))
        if spec.peak or not spec.info.has_map:
            raise refuse_map(spec.requested)
        return replace(spec, requested=requested, peak=True)
    if is_file_name(requested):
        return _parse_file(requested)
    name, _, version = requested.partition("@")
    if is_file_name(name):
        raise UnknownMetricError(f"{shown(name)} is a metric file, which has only one version; leave out @{version}")
    return MetricSpec(requested, *find_metric(requested))


def _parse_file(requested: str) -> MetricSpec:
    # The name of the entry depends on the content only, so a copy of a file is the same metric as the file.
    file = read_metric(Path(requested))
    file.check_runs()
    program = DeepFeatures(file.description.trunk, file.heads is not None)
    citation = f"a metric of the user with the backbone {TRUNKS[file.description.trunk].title}"
    info = MetricInfo(f"file {file.sha256[:16]}", False, 0, "0 up", citation, {file.version: program})
    return MetricSpec(requested, info, file.version, file)


_SETTLED = 2.0
"""Resolution of the times of files, in seconds. Some file systems store times as even numbers of seconds.

If a file is older than this, every later change of the file also changes its time.
"""

_KEPT = 64
"""Largest number of names in `_NAMES`."""

_NAMES: dict[tuple[object, ...], str] = {}
"""Cache of the names that metric files have in the registry. A key is the path and the result of `stat`."""


def content_name(requested: str) -> str:
    """Return `parse_metric(requested).info.name`. A metric file that has not changed is not read again.

    A file has not changed if its path, device, inode, size, modification time and change time are the same. A file that
    changed in the last two seconds is read each time, because another change might not change any of these values.
    """
    try:
        found = Path(requested).stat() if is_file_name(requested) else None
    except (OSError, ValueError):  # ValueError is raised if the name contains a NUL character
        found = None
    if found is None:
        return parse_metric(requested).info.name
    key = (requested, Path.cwd(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    age = time.time() - max(found.st_mtime, found.st_ctime)
    name = _NAMES.get(key)
    if name is None:
        name = parse_metric(requested).info.name  # `stat` was called before, so a change in between gives another key
        if age > _SETTLED:
            if len(_NAMES) >= _KEPT:
                _NAMES.clear()
            _NAMES[key] = name
    return name


def find_column(requested: str, columns: Sequence[str]) -> str | None:
    """Return the name of the column that has the scores of a metric, or `None` if there is no such column.

    For example, the column `lpips` has the scores of the metric `lpips-alex@0.1`.

    Parameters
    ----------
    requested : str
        Name of a metric, or path of a metric file. If a column has the same name, the metric need not exist.
    columns : sequence of str
        Names of the columns of a run.

    Examples
    --------
    >>> find_column("lpips-alex", ["psnr", "lpips"])
    'lpips'
    """
    if requested in columns:
        return requested
    try:
        wanted = parse_metric(requested).qualified_name
    except EyediffError:
        return None
    for column in columns:
        with suppress(EyediffError):  # a metric of an earlier run may not be installed now
            if parse_metric(column).qualified_name == wanted:
                return column
    return None


def check_masks(specs: Iterable[MetricSpec]) -> None:
    """Raise UsageError if one of the metrics does not support masks."""
    for spec in specs:
        if not takes_masks(spec.program):
            able = [name for name, info in all_metrics().items() if takes_masks(info.programs[info.versions[0]])]
            raise UsageError(
                f"{spec.requested} does not support masks and regions; leave {spec.requested} out, or compare whole "
                f"images; these metrics support masks and regions: {', '.join(able)}"
            )


def parse_metrics(requested: str | Iterable[str | MetricSpec]) -> list[MetricSpec]:
    """Return the metrics for one name or several names, in order. A `MetricSpec` is returned unchanged.

    Raises
    ------
    UsageError
        If there is no name, or if two names mean the same metric.
    """
    names = [requested] if isinstance(requested, str) else requested
    specs = [name if isinstance(name, MetricSpec) else parse_metric(name) for name in names]
    if not specs:
        raise UsageError("no metric was given; give at least one, such as lpips")
    seen: dict[str, str] = {}
    for spec in specs:
        if spec.qualified_name in seen:
            raise UsageError(
                f"{seen[spec.qualified_name]!r} and {spec.requested!r} are the same metric; use only one of these names"
            )
        seen[spec.qualified_name] = spec.requested
    return specs
