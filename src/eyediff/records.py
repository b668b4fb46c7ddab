"""Define the frozen records that packages exchange: images, pairs, rows, headers and summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .locations import Location

Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]
"""Type of pixels: a C-contiguous array H x W x 3 (or N x H x W x 3) of sRGB values from 0 to PEAKS[dtype]."""

PEAKS: Mapping[np.dtype[np.generic], float] = {
    np.dtype(np.uint8): 255.0,
    np.dtype(np.uint16): 65535.0,
    np.dtype(np.float32): 1.0,
}
"""Value of a white pixel for each data type of pixels."""

Numbers: TypeAlias = npt.NDArray[np.float64]

Features: TypeAlias = tuple[npt.NDArray[np.float32], ...]
"""Type of the features of N images: for each feature layer l, an array N x C_l x H_l x W_l of unit vectors."""

Stage: TypeAlias = Literal["read", "size", "score"]
Side: TypeAlias = Literal["reference", "candidate"]
SizePolicy: TypeAlias = Literal["refuse", "resize", "crop"]
PairSizePolicy: TypeAlias = str
"""Policy for two images that differ in size.

It is a `SizePolicy`, "top-left" (keep the common upper left part), "pad" (pad both to the larger width and height; the
padding counts as different), or "fit:WxH" (resize both to W x H pixels). `images.check_size` checks it.
"""
Resampling: TypeAlias = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
"""Filter for resizing images."""
Averaging: TypeAlias = Literal["images", "scenes"]
"""Values that are averaged for the mean in a table: the scores of all images, or the means of the scenes."""
MatchRule: TypeAlias = str
"""Rule that decides whether two files are a pair.

"name": their paths below the folders are equal. "stem": their paths without suffix are equal. Patterns such as
"{name}_gt.png={name}_pred.png": the fields are equal. A regular expression: the matches of its group `name`, or of its
first group, are equal. If it has the groups `reference` and `candidate`, both files may be in the same folder.
"""
AlphaPolicy: TypeAlias = str
"""Policy for transparent pixels.

It is "worst" (score on black and on white, and use the worse score), "refuse", "drop" (use the stored colours), or a
background: "white", "black", "checkerboard" or a colour such as "#808080". `images.check_alpha` checks it.
"""

FramePolicy: TypeAlias = Literal["all", "first", "one"]
"""Policy for an animation, or for a file with several pages.

"all" reads all frames or pages, "first" reads the first one, and "one" refuses a file that has more than one.
"""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""Type of a mask: an array H x W (or N x H x W) that is True at the pixels to compare."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangular part of an image: the column and row of its upper left pixel, from 0, and its size in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


@dataclass(frozen=True, slots=True)
class Conventions:
    """Settings that affect scores, in addition to the metrics and the policies for sizes and transparency.

    Parameters
    ----------
    protocol
        Name and version of the evaluation protocol, such as "sr-y@1".
    crop_border
        Number of pixels that are cut off at each side of both images before scoring.
    eight_bits
        Whether images with more than 8 bits are rounded to 8 bits before scoring.
    region
        Part of the images to which the comparison is restricted. None to compare the complete images.
    ignore
        Parts of the images that are not compared.
    mask
        Path of the mask, or of a folder of masks. A mask is white at the pixels to compare.
    resampling
        Filter for resizing images.
    averaging
        Values that the protocol averages for the mean in a table. It affects no score, so only tables record it.
    """

    protocol: str | None = None
    crop_border: int = 0
    eight_bits: bool = False
    region: Rectangle | None = None
    ignore: tuple[Rectangle, ...] = ()
    mask: str | None = None
    resampling: Resampling = "lanczos"
    averaging: Averaging = "images"

    @property
    def masks(self) -> bool:
        """True if some pixels of an image may be excluded."""
        return self.region is not None or bool(self.ignore) or self.mask is not None


NO_CONVENTIONS = Conventions()


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was read.

    If the file has transparency, `pixels` is the picture on black and `over_white` is the picture on white; a pair then
    gets the worse of the two scores. `notes` are remarks for people, for example that one frame of an animation was
    used. If the image was padded, `extent` is the width and height that it had in the file; its pixels are then in the
    upper left part. `later` has the second and all further frames or pages of the file, if all were read.
    """

    name: str
    pixels: Pixels
    over_white: Pixels | None = None
    notes: tuple[str, ...] = ()
    extent: tuple[int, int] | None = None
    later: tuple[Image, ...] = ()

    @property
    def frames(self) -> tuple[Image, ...]:
        """All frames of the file, each as a separate image."""
        return (replace(self, later=()), *self.later)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that are compared. `name` is their common relative path, in posix form, or the name from a list.

    `mask` is an image that is white at the pixels to compare, or None to compare all pixels. `group` is the name of the
    group to which the pair belongs, such as a scene.
    """

    name: str
    reference: Location
    candidate: Location
    mask: Location | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A file without a partner. `side` says whether it is a reference or a candidate."""

    side: Side
    path: Location


@dataclass(frozen=True, slots=True)
class Region:
    """A box in which two images differ.

    Parameters
    ----------
    x, y
        Column and row of the first pixel.
    width, height
        Size in pixels.
    score
        Worst value that the map of the metric has in the box.
    pixels
        Number of changed pixels in the box. None if the box is a window of fixed size.
    shift
        Displacement in pixels (right, down) if the content of the region is only displaced; None if it has changed.
    joined
        Number of regions in the box. It is 1, except for the last box if there are too many regions: that box joins all
        remaining regions.
    """

    x: int
    y: int
    width: int
    height: int
    score: float
    pixels: int | None = None
    shift: tuple[float, float] | None = None
    joined: int = 1

    def translate(self, by: int) -> Region:
        """Return the region moved to the right and down by a number of pixels."""
        return replace(self, x=self.x + by, y=self.y + by) if by else self


Regions: TypeAlias = Mapping[str, Sequence[Region]]
"""Type of the changed regions of each metric, the worst first."""


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """The scores of a pair. At least one metric has a score.

    Parameters
    ----------
    pair
        The files of the pair.
    width, height
        Size of the compared images, in pixels.
    scores
        Score of each metric, in the order of the header.
    notes
        Remarks for people, about the images, such as "first frame of 12".
    reasons
        For each metric without a score, the reason, such as "needs sides of at least 31 pixels".
    crossed
        Limits that the scores cross. They include the limits that follow from a baseline, which is an earlier run.
    waived
        Crossed limits that have no effect, because all changed regions of the metric are only displaced.
    regions
        Changed regions, for each metric that finds regions. Metrics that found none are absent.
    """

    pair: Pair
    width: int
    height: int
    scores: Mapping[str, float]
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    crossed: tuple[Crossing, ...] = ()
    regions: Regions = field(default_factory=dict)
    waived: tuple[Crossing, ...] = ()

    @property
    def complete(self) -> bool:
        """True if every metric has a score."""
        return not self.reasons

    @property
    def stage(self) -> Stage:
        """Stage in which the metrics without a score failed."""
        return "score"

    def is_moved(self, metric: str) -> bool:
        """Return whether all regions that this metric finds are only displaced."""
        found = self.regions.get(metric, ())
        return bool(found) and all(region.shift is not None for region in found)

    @property
    def message(self) -> str:
        """The reasons, each after the name of its metric; empty if every metric has a score."""
        return "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())


@dataclass(frozen=True, slots=True)
class View:
    """The row of a pair and the pixels of its two images, from which pictures are drawn.

    The row may be a failure if the files could be read. `reference` and `candidate` are the compared pixels, H x W x 3,
    with the same size and data type. If one of the images is transparent, both are on black or both are on white: the
    background on which they differ more. `map` is the score at every pixel, H x W, if a map was requested. `trouble` is
    the reason if the map could not be computed. `map_identity` is the value of the map where the images are equal.
    `extents` has the `Image.extent` of both images. `frame` is the number of the shown frame of animations, from 1.
    """

    row: Row
    reference: Pixels
    candidate: Pixels
    map: npt.NDArray[np.float32] | None = None
    trouble: str | None = None
    map_identity: float = 0.0
    extents: tuple[tuple[int, int] | None, tuple[int, int] | None] = (None, None)
    frame: int | None = None

    @property
    def difference_map(self) -> npt.NDArray[np.float32] | None:
        """The map for pictures: 0 where two images are equal, and higher where they differ more."""
        if self.map is None or self.map_identity == 0:
            return self.map
        # A similarity may exceed 1 by the rounding of float32.
        difference: npt.NDArray[np.float32] = np.maximum(np.float32(self.map_identity) - self.map, np.float32(0))
        return difference


@dataclass(frozen=True, slots=True)
class Failure:
    """The row of a pair for which no metric has a score, with the reason."""

    pair: Pair
    stage: Stage
    message: str
    width: int | None = None
    height: int | None = None

    @property
    def complete(self) -> bool:
        """Always False: a failure lacks every score."""
        return False

    @property
    def scores(self) -> Mapping[str, float]:
        """Always empty: no metric has a score."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Always empty: there are no compared images."""
        return ()

    @property
    def crossed(self) -> tuple[Crossing, ...]:
        """Return no crossings: there are no scores."""
        return ()

    @property
    def waived(self) -> tuple[Crossing, ...]:
        """Return no crossings: there are no scores."""
        return ()

    @property
    def regions(self) -> Regions:
        """Return no regions: the images were not compared."""
        return {}

    def is_moved(self, metric: str) -> bool:  # noqa: ARG002  # same signature as in ScoredPair
        """Return False: the images were not compared."""
        return False


Row: TypeAlias = ScoredPair | Failure


@dataclass(frozen=True, slots=True)
class MetricHeader:
    """Version, weights and engine of a metric, which are needed to reproduce a score."""

    version: str
    weights_sha256: str | None
    engine: str


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of a list of pairs: every `of`-th pair, starting with pair number `part`, counted from 1.

    In a table, `block` successive pairs have the same reference, and the parts consist of such blocks instead of pairs.
    `pairs` is the length of the complete list, `list_sha256` is the hash of its names, and `part_sha256` is the hash of
    the names in this part. `unmatched` has the files without a partner. In all parts except the first, it is empty, so
    that these files are counted once.
    """

    part: int
    of: int
    pairs: int
    list_sha256: str
    part_sha256: str
    unmatched: Sequence[Unmatched] = ()
    block: int = 1

    @property
    def size(self) -> int:
        """Number of pairs in this part."""
        return len(range(self.part - 1, self.pairs // self.block, self.of)) * self.block


@dataclass(frozen=True, slots=True)
class TableHeader:
    """The methods of a table. After this header, each image has one row for each method.

    Parameters
    ----------
    methods
        Names of the methods. A row is named after its method and its image: "method/image".
    images
        Number of images that all methods have.
    left_out
        Names of images that some methods lack, with the names of these methods.
    unmatched
        Files of methods that have no partner in the ground truth.
    averaging
        Values that the protocol averages for the mean.
    """

    methods: Sequence[str]
    images: int
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unmatched: Sequence[Unmatched] = ()
    averaging: Averaging = "images"


@dataclass(frozen=True, slots=True)
class Header:
    """Settings that all rows of a run share. `metrics` and `higher_is_better` have an entry for each metric.

    `range` has the values of a black and of a white pixel, if they were stated for all files. `groups` is the rule that
    assigns each pair to a group, or "listed" if a list of pairs states the groups. It is None if pairs have no group.
    If the rows are only a part of a run, `shard` describes this part. `conventions` are the evaluation protocol and its
    settings. `tolerate_shift` is the largest displacement in pixels at which a region counts as moved. If the rows are
    those of a table of methods, `table` describes the methods.
    """

    eyediff: str
    metrics: Mapping[str, MetricHeader]
    size: PairSizePolicy
    higher_is_better: Mapping[str, bool]
    alpha: AlphaPolicy = "worst"
    range: tuple[float, float] | None = None
    groups: str | None = None
    shard: Shard | None = None
    conventions: Conventions = NO_CONVENTIONS
    tolerate_shift: int = 0
    table: TableHeader | None = None

    @property
    def block(self) -> int:
        """Number of successive pairs that have the same reference and stay together in a part."""
        return 1 if self.table is None else len(self.table.methods)


def averaged(scores: Numbers) -> Numbers:
    """Return the scores over which a mean is computed: the finite scores, or all scores if none of them is finite.

    The PSNR of identical images is infinite. If a mean included one such score, the mean would be infinite.
    """
    finite = scores[np.isfinite(scores)]
    return finite if len(finite) else scores


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of one metric, over the pairs that have a score of this metric.

    Parameters
    ----------
    mean
        Mean of the scores that `averaged` returns: infinite if no score is finite.
    median, min, max
        Statistics of all scores, including infinite ones.
    std
        Standard deviation of the finite scores, with N - 1 in the denominator; None for fewer than two finite scores.
    ci95
        95 % interval of the mean (`run.interval`); None for fewer than `defaults.FEWEST` finite scores.
    worst
        Names and scores of the worst pairs, the worst first.
    count
        Number of scores.
    identical
        Number of infinite scores, such as PSNR of identical images. They are left out of `std` and `ci95`, and of
        `mean` unless all scores are infinite (`left_out`).
    """

    mean: float
    median: float
    std: float | None
    min: float
    max: float
    ci95: tuple[float, float] | None
    worst: tuple[tuple[str, float], ...]
    count: int
    identical: int = 0

    @property
    def left_out(self) -> int:
        """Number of infinite scores that are left out of the mean. It is 0 if no score is finite."""
        return self.identical if self.identical < self.count else 0

    @property
    def mean_of_all(self) -> float:
        """Return the mean of all scores, including infinite ones.

        It is infinite if a score is infinite, and NaN if there are infinite scores of both signs.
        """
        if not self.identical:
            return self.mean
        ends = [end for end in (self.min, self.max) if math.isinf(end)]
        return sum(ends)

    @property
    def low(self) -> float | None:
        """Return the low end of the 95 % interval of the mean. None if there is no interval."""
        return None if self.ci95 is None else self.ci95[0]

    @property
    def high(self) -> float | None:
        """Return the high end of the 95 % interval of the mean. None if there is no interval."""
        return None if self.ci95 is None else self.ci95[1]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A score of a pair, or a mean, that is beyond a limit, together with the value of this limit."""

    pair: str
    metric: str
    score: float
    limit: float

    @property
    def excess(self) -> float:
        """Return how far the score is beyond the limit, as a fraction of the limit. This makes metrics comparable."""
        return abs(self.score - self.limit) / abs(self.limit) if self.limit and math.isfinite(self.limit) else math.inf


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pooled scores of one metric over the frames of a clip, which emphasize bad frames (see video/pooling.py).

    `harmonic` is the harmonic mean. It is None for distances. It is also None if a negative similarity makes it
    undefined. `tail` is the percentile of the bad frames. `worst_second` is the mean of the second with the worst mean.
    That second begins at `worst_second_at` seconds.
    """

    harmonic: float | None
    tail: float
    worst_second: float
    worst_second_at: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary of a run. Of `count` pairs, `failed` have no score, and `incomplete` lack the score of some metric.

    `crossings` are the limits that scores of pairs cross, and `mean_crossings` are the limits that means cross.
    `waived` are the crossed limits without an effect, because the changed regions of the pair are only displaced.
    `regressions` state what is worse than in an earlier run, and `gaps` state what else is missing, such as maps.
    `lacking` has the first `defaults.LISTED` pairs that failed or are incomplete, with the reasons. `groups` has a
    summary for each group of pairs. `hints` are remarks for people about the run, for example that names do not fit the
    matching rule. Only video clips have `pooled`, the pooled scores of each metric.
    """

    count: int
    failed: int
    metrics: Mapping[str, Statistics]
    unmatched: Sequence[Unmatched] = ()
    crossings: Sequence[Crossing] = field(default=())
    mean_crossings: Sequence[Crossing] = field(default=(), kw_only=True)
    waived: Sequence[Crossing] = field(default=(), kw_only=True)
    interrupted: bool = False
    pooled: Mapping[str, Pooled] = field(default_factory=dict)
    hints: Sequence[str] = ()
    incomplete: int = 0
    lacking: Sequence[tuple[str, str]] = ()
    groups: Mapping[str, Summary] = field(default_factory=dict)
    regressions: Sequence[str] = field(default=(), kw_only=True)
    gaps: Sequence[str] = field(default=(), kw_only=True)

    @property
    def verdict(self) -> Literal["pass", "crossed", "incomplete", "interrupted"]:
        """Return how the run ended. The exit code and the verdict of a report follow from this value.

        "crossed" means that a limit was crossed, or that a score or a mean is worse than in an earlier run.
        "incomplete" means that scores, partners of files, or other results are missing.
        """
        if self.interrupted:
            return "interrupted"
        if self.crossings or self.mean_crossings or self.regressions:
            return "crossed"
        return "incomplete" if self.failed or self.incomplete or self.unmatched or self.gaps else "pass"

    @property
    def means_of_groups(self) -> Mapping[str, float]:
        """Return, for each metric, the mean of the means of the groups. Groups without a mean are left out."""
        means: dict[str, float] = {}
        for name in self.metrics:
            of_groups = [group.metrics[name].mean for group in self.groups.values() if name in group.metrics]
            if of_groups:
                counted = averaged(np.array(of_groups))
                means[name] = math.fsum(counted) / len(counted) if math.isfinite(counted[0]) else of_groups[0]
        return means
