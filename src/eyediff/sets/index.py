"""Keep the embeddings of a folder in a file, the index, so that later searches do not need the network.

The file records its settings. If the settings differ, or if files of the folder have changed, the index is refused and
stays unchanged. Embeddings from other weights, or of images that are gone, would give meaningless results.
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
from ..locations import real_path
from ..metrics.ops import Array
from ..output.files import remove_leftovers
from ..output.output_files import atomic_output
from ..run.resume import settings_difference
from ..run.stamps import ChangeSign, Stamp, is_unchanged, parse_stamp, take_stamp
from ..scoring.metric_spec import parse_metric
from .job import EmbeddingJob, FailedImage, ImageSet
from .reading import Shape, common_shape, fill_store
from .store import FORMAT, HEADER, PointStore, read_store, scratch_file, scratch_name

SCHEMA = 1

REMEDY = ("compute it again with ", Setting("rebuild"), ", or give another ", Setting("index"))


@dataclass(frozen=True, slots=True)
class IndexedPoints:
    """Names of N images, their N x D embeddings, their common size, and the images that failed."""

    names: Sequence[str]
    points: Array
    shape: Shape
    failed: Sequence[FailedImage]


@contextmanager
def open_index(
    job: EmbeddingJob,
    source: ImageSet,
    index: Path | None = None,
    *,
    rebuild: bool = False,
    index_by: ChangeSign = "time",
    progress: Progress | None = None,
) -> Iterator[IndexedPoints]:
    """Read the embeddings of a set from an index, or compute them.

    Parameters
    ----------
    job : EmbeddingJob
        How images are read and embedded.
    source : ImageSet
        The set.
    index : Path, optional
        Path of the index. If the file exists, it is read; otherwise it is written. Default: the embeddings are kept in
        a scratch file.
    rebuild : bool
        Compute the embeddings even if the file exists.
    index_by : {"time", "hash"}
        What tells that a file of the set has changed: its size and modification time, or its content. "hash" needs an
        index that was made with it.
    progress : function, optional
        Called with the number of finished images and the number of all images.

    Yields
    ------
    IndexedPoints
        Valid inside the `with` block.

    Raises
    ------
    UsageError
        If the index has other settings or other files. It stays unchanged.
    ImageError, SizeError, OutputError
        If no image can be read, if sizes do not fit, or if the disk is full.
    """
    if index is None:
        failed: list[FailedImage] = []
        shape = common_shape(job, source)
        with scratch_file(None) as file:
            store = PointStore(file, scratch_name(None))
            names = fill_store(store, job, source, shape, failed, progress)
            yield IndexedPoints(_require_images(names, source, failed), store.points(), shape, failed)
    elif index.exists() and not rebuild:
        remove_leftovers(real_path(index))
        yield _read(index, job, source, index_by)
    else:
        _build(index, job, source, index_by, progress)
        yield _read(index, job, source, "time")  # the files were hashed just now


def is_index(file: BinaryIO) -> bool:
    """Return True if a file begins like an index."""
    return FORMAT.encode() in file.read(8 + HEADER)


def _build(index: Path, job: EmbeddingJob, source: ImageSet, by: ChangeSign, progress: Progress | None) -> None:
    stamps = {name: take_stamp(source.folder / name, by) for name in source.names}  # before they are read
    failed: list[FailedImage] = []
    with atomic_output(index, is_index, "an index of eyediff") as partial, partial.open("rb+", buffering=0) as file:
        shape = common_shape(job, source)
        store = PointStore(cast(BinaryIO, file), index)
        names = _require_images(fill_store(store, job, source, shape, failed, progress), source, failed)
        about = {
            "made": _settings(job),
            "shape": asdict(shape),
            "files": [[name, stamps[name]] for name in names],
            "failed": [[asdict(each), stamps[each.name]] for each in failed],
        }
        store.finish(json.dumps(about).encode())


def _require_images(names: list[str], source: ImageSet, failed: Sequence[FailedImage]) -> list[str]:
    if not names:
        raise ImageError(f"no image in {shown(source.folder)} can be used; the first error: {failed[0].message}")
    return names


def _settings(job: EmbeddingJob) -> dict[str, object]:
    """Return the settings that must be equal if embeddings are compared."""
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


def _read(index: Path, job: EmbeddingJob, source: ImageSet, by: ChangeSign) -> IndexedPoints:
    try:
        points, about = read_store(index)
        if difference := settings_difference(about["made"], _settings(job)):
            setting, before, now = difference
            raise UsageError(
                f"{shown(index)} was made with other settings: {setting}: {before!r} before, {now!r} now; ", *REMEDY
            )
        shape_record = about["shape"]
        shape = Shape(_integer(shape_record["height"]), _integer(shape_record["width"]), str(shape_record["name"]))
        if min(shape.height, shape.width) < 1 or shape.height * shape.width > defaults.MAX_PIXELS:
            raise ValueError("the size is not the size of an image")
        files = {str(name): parse_stamp(at) for name, at in about["files"]}
        failed = {FailedImage(**each): parse_stamp(at) for each, at in about["failed"]}
        if len(files) != len(points):
            raise ValueError(f"{len(files)} names for {len(points)} points")
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{shown(index)} cannot be read ({error.strerror}): check the path") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UsageError(f"{shown(index)} is damaged, or is not an index of eyediff; ", *REMEDY) from error
    stamps = files | {each.name: at for each, at in failed.items()}
    if by == "hash" and any(stamp is not None and len(stamp) == 2 for stamp in stamps.values()):
        raise UsageError(
            f"{shown(index)} does not have the hashes of its files; ",
            Setting("index_by", "hash"),
            " needs them; ",
            *REMEDY,
        )
    if changes := _changes(stamps, source, by):
        raise UsageError(
            f"{shown(index)} does not fit the images that are now in {shown(source.folder)}: {changes}; ", *REMEDY
        )
    return IndexedPoints(list(files), points, shape, list(failed))


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError("a number is not an integer")
    return value


def _changes(before: Mapping[str, Stamp | None], source: ImageSet, by: ChangeSign) -> str:
    """Describe how the files have changed: the number and the first of each kind."""
    now = set(source.names)
    kinds = {
        "changed": [
            name
            for name in source.names
            if name in before and not is_unchanged(before[name], take_stamp(source.folder / name, by), by)
        ],
        "new": [name for name in source.names if name not in before],
        "gone": [name for name in before if name not in now],
    }
    return ", ".join(f"{len(names)} {kind} ({shown(names[0])})" for kind, names in kinds.items() if names)
