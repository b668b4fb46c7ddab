"""Store the embeddings of the images of a folder in a file, the index, so that later searches do not compute them.

The index also has the settings with which the embeddings were computed. If the settings of a search differ, or if files
of the folder have changed, the search is refused, and the index stays unchanged. Embeddings from other weights, or of
images that no longer exist, would give meaningless results.
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

REMEDY = ("compute the index again with ", Setting("rebuild"), ", or give another ", Setting("index"))


@dataclass(frozen=True, slots=True)
class IndexedPoints:
    """The embeddings of the images of a set.

    Attributes
    ----------
    names
        Names of N images.
    points
        Embeddings of the images, an N x D array.
    shape
        Size to which all images were brought.
    failed
        Images that could not be used.
    """

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
    """Read the embeddings of a set of images from an index, or compute them. This is a context manager.

    Parameters
    ----------
    job : EmbeddingJob
        Settings with which images are read and embedded.
    source : ImageSet
        Images of the set.
    index : Path, optional
        Path of the index. If the file exists, it is read. Otherwise the embeddings are computed and the file is
        written. By default, the embeddings are kept in a temporary file.
    rebuild : bool
        Whether the embeddings are computed again even if the index exists.
    index_by : {"time", "hash"}
        How a changed file of the set is detected: by its size and modification time ("time"), or by its content
        ("hash"). "hash" needs an index that was also made with "hash".
    progress : function, optional
        Called with the number of finished images and the number of all images.

    Yields
    ------
    IndexedPoints
        Embeddings, which may be used only inside the `with` block.

    Raises
    ------
    UsageError
        If the index was made with other settings, or if the files of the set have changed since then. The index stays
        unchanged.
    ImageError
        If no image can be read.
    SizeError
        If the images differ in size and the policy refuses this, or if their size is too small for the metric.
    OutputError
        If a file cannot be written, for example because the disk is full.
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
    """Return whether the file begins like an index of eyediff."""
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
        raise ImageError(f"no image in {shown(source.folder)} can be used; the first error is: {failed[0].message}")
    return names


def _settings(job: EmbeddingJob) -> dict[str, object]:
    """Return the settings that must be equal for embeddings that are compared with each other."""
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
            raise ValueError("the stored size is too small or too large for an image")
        files = {str(name): parse_stamp(at) for name, at in about["files"]}
        failed = {FailedImage(**each): parse_stamp(at) for each, at in about["failed"]}
        if len(files) != len(points):
            raise ValueError(f"the index has {len(files)} names, but {len(points)} embeddings")
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{shown(index)} cannot be read ({error.strerror or error}); check the path") from error
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise UsageError(f"{shown(index)} is damaged, or is not an index of eyediff; ", *REMEDY) from error
    stamps = files | {each.name: at for each, at in failed.items()}
    if by == "hash" and any(stamp is not None and len(stamp) == 2 for stamp in stamps.values()):
        raise UsageError(
            f"{shown(index)} does not have the hashes of the image files, which ",
            Setting("index_by", "hash"),
            " needs; ",
            *REMEDY,
        )
    if changes := _changes(stamps, source, by):
        raise UsageError(
            f"{shown(index)} does not fit the images that are now in {shown(source.folder)}: {changes}; ", *REMEDY
        )
    return IndexedPoints(list(files), points, shape, list(failed))


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"expected an integer; got {value!r}")
    return value


def _changes(before: Mapping[str, Stamp | None], source: ImageSet, by: ChangeSign) -> str:
    """Return a text with the numbers of changed, new and missing files, and the name of the first file of each kind."""
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
