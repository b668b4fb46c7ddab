"""Write a folder with images and scores for each failed comparison, and a page of all failures of a session."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from .._version import __version__
from ..errors import ImageError, OutputError, shown
from ..images import as_image, common_size, fit
from ..images.region import hide_ignored, read_mask
from ..output.schema import dump, encodable, json_value, number, regions_from, score_from
from ..records import Crossing, Failure, Header, Mask, MetricHeader, Pair, Row, ScoredPair, View
from ..report import About, PageSink
from ..report.document import GENERATOR, KILOBYTES
from ..run.limits import NO_LIMITS
from ..run.summary import Collector

REFERENCE, CANDIDATE, DIFFERENCE, SCORES = "reference.png", "candidate.png", "difference.png", "scores.json"
MASK = "mask.png"
"""Name of the image that is white at the compared pixels. It is written only if some pixels were not compared."""
PAGE = "report.html"

ATTEMPTS = 100
"""Number of attempts to create a folder. Another process may remove an empty parent folder at each attempt."""


@dataclass(frozen=True)
class Failed:
    """A failed comparison of an image with a golden. `golden`, `row` and `header` are None if there is no golden.

    `place` is the path of the golden, relative to the root folder of the tests. `counted` is the mask of the compared
    pixels, or None if all were compared.
    """

    reason: str
    golden: Path | None
    place: str
    candidate: PILImage.Image
    max: Mapping[str, float]
    min: Mapping[str, float]
    row: ScoredPair | None = None
    header: Header | None = None
    crossings: Sequence[Crossing] = field(default=())
    counted: Mask | None = None


class FailureFolder:
    """The folder for the failure of one test and golden. It is inside the folder of all failures."""

    def __init__(self, root: Path, test: str, golden: str) -> None:
        self._root, self._test, self._golden = root, test, golden
        self.folder = root / _safe(test) / _safe(golden)

    def clear(self) -> None:
        """Remove the files that an earlier run wrote for this test and golden, and folders that are then empty."""
        for name in (REFERENCE, CANDIDATE, DIFFERENCE, MASK, SCORES):
            (self.folder / name).unlink(missing_ok=True)
        for folder in (self.folder, self.folder.parent, self._root):
            with suppress(OSError):  # the folder does not exist, or is not empty
                folder.rmdir()

    def write(self, failed: Failed) -> tuple[Path, dict[str, Any]]:
        """Write the images and the scores of a failure. Return the folder, and the record of the failure."""
        for attempt in range(ATTEMPTS):
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                break
            except FileNotFoundError:  # the `clear` of another process removed the parent while it was empty
                if attempt == ATTEMPTS - 1:
                    raise
        failed.candidate.save(self.folder / CANDIDATE, compress_level=1)
        if failed.golden is not None:
            shutil.copyfile(failed.golden, self.folder / REFERENCE)
            self._write_difference(failed.golden, failed.candidate, failed.counted)
        (self.folder / MASK).unlink(missing_ok=True)
        if failed.counted is not None:
            PILImage.fromarray(failed.counted).save(self.folder / MASK)
        row, header = failed.row, failed.header
        record: dict[str, Any] = {
            "test": encodable(self._test),
            "golden": encodable(self._golden),
            "path": encodable(failed.place),
            "reason": encodable(failed.reason),
            "scores": {} if row is None else {name: number(score) for name, score in row.scores.items()},
            "max": {name: number(limit) for name, limit in failed.max.items()},
            "min": {name: number(limit) for name, limit in failed.min.items()},
            "regions": {} if row is None else json_value(row.regions),
        }
        (self.folder / SCORES).write_text(dump(record) + "\n", encoding="utf-8")
        metrics = {} if header is None else header.metrics
        return self.folder, record | {
            "folder": str(self.folder),
            "size": failed.candidate.size if row is None else (row.width, row.height),
            "crossings": [(found.metric, found.score, found.limit) for found in failed.crossings],
            "metrics": {
                name: [metric.version, metric.weights_sha256, metric.engine] for name, metric in metrics.items()
            },
            "higher": {} if header is None else dict(header.higher_is_better),
        }

    def _write_difference(self, golden: Path, candidate: PILImage.Image, counted: Mask | None) -> None:
        """Write a picture of the absolute differences at the compared pixels. The largest difference is white.

        Pixels that only one of the two images has are white, too.
        """
        with PILImage.open(golden) as picture:
            before = np.asarray(picture.convert("RGBA"))
        after = np.asarray(candidate.convert("RGBA"))
        width, height = common_size(before.shape[1::-1], after.shape[1::-1], "pad")
        drawn = np.full((height, width, 3), 255, np.uint8)
        height, width = np.minimum(before.shape, after.shape)[:2]
        before, after = before[:height, :width], after[:height, :width]
        apart = np.maximum(before, after) - np.minimum(before, after)
        apart = np.maximum(apart[..., :3], apart[..., 3:])
        apart = apart if counted is None else apart * counted[:height, :width, None]
        stretch = np.rint(np.arange(256) * (255 / max(1, int(apart.max())))).clip(0, 255).astype(np.uint8)
        drawn[:height, :width] = stretch[apart]
        PILImage.fromarray(drawn).save(self.folder / DIFFERENCE, compress_level=1)


def write_page(root: Path, failures: Sequence[Mapping[str, Any]]) -> str:
    """Write the page of all failures of a session, with the scores and limits, and return the path of the page.

    The images are not compared again.
    """
    metrics = {name: MetricHeader(*values) for each in failures for name, values in each["metrics"].items()}
    higher = {name: value for each in failures for name, value in each["higher"].items()}
    about = About("images that differ from their goldens", len(failures), limits=_limits(failures))
    sink = PageSink(root / PAGE, about)
    header = Header(__version__, metrics, "pad", higher)
    collector, crossings = Collector(header, NO_LIMITS), list[Crossing]()
    try:
        sink.open(header)
        for record in failures:
            row = _row_of(record)
            if isinstance(row, ScoredPair):
                with suppress(ImageError):  # if somebody has removed the images, the page has none
                    before, after = (as_image(Path(record["folder"]) / name) for name in (REFERENCE, CANDIDATE))
                    before, after = fit(before, after, "pad")
                    mask = Path(record["folder"]) / MASK
                    after = hide_ignored(before, after, read_mask(mask)) if mask.exists() else after
                    sink.see(View(row, before.pixels, after.pixels, extents=(before.extent, after.extent)))
            sink.write(row)
            collector.add(row)
            crossings += row.crossed
        sink.close(replace(collector.summary(interrupted=False), crossings=crossings))
    except OutputError as error:
        return f"no page was written ({error})"
    return shown(sink.page)


def _limits(failures: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the limits of the metrics for which all failures have the same limit."""
    found: dict[str, set[float]] = {}
    for each in failures:
        for name, limit in (each["max"] | each["min"]).items():
            found.setdefault(name, set()).add(score_from(limit))
    return {name: limits.pop() for name, limits in found.items() if len(limits) == 1}


def remove_page(root: Path) -> None:
    """Remove the page of an earlier session if eyediff wrote it, and the folder if it is then empty."""
    page = root / PAGE
    with suppress(OSError):
        with page.open("rb") as file:
            ours = GENERATOR.encode() in file.read(KILOBYTES)
        if ours:
            page.unlink()
            root.rmdir()


def _row_of(record: Mapping[str, Any]) -> Row:
    folder = Path(record["folder"])
    pair = Pair(f"{record['test']} {record['golden']}", folder / REFERENCE, folder / CANDIDATE)
    if not record["scores"]:
        return Failure(pair, "read", record["reason"])
    scores = {name: score_from(score) for name, score in record["scores"].items()}
    width, height = record["size"]
    crossed = tuple(Crossing(pair.name, *found) for found in record["crossings"])
    return ScoredPair(pair, width, height, scores, crossed=crossed, regions=regions_from(record["regions"]))


def _safe(name: str) -> str:
    """Return a folder name for a text: a readable part, and a hash so that different texts have different names."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[-80:]
    return f"{readable}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
