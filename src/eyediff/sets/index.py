"""An index: the points of a folder, kept in a file, so that the next question costs no pass through the network.

It says what it was made with. Where that is not what is asked for, or files of the folder have changed, it is refused
as a whole and left as it is: a search in points of other weights, or of images that are no longer there, would answer
with numbers that mean nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from .. import defaults
from ..errors import ImageError, Setting, UsageError, shown
from ..interfaces import Progress
from ..metrics.ops import Array
from ..output.output_files import whole_file
from ..run.resume import FileStamp, file_stamp, settings_difference
from ..scoring.metric_spec import parse_metric
from .job import Failed, Job, Source
from .reading import Shape, common_shape, fill
from .store import FORMAT, HEADER, Store, place, read_store, scratch

SCHEMA = 1

CURE = (Setting("rebuild"), " computes it anew, another ", Setting("index"), " leaves it")


@dataclass(frozen=True, slots=True)
class Points:
    """Points N x D of images by name, the size they were embedded at, and what failed."""

    names: Sequence[str]
    points: Array
    shape: Shape
    failed: Sequence[Failed]


@contextmanager
def indexed(
    job: Job,
    source: Source,
    index: Path | None = None,
    *,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> Iterator[Points]:
    """The points of a set: read from `index` where that is there, else computed, and kept there where one is named.

    They are there while the block runs. `rebuild` computes them anew. Raises UsageError where the index was made with
    something else or of other files, ImageError, SizeError and OutputError; in each case the index stays as it was.
    """
    if index is None:
        failed: list[Failed] = []
        shape = common_shape(job, source)
        with scratch(None) as file:
            store = Store(file, place(None))
            names = fill(store, job, source, shape, failed, progress)
            yield Points(_some(names, source, failed), store.points(), shape, failed)
    elif index.exists() and not rebuild:
        yield _read(index, job, source)
    else:
        _build(index, job, source, progress)
        yield _read(index, job, source)


def is_index(file: BinaryIO) -> bool:
    """Whether a file begins as an index does."""
    return FORMAT.encode() in file.read(8 + HEADER)


def _build(index: Path, job: Job, source: Source, progress: Progress | None) -> None:
    stamps = {name: file_stamp(source.folder / name) for name in source.names}  # before they are read
    failed: list[Failed] = []
    with whole_file(index, is_index, "index of eyediff") as partial, partial.open("rb+", buffering=0) as file:
        shape = common_shape(job, source)
        store = Store(cast(BinaryIO, file), index)
        names = _some(fill(store, job, source, shape, failed, progress), source, failed)
        about = {
            "made": _made(job),
            "shape": asdict(shape),
            "files": [[name, stamps[name]] for name in names],
            "failed": [[asdict(each), stamps[each.name]] for each in failed],
        }
        store.finish(json.dumps(about).encode())


def _some(names: list[str], source: Source, failed: Sequence[Failed]) -> list[str]:
    if not names:
        raise ImageError(f"no image of {shown(source.folder)} can be used; the first: {failed[0].message}")
    return names


def _made(job: Job) -> dict[str, object]:
    """What must be the same for points to be compared."""
    header = job.header.metrics[job.metric]
    return {
        "schema": SCHEMA,
        "eyediff": job.header.eyediff,
        "metric": parse_metric(job.metric).info.name,
        "version": header.version,
        "weights": header.weights_sha256,
        "engine": header.engine,
        "size policy": job.header.size,
    }


def _read(index: Path, job: Job, source: Source) -> Points:
    try:
        points, about = read_store(index)
        if found := settings_difference(about["made"], _made(job)):
            what, before, now = found
            raise UsageError(
                f"{shown(index)} was made with something else: {what}: {before!r} before, {now!r} now; ", *CURE
            )
        stated = about["shape"]
        shape = Shape(_whole(stated["height"]), _whole(stated["width"]), str(stated["name"]))
        if min(shape.height, shape.width) < 1 or shape.height * shape.width > defaults.MAX_PIXELS:
            raise ValueError("a size that no image has")
        files = {str(name): _stamp(at) for name, at in about["files"]}
        failed = {Failed(**each): _stamp(at) for each, at in about["failed"]}
        if len(files) != len(points):
            raise ValueError(f"{len(files)} names for {len(points)} points")
    except OSError as error:
        raise UsageError(f"{shown(index)} cannot be read ({error.strerror}): check the path") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UsageError(f"{shown(index)} is no index of eyediff, or damaged; ", *CURE) from error
    if changes := _changes(files | {each.name: at for each, at in failed.items()}, source):
        raise UsageError(f"{shown(index)} is not of the images now in {shown(source.folder)}: {changes}; ", *CURE)
    return Points(list(files), points, shape, list(failed))


def _stamp(found: Any) -> FileStamp | None:
    return None if found is None else (_whole(found[0]), _whole(found[1]))


def _whole(found: Any) -> int:
    if type(found) is not int:
        raise TypeError("a number of another kind than ours")
    return found


def _changes(before: Mapping[str, FileStamp | None], source: Source) -> str:
    """What is no longer as it was: how many, and the first of each kind."""
    now = set(source.names)
    kinds = {
        "changed": [
            name for name in source.names if name in before and file_stamp(source.folder / name) != before[name]
        ],
        "new": [name for name in source.names if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return ", ".join(f"{len(names)} {kind} ({shown(names[0])})" for kind, names in kinds.items() if names)
