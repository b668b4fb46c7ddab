"""Pairs of small files on disk, which a reader converts to images, and runs whose outputs can be continued."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import numpy as np

from eyediff.errors import ImageError
from eyediff.output import RowFormat, TextFormat
from eyediff.output.read_rows import ReadableFormat
from eyediff.records import Image, Pair, Summary
from eyediff.run import ResumableSink, Resume, compare

from .fakes import Kept, job

LINES: tuple[ReadableFormat, ...] = ("csv", "jsonl")
KINDS: tuple[RowFormat, ...] = get_args(TextFormat) + (("parquet",) if find_spec("pyarrow") else ())

_lock = threading.Lock()


class Folder:
    """A folder with pairs of tiny files. Each file has a number, which is the gray level of its image."""

    def __init__(self, root: Path, count: int = 12) -> None:
        self.root = root
        self.read: list[str] = []
        for side in "ab":
            (root / side).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            self.put(f"p{i:02}.png", (7 * i + 3) % 50, (11 * i) % 60)

    def put(self, name: str, a: int, b: int | str) -> Pair:
        """Write a pair. If `b` is not a number, the candidate cannot be read."""
        pair = Pair(name, self.root / "a" / name, self.root / "b" / name)
        pair.reference.write_text(str(a))
        pair.candidate.write_text(str(b))
        return pair

    def touch(self, name: str) -> None:
        """Change the modification time of a candidate, as an edit does."""
        path = self.root / "b" / name
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))

    @property
    def pairs(self) -> list[Pair]:
        names = sorted(path.name for path in (self.root / "a").iterdir())
        return [Pair(name, self.root / "a" / name, self.root / "b" / name) for name in names]

    def reader(self, path: Path) -> Image:
        if path.parent.name == "b":
            with _lock:
                self.read.append(path.name)
        text = path.read_text()
        if not text.isdigit():
            raise ImageError(f"{path.name}: not an image")
        return Image(str(path), np.full((4, 4, 3), int(text), np.uint8))

    def compare(
        self,
        output: Path,
        kind: RowFormat,
        *,
        resume: Resume = False,
        stop_after: int | None = None,
        found: Sequence[Pair] | None = None,
        **changes: object,
    ) -> tuple[Summary | None, Kept]:
        """Run a comparison whose output can be continued.

        With `stop_after`, the run stops after this number of rows, and leaves the files that a crash leaves.
        """
        self.read.clear()
        sink = Kept(None if stop_after is None else stop_after - 1, Crash())
        todo = job(self.pairs if found is None else found, self.reader, **changes)
        try:
            return compare(todo, [sink], journal=ResumableSink(output, kind, resume=resume)), sink
        except Crash:
            return None, sink

    def whole(self, kind: RowFormat) -> bytes:
        """Return the output of a run without interruption."""
        output = self.root / "whole"
        self.compare(output, kind)
        found = content(output)
        shutil.rmtree(output) if output.is_dir() else output.unlink()
        return found


class Crash(Exception):
    """An exception that stops a run in the middle."""


def content(output: Path) -> bytes:
    """Return the content of an output. For a Parquet folder, it has the rows of all parts, in order."""
    if not output.is_dir():
        return output.read_bytes()
    import pyarrow.parquet as pq

    parts = sorted(output.glob("part-*.parquet"))
    return repr([row for part in parts for row in pq.ParquetFile(part).read().to_pylist()]).encode()


def left(folder: Path) -> list[str]:
    """Return the names of the files and of the Parquet folders."""
    return sorted(path.name for path in folder.iterdir() if path.is_file() or (path / "_eyediff.json").exists())
