"""A trunk's weights: found where they lie or fetched, and kept in the cache."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import FetchError, MissingWeightsError, WeightsError, shown
from ..interfaces import DownloadProgress
from ..metrics.backbones import MINI, trunk
from . import heads, package_files
from .catalogue import PUBLISHED, Published, published
from .fetch import download
from .hashing import canonical_sha256
from .search_path import PACKAGE, Place, cache, candidates, offline
from .validate import LoadedTrunk, keep, load, recognise

STALE = 24 * 3600.0
"""Seconds after which a download that nobody finished is swept away."""


@dataclass(frozen=True, slots=True)
class Added:
    """What `add` did: `path` in the cache holds the trunk now; `already` where it did before."""

    trunk: str
    path: Path
    sha256: str
    official: bool
    already: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """A file of weights, by trunk (or "heads"), and what is wrong with it (None: nothing)."""

    what: str
    place: Place
    path: Path
    problem: str | None


def load_trunk(
    name: str, file: Path | None = None, trust: bool = False, *, progress: DownloadProgress | None = None
) -> LoadedTrunk:
    """The weights of a trunk: from `file`, or else from EYEDIFF_WEIGHTS, the package, the cache, torch
    hub's folder, the internet.

    Mini's ship with the package. Of all others the first file found decides; one that is not what its name says is
    an error, and never passed over. `trust` takes weights that fit the trunk but are not the official ones.

    Raises MissingWeightsError where there are none and EYEDIFF_OFFLINE is set, FetchError where they cannot be fetched,
    WeightsError, with the file's name, where the file is not this trunk's or not the official one; UsageError for the
    name of no trunk.
    """
    if name == MINI.name and file is None:
        parameters, _ = heads.load_mini()
        return LoadedTrunk(parameters, canonical_sha256(parameters), package_files.MINI.path, official=True)
    entry = published(name)
    if file is not None:
        return load(entry, file, trust=trust, cure="trust=True takes weights of your own")
    if (found := find(name)) is None:
        return load(entry, _fetch(entry, progress), trust=trust, cached=True)
    place, path = found
    if place.kind == "package":
        tensors = package_files.BACKBONES[name].read()
        parameters = {key: tensors[key] for key in trunk(name).shapes}
        return LoadedTrunk(parameters, package_files.BACKBONES[name].sha256, path, official=True)
    loaded = load(entry, path, trust=trust, cached=place.kind == "cache")
    if place.kind == "torch hub" and loaded.official and entry.canonical_sha256 is None:
        with suppress(WeightsError):  # only saves hashing half a gigabyte the next time
            keep(entry, loaded, cache() / entry.cached_name)
    return loaded


def find(name: str) -> tuple[Place, Path] | None:
    """The file that `load_trunk` would read, unchecked, or None where it would have to fetch."""
    return next(candidates(published(name)), None)


def add(path: Path, name: str | None = None, trust: bool = False) -> Added:
    """Take a trunk's convolutions out of a file and keep them in the cache, as safetensors.

    The file is a .pth of either format or safetensors, of a whole network or of its convolutions; `name` says which
    trunk it must be, else names and shapes tell. The cache holds official weights only; `trust` vouches for a file
    whose trunk has no known hash of its convolutions. Weights of your own are used by naming their file.

    Raises WeightsError, which names the file, where it is not such a file.
    """
    entry = published(name or recognise(path))
    target = cache() / entry.cached_name
    if entry.canonical_sha256 is None:
        loaded = load(entry, path, trust=trust)
    else:
        loaded = load(entry, path, cure="the cache takes no other; use your own by naming their file")
    try:
        there = load(entry, target, cached=True)
    except WeightsError:  # not there, or damaged and now replaced
        there = None
    if there is not None and there.sha256 == loaded.sha256 and there.official >= loaded.official:
        return Added(entry.trunk, target, there.sha256, there.official, already=True)
    keep(entry, loaded, target)
    return Added(entry.trunk, target, loaded.sha256, loaded.official, already=False)


def verify() -> Iterator[Checked]:
    """Check every file that lies under a trunk's name, not only those that would be used; and the heads."""
    for name, entry in PUBLISHED.items():
        for place, path in candidates(entry):
            if place.kind != "package":
                yield Checked(name, place, path, _problem(partial(load, entry, path, cached=place.kind == "cache")))
    for shipped in package_files.ALL:
        yield Checked(shipped.path.stem, Place("package", PACKAGE), shipped.path, _problem(shipped.read))


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except WeightsError as error:
        return str(error)
    return None


def _fetch(entry: Published, progress: DownloadProgress | None) -> Path:
    """Download a trunk's official file, keep its convolutions in the cache and say where."""
    by_hand = f"bring {entry.url} by hand and `eyediff weights add FILE`, or put its folder into EYEDIFF_WEIGHTS"
    if offline():
        raise MissingWeightsError(
            f"the weights of {trunk(entry.trunk).title} were found nowhere, and EYEDIFF_OFFLINE forbids to fetch them; "
            f"`eyediff weights get {entry.trunk}` where there is internet, or {by_hand}"
        )
    folder = cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:  # others may fetch at the same time
            file = Path(scratch) / Path(entry.url).name
            download(entry.url, file, entry.bytes, entry.sha256, progress=progress)
            return add(file, entry.trunk).path
    except FetchError as error:
        raise FetchError(
            f"the weights of {trunk(entry.trunk).title} are not here: {error}; try again, or {by_hand}"
        ) from None
    except OSError as error:
        reason = error.strerror or error
        raise FetchError(
            f"{shown(folder)}: cannot be written ({reason}); set EYEDIFF_HOME to a folder that can"
        ) from None


def _sweep(folder: Path) -> None:
    """Remove what a killed download has left: half a gigabyte at worst."""
    for left in folder.glob(".fetch-*"):
        with suppress(OSError):  # gone already: another process sweeps too
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left, ignore_errors=True)
