"""Find or download the weights of a backbone, and keep them in the cache."""

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
from ..metrics.backbones import ALL_TRUNKS, MINI, trunk
from . import heads, package_files
from .catalogue import PUBLISHED, PublishedWeights, published
from .fetch import download
from .hashing import canonical_sha256
from .search_path import PACKAGE, WeightsFolder, cache_folder, candidate_files, is_offline
from .validate import LoadedTrunk, load, recognise, write_cached

STALE = 24 * 3600.0
"""Number of seconds after which the files of an unfinished download are removed."""


@dataclass(frozen=True, slots=True)
class AddedWeights:
    """Result of `add`: the weights that are now in the cache.

    `already` is True if the cache had the same weights before.
    """

    trunk: str
    path: Path
    sha256: str
    official: bool
    already: bool


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A weights file that was checked.

    `what` is the name of its backbone, or the name of a file of the package such as "heads". `place` is the folder in
    which it was found. `problem` says what is wrong with the file; it is None if nothing is wrong.
    """

    what: str
    place: WeightsFolder
    path: Path
    problem: str | None


def load_trunk(
    name: str, file: Path | None = None, trust: bool = False, *, progress: DownloadProgress | None = None
) -> LoadedTrunk:
    """Load the weights of a backbone.

    Parameters
    ----------
    name : str
        Name of the backbone.
    file : Path, optional
        Path of a weights file. If it is not given, a file is searched in EYEDIFF_WEIGHTS, in the package, in the cache,
        in the folder of torch hub and on the internet, in this order. The first file that is found is used; if its
        content is wrong, an error is raised.
    trust : bool
        Whether weights are accepted that fit the backbone but are not the official ones.
    progress : function, optional
        Function that is called during a download, with the number of bytes that have arrived and the expected number.

    Returns
    -------
    LoadedTrunk

    Raises
    ------
    MissingWeightsError
        If no weights are found and EYEDIFF_OFFLINE forbids a download.
    FetchError
        If the download fails.
    WeightsError
        If the file does not have the weights of this backbone, or if they are neither official nor trusted. The message
        states the path of the file.
    UsageError
        If the backbone is unknown.

    Examples
    --------
    >>> load_trunk("alex").official
    True
    """
    if name == MINI.name and file is None:
        parameters, _ = heads.load_mini()
        return LoadedTrunk(parameters, canonical_sha256(parameters), package_files.MINI.path, official=True)
    entry = published(name)
    if file is not None:
        return load(entry, file, trust=trust, cure="trust=True accepts other weights")
    if (location := find(name)) is None:
        return load(entry, _fetch(entry, progress), trust=trust, cached=True)
    place, path = location
    if place.kind == "package":
        tensors = package_files.BACKBONES[name].read()
        parameters = {key: tensors[key] for key in trunk(name).shapes}
        return LoadedTrunk(parameters, package_files.BACKBONES[name].sha256, path, official=True)
    loaded = load(entry, path, trust=trust, cached=place.kind == "cache")
    if place.kind == "torch hub" and loaded.official and entry.canonical_sha256 is None:
        with suppress(WeightsError):  # a failure only means that half a gigabyte is hashed again next time
            write_cached(entry, loaded, cache_folder() / entry.cached_name)
    return loaded


def find(name: str) -> tuple[WeightsFolder, Path] | None:
    """Return the file that `load_trunk` would read, without verifying it. Return None if it would download a file."""
    return next(candidate_files(published(name)), None)


def add(path: Path, name: str | None = None, trust: bool = False) -> AddedWeights:
    """Copy the convolutions of a backbone from a file into the cache, as a safetensors file.

    Parameters
    ----------
    path : Path
        A .pth file of either format, or a safetensors file. The file has a complete network or only its convolutions.
    name : str, optional
        Name of the backbone. If it is not given, it is determined from the names and shapes of the tensors.
    trust : bool
        Whether a file that is not the official one is accepted for a backbone whose convolutions have no known hash.
        For all other backbones, the cache accepts only official weights. To use other weights, give their file to
        `load_trunk`.

    Returns
    -------
    AddedWeights

    Raises
    ------
    WeightsError
        If the file is not accepted. The message states the path of the file.
    """
    entry = published(name or recognise(path))
    target = cache_folder() / entry.cached_name
    if entry.canonical_sha256 is None:
        loaded = load(entry, path, trust=trust)
    else:
        loaded = load(entry, path, cure="the cache accepts only official weights; to use others, give their file")
    try:
        existing = load(entry, target, cached=True)
    except WeightsError:  # the file in the cache is missing, or is damaged and is replaced now
        existing = None
    if existing is not None and existing.sha256 == loaded.sha256 and existing.official >= loaded.official:
        return AddedWeights(entry.trunk, target, existing.sha256, existing.official, already=True)
    write_cached(entry, loaded, target)
    return AddedWeights(entry.trunk, target, loaded.sha256, loaded.official, already=False)


def verify() -> Iterator[CheckedFile]:
    """Check all weights files of the package, and all files whose names fit the weights of a backbone.

    Files that `load_trunk` would not use are checked, too.
    """
    for name, entry in PUBLISHED.items():
        for place, path in candidate_files(entry):
            if place.kind != "package":
                yield CheckedFile(name, place, path, _problem(partial(load, entry, path, cached=place.kind == "cache")))
    for shipped in package_files.ALL:
        yield CheckedFile(shipped.path.stem, WeightsFolder("package", PACKAGE), shipped.path, _problem(shipped.read))


def _problem(check: Callable[[], object]) -> str | None:
    try:
        check()
    except WeightsError as error:
        return str(error)
    return None


def _fetch(entry: PublishedWeights, progress: DownloadProgress | None) -> Path:
    """Download the official weights file of a backbone, and return the path of its convolutions in the cache."""
    title = ALL_TRUNKS[entry.trunk].title
    by_hand = (
        f"download {entry.url} and run `eyediff weights add FILE`, or set EYEDIFF_WEIGHTS to the folder of this file"
    )
    if is_offline():
        raise MissingWeightsError(
            f"the weights of {title} were not found, and EYEDIFF_OFFLINE forbids a download; run "
            f"`eyediff weights get {entry.trunk}` on a machine with internet, or {by_hand}"
        )
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:  # other processes may also download
            file = Path(scratch) / Path(entry.url).name
            download(entry.url, file, entry.bytes, entry.sha256, progress=progress)
            return add(file, entry.trunk).path
    except FetchError as error:
        raise FetchError(f"the weights of {title} are missing: {error}; try again, or {by_hand}") from None
    except OSError as error:
        reason = error.strerror or error
        raise FetchError(
            f"{shown(folder)}: the folder cannot be written ({reason}); set EYEDIFF_HOME to a folder that can be "
            "written"
        ) from None


def _remove_stale(folder: Path) -> None:
    """Remove the files that killed downloads left in the cache. Such a file may have half a gigabyte."""
    for leftover in folder.glob(".fetch-*"):
        with suppress(OSError):  # another process has already removed it
            if time.time() - leftover.stat().st_mtime > STALE:
                shutil.rmtree(leftover, ignore_errors=True)
