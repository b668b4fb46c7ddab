"""BAPPS from where its authors publish it: archives fetched (and gone on with), then unpacked into the layout.

No sha256 of these archives is published. Who knows one gives it; else the sum of what came is written beside the
archive and compared from then on, so that at least a change is noticed.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from .. import defaults
from ..errors import FetchError, StudyError, UsageError, shown
from ..reports.files import Lock, trouble
from ..weights import offline
from ..weights.fetch import CHUNK, SCHEMES, TIMEOUT, Progress, check_scheme, reason
from ..weights.hashing import file_sha256
from . import bapps

HOST = "https://people.eecs.berkeley.edu/~rich.zhang/projects/2018_perceptual/dataset/"

ARCHIVES = {"twoafc_train": "2afc", "twoafc_val": "2afc", "jnd": "."}
"""Names of the archives, without `.tar.gz`, and the folder of the layout in which each is unpacked."""

_SUBSETS, _COLUMNS = "|".join(bapps.SUBSETS), "|".join({*sum(bapps.IMAGES.values(), ()), *bapps.VOTES.values()})
MEMBER = re.compile(rf"((?:jnd/)?(?:train|val)/(?:{_SUBSETS}))/((?:{_COLUMNS})/[^/]+\.(?:png|npy))")
"""What an archive may hold: a folder of a subset, and a file in it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An archive, its sha256, the folders that it brought, and how many of its entries are none of the layout."""

    archive: Path
    sha256: str
    folders: tuple[Path, ...]
    passed_over: int


def fetch(
    name: str,
    folder: Path,
    *,
    sha256: str | None = None,
    host: str = HOST,
    schemes: Collection[str] = SCHEMES,
    progress: Progress | None = None,
) -> Fetched:
    """Bring one of ARCHIVES into `folder`, check it, and unpack it there; a download that was cut is gone on with.

    Raises UsageError for another name or where EYEDIFF_OFFLINE is set, FetchError where it cannot be had or is not
    what its sha256 says, StudyError where it holds no votes or what it holds is there already.
    """
    if name not in ARCHIVES:
        raise UsageError(f"no archive is called {name!r}; there are {', '.join(ARCHIVES)}")
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{name}.tar.gz"
    note = archive.with_name(f"{archive.name}.sha256")
    lock = Lock(archive)
    try:
        if not archive.exists():
            if offline():
                raise UsageError(f"{shown(archive)} is not here, and EYEDIFF_OFFLINE forbids to fetch it")
            _download(f"{host}{archive.name}", archive, schemes, progress)
        found = file_sha256(archive)
        expected = sha256 or (note.read_text().strip() if note.exists() else found)
        if found != expected.lower():
            raise FetchError(f"{shown(archive)} has the sha256 {found}, expected {expected}; remove it and try again")
        folders, passed_over = _unpack(archive, folder / ARCHIVES[name])
        note.write_text(f"{found}\n")
    except OSError as error:
        raise trouble(archive, error) from error
    finally:
        lock.release()
    return Fetched(archive, found, folders, passed_over)


def _download(url: str, to: Path, schemes: Collection[str], progress: Progress | None) -> None:
    """Into a part beside it, from where that ends; then it gets its name. Raises FetchError; the part then stays."""
    import requests  # noqa: PLC0415 - pooch brings it, and few runs fetch anything

    part = to.with_name(f"{to.name}.part")
    have = part.stat().st_size if part.exists() else 0

    def guard(response: Any, **_: Any) -> None:
        if response.is_redirect:
            check_scheme(urljoin(response.url, response.headers["location"]), schemes)

    check_scheme(url, schemes)
    # No compression on the way: ranges count the bytes of the archive itself.
    asked = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        with requests.get(url, headers=asked, stream=True, timeout=TIMEOUT, hooks={"response": guard}) as answer:
            whole = answer.status_code == requests.codes.range_not_satisfiable and have
            if not whole:
                answer.raise_for_status()
                _append(answer, part, have, progress)
    except (OSError, ValueError) as error:
        kept = "what came is kept, and the same call goes on from there" if part.exists() else "nothing came"
        raise FetchError(f"cannot fetch {url} ({reason(error)}); {kept}") from None
    part.replace(to)


def _append(answer: Any, part: Path, have: int, progress: Progress | None) -> None:
    """What the server sends, at the end of what is there, or anew where it does not send ranges."""
    goes_on = answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    have = have if goes_on else 0
    total = have + int(answer.headers.get("Content-Length", 0))
    with part.open("ab" if goes_on else "wb") as file:
        for piece in answer.iter_content(CHUNK):
            have += file.write(piece)
            if have > defaults.LARGEST_ARCHIVE:
                raise ValueError(f"more than {defaults.LARGEST_ARCHIVE:,} bytes")
            if progress is not None:
                progress(have, total)
    if have < total:
        raise OSError(f"cut after {have:,} of {total:,} bytes")


def _unpack(archive: Path, into: Path) -> tuple[tuple[Path, ...], int]:
    """The folders of its subsets, all or none; and how many entries are no part of the layout."""
    with _scratch(archive) as scratch:
        found, passed_over = _extract(archive, scratch)
        for name in found:
            if (into / name).exists():
                raise StudyError(f"{shown(into / name)} is there already; move it away to unpack {shown(archive)}")
        for name in found:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            (scratch / name).replace(into / name)
    return tuple(into / name for name in found), passed_over


@contextmanager
def _scratch(archive: Path) -> Iterator[Path]:
    folder = archive.with_name(f".{archive.name}.unpacking")
    shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _extract(archive: Path, scratch: Path) -> tuple[list[str], int]:
    """Regular files with names of the layout, and nothing else: no link, no device, no way out of the folder."""
    subsets: dict[str, None] = {}
    passed_over = total = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                if member.isdir():
                    continue
                match = MEMBER.fullmatch(member.name.removeprefix("./"))
                if match is None or not member.isreg():
                    passed_over += 1
                    continue
                total += member.size
                if total > defaults.LARGEST_UNPACKED:
                    raise StudyError(f"{shown(archive)} unpacks to more than {defaults.LARGEST_UNPACKED:,} bytes")
                member.name = match[0]
                tar.extract(member, scratch, filter="data")
                subsets[match[1]] = None
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise StudyError(f"{shown(archive)} is no whole .tar.gz ({error}); remove it and fetch it again") from None
    except OSError as error:
        if error.errno is not None:  # the disk's; gzip's have none
            raise
        raise StudyError(f"{shown(archive)} is no whole .tar.gz ({error}); remove it and fetch it again") from None
    if not subsets:
        raise StudyError(f"{shown(archive)} holds no votes in the layout of BAPPS ({passed_over} other entries)")
    return list(subsets), passed_over
