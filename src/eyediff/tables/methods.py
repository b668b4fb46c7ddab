"""Make the plan of a table: pair every image of the ground truth with the same-named image of each method.

The pairs of one image follow each other. So an image of the ground truth is decoded only once, and its features are
computed only once, for any number of methods (`scoring/loading.py`, `scoring/references.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np

from .. import pairing
from ..errors import Setting, UsageError, shown, some_of
from ..interfaces import DownloadProgress
from ..output.text import amount
from ..pairing.groups import group_pairs
from ..pairing.lazy import Lazy
from ..records import Header, Numbers, Pair, Row, Summary, TableHeader, Unmatched
from ..run import ComparisonOptions, ComparisonPlan
from ..scoring.metric_spec import parse_metrics
from .bitrates import BPP, Bitrates, check_curves, find_bitrates
from .bjontegaard import Interpolation
from .means import TableData, summarise_methods

MissingPolicy: TypeAlias = Literal["refuse", "common"]
"""What happens if a method lacks an image: "refuse" raises an error, "common" uses the images that all methods have."""


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The methods, images and metrics of a table.

    Parameters
    ----------
    header
        Description of the metrics.
    methods
        Names of the methods.
    images
        Names of the images that all methods have.
    groups
        Group of each image. Empty if the images have no groups.
    left_out
        For each image that some methods lack, the names of these methods.
    unmatched
        Files of methods that have no partner in the ground truth.
    bitrates
        Codecs and bits per pixel, or None if no sizes were given.
    hints
        Remarks about the pairing of the files. A stored table has none.
    """

    header: Header
    methods: tuple[str, ...]
    images: Sequence[str]
    groups: Sequence[str]
    left_out: Mapping[str, Sequence[str]]
    unmatched: Sequence[Unmatched] = ()
    bitrates: Bitrates | None = None
    hints: Sequence[str] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the table: `bpp` if there are bitrates, and then the metrics."""
        return (*([] if self.bitrates is None else [BPP]), *self.header.metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan(TableLayout):
    """A table before scoring.

    Parameters
    ----------
    run
        Plan of a run with all pairs. The pairs of an image follow each other, in the order of the methods.
    """

    run: ComparisonPlan

    def pairs_of(self, image: int) -> Sequence[Pair]:
        """Return the pairs of an image, one for each method. `image` is the index of the image in `images`."""
        pairs = cast(Sequence[Pair], self.run.pairs)
        return pairs[image * len(self.methods) : (image + 1) * len(self.methods)]


def plan_table(
    ground_truth: Path,
    methods: Mapping[str, Path],
    metrics: Sequence[str],
    options: ComparisonOptions,
    *,
    missing: MissingPolicy = "refuse",
    sizes: Path | str | None = None,
    interpolation: Interpolation = "pchip",
    progress: DownloadProgress | None = None,
) -> TablePlan:
    """Pair the images of a ground truth with the images of each method, and load the metrics.

    Parameters
    ----------
    ground_truth
        Folder of the ground truth.
    methods
        For each method, the folder of its images.
    metrics
        Names of the metrics.
    options
        Settings with which files are paired, read and compared. A mask applies to the image of the same name, for all
        methods.
    missing
        What happens if a method lacks an image.
    sizes
        Sizes of the files of codecs; see `find_bitrates`. If None, the table has no bitrates.
    interpolation
        Kind of the curve through the operating points of a codec.
    progress
        Function that is called with the progress of downloads.

    Raises
    ------
    UsageError
        If an argument is wrong, or if a method lacks an image and `missing` is "refuse".
    WeightsError, DeviceError
        If a metric cannot be loaded.
    """
    specs = parse_metrics(metrics)
    check_curves(sizes, interpolation)
    if not methods:
        raise UsageError("a table needs at least one method; give the folder of its images")
    pairings = {name: pairing.pair_up(ground_truth, folder, options.match) for name, folder in methods.items()}
    by_method = {name: {pair.name: pair for pair in found.pairs} for name, found in pairings.items()}
    listed = list(dict.fromkeys(name for pairs in by_method.values() for name in pairs))
    lacking = {name: [method for method, pairs in by_method.items() if name not in pairs] for name in listed}
    left_out = {name: without for name, without in lacking.items() if without}
    left_out |= {name: list(methods) for name in _missing_in_all(pairings, ground_truth)}
    if missing == "refuse" and left_out:
        raise UsageError(_describe_missing(left_out), Setting("missing", "common"))
    images = [name for name in listed if name not in left_out]
    if not images:
        raise UsageError(f"{', '.join(map(shown, methods))} have no image in common; check the folders")
    groups = _groups_of(images, options.groups)
    names, masks = tuple(methods), _masks_of(images, options.conventions.mask)

    def make(place: int) -> Pair:
        index, method = place // len(names), names[place % len(names)]
        image, group = images[index], groups[index] if groups else None
        return replace(by_method[method][image], name=f"{method}/{image}", mask=masks[index].mask, group=group)

    built = options.build_metrics(specs, progress)
    header = replace(built.header, groups=options.groups)
    unmatched = tuple(file for found in pairings.values() for file in found.unmatched if file.side == "candidate")
    table = TableHeader(names, len(images), left_out, unmatched, options.conventions.averaging)
    passed_over: Counter[str] = Counter()
    for found in pairings.values():
        passed_over |= Counter(found.passed_over)
    plan = ComparisonPlan(
        Lazy(range(len(images) * len(names)), make),
        replace(built, header=replace(header, table=table)),
        options.loader(),
        unmatched,
        passed_over=dict(sorted(passed_over.items())),
        hints=tuple(f"{shown(name)}: {hint}" for name, found in pairings.items() for hint in found.hints),
    )
    bitrates = None
    if sizes is not None:
        pairs = cast(Sequence[Pair], plan.pairs)
        bitrates = find_bitrates(names, images, pairs, sizes, interpolation, max_pixels=options.max_pixels)
    return TablePlan(header, names, images, groups, left_out, unmatched, bitrates, plan.hints, run=plan)


def _missing_in_all(pairings: Mapping[str, pairing.Pairing], ground_truth: Path) -> list[str]:
    """Return the names of the images of the ground truth that all methods lack."""
    alone = [{str(file.path) for file in found.unmatched if file.side == "reference"} for found in pairings.values()]
    return sorted(Path(path).relative_to(ground_truth).as_posix() for path in set.intersection(*alone))


def _describe_missing(left_out: Mapping[str, Sequence[str]]) -> str:
    count = Counter(method for methods in left_out.values() for method in methods)
    parts = [
        f"{shown(method)} lacks {number}: {some_of([shown(name) for name in left_out if method in left_out[name]])}"
        for method, number in count.items()
    ]
    return (
        f"not every method has every image: {'; '.join(parts)}; add these images, or compare only the images that all "
        "methods have, with "
    )


def _groups_of(images: Sequence[str], rule: str | None) -> Sequence[str]:
    return () if rule is None else [str(pair.group) for pair in group_pairs(_named(images), rule)]


def _masks_of(images: Sequence[str], masks: str | None) -> Sequence[Pair]:
    """Return a pair for each image. It has the mask of the image if masks are given."""
    return _named(images) if masks is None else pairing.with_masks(_named(images), Path(masks))


def _named(images: Sequence[str]) -> Sequence[Pair]:
    return Lazy(images, lambda name: Pair(name, Path(name), Path(name)))


class ScoresByMethod:
    """A sink that keeps the scores of a table.

    For each metric, `scores` has an array of methods x images, with NaN for a missing score. If there are bitrates,
    `scores` also has the key `bpp`, which is before the metrics.
    """

    def __init__(self, layout: TableLayout) -> None:
        self._layout = layout

    def open(self, header: Header) -> None:
        """Prepare to receive scores of the metrics in the header."""
        methods, images, bitrates = len(self._layout.methods), len(self._layout.images), self._layout.bitrates
        self.scores: dict[str, Numbers] = {} if bitrates is None else {BPP: bitrates.bpp}
        self.scores |= {name: np.full((methods, images), np.nan) for name in header.metrics}
        self._count = self._noted = 0
        self._note = ""

    def write(self, row: Row) -> None:
        """Keep the scores of one pair. Pairs must come in the order of the plan."""
        image, method = divmod(self._count, len(self._layout.methods))
        for name, score in row.scores.items():
            self.scores[name][method, image] = score
        self._count += 1
        if row.notes:
            self._noted += 1
            self._note = self._note or f"{shown(row.pair.name)}: {', '.join(map(shown, row.notes))}"

    def close(self, summary: Summary) -> None:
        """Do nothing, because no file is open."""

    def abandon(self) -> None:
        """Do nothing, because no file was written."""

    def summarise(self, digits: Mapping[str, int] | None = None) -> TableData:
        """Return the table that follows from the scores. `digits` has the numbers of decimals of some columns."""
        layout = self._layout
        data = summarise_methods(
            layout.header,
            layout.methods,
            layout.groups,
            self.scores,
            digits=digits,
            left_out=layout.left_out,
            bitrates=layout.bitrates,
        )
        return replace(data, notes=(*data.notes, *self._remarks()))

    def _remarks(self) -> Iterator[str]:
        """Yield remarks about the pairing, the means, files without a partner, and notes of pairs."""
        yield from self._layout.hints
        if self._layout.header.conventions.averaging == "scenes" and not self._layout.groups:
            yield (
                f"the protocol {shown(self._layout.header.conventions.protocol)} averages over scenes, but the images "
                "have no groups, so the means are over all images"
            )
        if alone := self._layout.unmatched:
            files = some_of([shown(file.path) for file in alone])
            yield f"{amount(len(alone), 'image')} of methods without a partner in the ground truth: {files}"
        if self._noted:
            yield f"{self._noted} of {amount(self._count, 'pair')} with a note, such as {self._note}"
