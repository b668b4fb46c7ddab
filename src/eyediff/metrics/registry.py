"""What metrics there are: names, directions, ranges, versions, citations. All that lists or parses names reads this.

A metric is asked for as `name` or `name@version`; the first version is the default. No name ever stands for another
one, but for the aliases written here. What has a separator of paths, or ends in `.safetensors`, is a metric's file.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import weights
from ..errors import UnknownMetricError, UsageError, shown
from ..weights.fetch import Progress
from . import fsim, lpips, ssim
from . import ms_ssim as msssim
from .backbones import ALEX, MINI, SQUEEZE, TRUNKS, VGG

ZHANG = "Zhang et al. 2018, The unreasonable effectiveness of deep features as a perceptual metric, arXiv:1801.03924"
OURS = "a small network trained by eyediff to say what lpips-alex says (docs/mini.md); for publication use lpips"
WANG = "Wang et al. 2004, Image quality assessment: from error visibility to structural similarity, TIP 13(4)"
WANG_SCALES = "Wang et al. 2003, Multiscale structural similarity for image quality assessment, Asilomar"
ZHANG_FSIM = "Zhang et al. 2011, FSIM: a feature similarity index for image quality assessment, TIP 20(8)"


SMALLEST: dict[str, int] = {
    "dssim": ssim.VARIANTS["skimage"].smallest,
    "ms-ssim": msssim.SMALLEST,
    "fsim": fsim.SMALLEST,
    "fsimc": fsim.SMALLEST,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A metric of the catalogue.

    `identity` is its score for two equal images. `trunk` and `heads` say which weights it needs, if any.
    """

    name: str
    higher_is_better: bool
    identity: float
    range: str
    citation: str
    versions: tuple[str, ...]
    trunk: str | None = None
    heads: bool = False

    def smallest(self, version: str) -> int:
        """The shortest side, in pixels, that this metric takes."""
        if self.trunk is not None:
            return TRUNKS[self.trunk].smallest
        if self.name == "ssim":
            return ssim.VARIANTS[version].smallest
        return SMALLEST.get(self.name, 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A metric as somebody asked for it: `asked` is the name that its results carry, `file` is what it names."""

    asked: str
    entry: Entry
    version: str
    file: weights.MetricFile | None = None

    def network(self, file: Path | None = None, trust: bool = False, progress: Progress | None = None) -> lpips.Network:
        """The network of a metric that has one; its weights are found or fetched now, the trunk's in `file` if given.

        Raises UsageError for a metric without one; WeightsError where they cannot be had, or are not what they should
        be.
        """
        if self.file is not None:
            return self.file.network(file, progress=progress)
        if self.entry.trunk is None:
            raise UsageError(f"{self.asked} has no network")
        loaded = weights.load_trunk(self.entry.trunk, file=file, trust=trust, progress=progress)
        heads = weights.load_heads(self.entry.trunk, self.version) if self.entry.heads else None
        return lpips.Network(TRUNKS[self.entry.trunk], loaded.parameters, heads, scaled=self.version != "0.0")


def _networks() -> Iterable[Entry]:
    yield Entry("lpips-mini", False, 0, "0 up", OURS, ("2",), MINI.name, heads=True)
    for trunk in (ALEX, VGG, SQUEEZE):
        yield Entry(f"lpips-{trunk.name}", False, 0, "0 up", ZHANG, lpips.VERSIONS, trunk.name, heads=True)
    for trunk in (ALEX, VGG, SQUEEZE):
        yield Entry(f"deep-{trunk.name}", False, 0, "0 up", ZHANG, lpips.VERSIONS, trunk.name)


ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *_networks(),
        Entry("l2", False, 0, "0 to 1", "mean squared error of RGB on a scale of 0 to 1", ("1",)),
        Entry("l2-lab", False, 0, "0 up", "mean squared error of CIE Lab over 100 (l2.py)", ("1",)),
        Entry("psnr", True, float("inf"), "0 dB up", "10 log10 of 1 / mean squared error of RGB", ("1",)),
        Entry("ssim", True, 1, "-1 to 1", WANG, tuple(ssim.VARIANTS)),
        Entry("dssim", False, 0, "0 to 1", f"(1 - SSIM) / 2 with scikit-image's default window; {WANG}", ("1",)),
        Entry("ms-ssim", True, 1, "0 to 1", WANG_SCALES, ("1",)),
        Entry("fsim", True, 1, "0 to 1", ZHANG_FSIM, ("1",)),
        Entry("fsimc", True, 1, "0 to 1", ZHANG_FSIM, ("1",)),
    )
}

ALIASES = {"lpips": "lpips-alex"}


def parse(asked: str) -> Choice:
    """The metric of a name such as `lpips` or `lpips-vgg@0.0`, or of a file such as `./mine.safetensors`.

    Raises UnknownMetricError with the names that exist, WeightsError where the file is no metric.
    """
    if weights.is_file_name(asked):
        return _by_file(asked)
    name, _, version = asked.partition("@")
    if weights.is_file_name(name):
        raise UnknownMetricError(f"{shown(name)} is a file, which has one version, its own; leave out @{version}")
    entry = ENTRIES.get(ALIASES.get(name, name))
    if entry is None:
        known = [*ALIASES, *ENTRIES]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise UnknownMetricError(f"no metric is called {name!r}; {hint}")
    if "@" in asked and version not in entry.versions:
        offered = ", ".join(f"{name}@{known}" for known in entry.versions)
        raise UnknownMetricError(f"{name} has no version {version!r}; there are {offered}")
    return Choice(asked, entry, version or entry.versions[0])


_SETTLED = 2.0
"""Seconds after its last change from which on a file's time tells changes apart: the coarsest file system counts so."""

_KEPT = 64
"""Files that are remembered."""

_NAMES: dict[tuple[object, ...], str] = {}
"""Entry names of files that were read, by what `stat` says of each."""


def entry_name(asked: str) -> str:
    """Return `parse(asked).entry.name`, without reading again a file that has not changed.

    A file is recognised by its path, device, inode, size and both times. One that changed within the last seconds is
    read each time, since its next change may leave all of these as they are.
    """
    try:
        found = Path(asked).stat() if weights.is_file_name(asked) else None
    except (OSError, ValueError):  # ValueError: a NUL in the name
        found = None
    if found is None:
        return parse(asked).entry.name
    key = (asked, Path.cwd(), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    age = time.time() - max(found.st_mtime, found.st_ctime)
    name = _NAMES.get(key)
    if name is None:
        name = parse(asked).entry.name  # `stat` came first: a change after it gives another key next time
        if age > _SETTLED:
            if len(_NAMES) >= _KEPT:
                _NAMES.clear()
            _NAMES[key] = name
    return name


def _by_file(asked: str) -> Choice:
    """The metric in a file. Its entry is named by content: wherever else the same lies, it is the same metric."""
    found = weights.read_metric(Path(asked))
    found.check_runs()
    made = f"a metric of the user's, on {TRUNKS[found.form.trunk].title}"
    name = f"file {found.sha256[:16]}"
    entry = Entry(name, False, 0, "0 up", made, (found.version,), found.form.trunk, found.heads is not None)
    return Choice(asked, entry, found.version, found)


def parse_all(asked: Iterable[str | Choice]) -> list[Choice]:
    """The metrics of several names, in order; those that are parsed already stay as they are. Raises UsageError where there is none, or one is named twice."""
    choices = [name if isinstance(name, Choice) else parse(name) for name in asked]
    if not choices:
        raise UsageError("no metric is named; name at least one, such as lpips")
    seen: dict[tuple[str, str], str] = {}
    for choice in choices:
        what = (choice.entry.name, choice.version)
        if what in seen:
            raise UsageError(f"{seen[what]!r} and {choice.asked!r} are the same metric; name it once")
        seen[what] = choice.asked
    return choices
