"""Store hashes of files between runs, so that large files are not hashed at every start.

A stored hash is valid as long as the size, the modification time and the inode of the file do not change. The hashes
are stored in a JSON file in the cache folder. If this file cannot be written, hashes are computed at every start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from ..output.atomic_write import replacing
from .search_path import cache_folder

MAX_ENTRIES = 64
"""Largest number of stored hashes. The oldest are removed first. Every installation of eyediff adds some."""


def cached_hash(purpose: str, files: Sequence[Path], compute: Callable[[], str]) -> str:
    """Return the result of `compute()`. If it is stored for the same unchanged files, return the stored result.

    Parameters
    ----------
    purpose : str
        Name of the hash. If several hashes are computed from one file, they need different names.
    files : sequence of Path
        Files that determine the hash.
    compute : function
        Function that returns the hash. If it raises an error, nothing is stored.

    Returns
    -------
    str
    """
    stamps = []
    for file in files:
        status = os.stat(file)  # noqa: PTH116 - Path.stat makes one more call
        stamps.append([os.fspath(file), status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev])
    record = cache_folder().parent / "hashes.json"
    entries = _read(record)
    key = f"{purpose}: {', '.join(map(os.fspath, files))}"
    entry = entries.get(key)
    if isinstance(entry, dict) and entry.get("files") == stamps and isinstance(entry.get("sha256"), str):
        return str(entry["sha256"])
    sha256 = compute()
    entries.pop(key, None)
    entries[key] = {"files": stamps, "sha256": sha256}
    _write(record, dict(list(entries.items())[-MAX_ENTRIES:]))
    return sha256


def _read(record: Path) -> dict[str, object]:
    try:
        entries = json.loads(record.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write(record: Path, entries: dict[str, object]) -> None:
    temporary = record.with_name(f".{record.name}.{uuid4().hex}.tmp")
    with suppress(OSError), replacing(record, temporary):  # a failure only makes the next start slower
        record.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(entries), "utf-8")
