"""Frozen records that the packages exchange: images, pairs, rows, headers and summaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .locations import Location

Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]
"""H x W x 3 (or N x H x W x 3), sRGB, C-contiguous; from 0 to PEAKS[dtype]."""

PEAKS: Mapping[np.dtype[np.generic], float] = {
    np.dtype(np.uint8): 255.0,
    np.dtype(np.uint16): 65535.0,
    np.dtype(np.float32): 1.0,
}
"""The value of white, by storage type."""

Numbers: TypeAlias = npt.NDArray[np.float64]

Features: TypeAlias = tuple[npt.NDArray[np.float32], ...]
"""What a network sees of N images: unit vectors at each tap, N x C_l x H_l x W_l."""

Stage: TypeAlias = Literal["read", "size", "score"]
Side: TypeAlias = Literal["reference", "candidate"]
SizePolicy: TypeAlias = Literal["refuse", "resize", "crop"]
PairSizePolicy: TypeAlias = str
"""What happens to two images that differ in size: a `SizePolicy`, "top-left" (the upper left part that both have is
kept), "pad" (both get the larger sides, and what is missing counts as different), or "fit:WxH" (both get W x H
pixels). `images.check_size` checks it."""
Resampling: TypeAlias = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]
"""The filter that resizes images."""
MatchRule: TypeAlias = str
"""What two files of folders share if they are a pair: "name", the whole path below the folders; "stem", the path
without its suffix; patterns such as "{name}_gt.png={name}_pred.png"; or a regular expression, whose group `name`, or
first group, finds it. If its groups `reference` and `candidate` tell the sides, one folder may hold both."""
AlphaPolicy: TypeAlias = str
"""What transparency becomes: "worst" (over black and over white, and the worse score counts), "refuse", "drop" (the
colours are taken as they are stored), or a background: "white", "black", "checkerboard" or a colour such as "#808080".
`images.check_alpha` checks it."""

Mask: TypeAlias = npt.NDArray[np.bool_]
"""H x W (or N x H x W): which pixels count."""


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of an image: its upper left pixel, counted from 0, and its size in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


@dataclass(frozen=True, slots=True)
class Conventions:
    """Settings that scores depend on, beside the metrics and the policies for sizes and transparency.

    Parameters
    ----------
    protocol
        Name and version of the evaluation protocol, such as "sr-y@1".
    crop_border
        Pixels that are cut off at each side of both images before they are scored.
    eight_bits
        Whether images of more than 8 bits are rounded to 8 bits first.
    region
        The part that counts; None: all of the image.
    ignore
        Parts that do not count.
    mask
        Path of the image, or of the folder of images, whose white pixels count.
    resampling
        The filter that resizes images.
    """

    protocol: str | None = None
    crop_border: int = 0
    eight_bits: bool = False
    region: Rectangle | None = None
    ignore: tuple[Rectangle, ...] = ()
    mask: str | None = None
    resampling: Resampling = "lanczos"

    @property
    def masks(self) -> bool:
        """True if some pixels of an image may not count."""
        return self.region is not None or bool(self.ignore) or self.mask is not None


NO_CONVENTIONS = Conventions()


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that was read.

    Where the file had transparency, `pixels` is the picture over black and `over_white` the same over white; a pair
    then gets the worse of the two scores. `notes` say what a person should know (one frame of an animation was taken).
    """

    name: str
    pixels: Pixels
    over_white: Pixels | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files that belong together. `name` is the relative path they share, in posix form, or as a list named it.

    `mask` is an image whose white pixels count; None: all pixels count. `group` is what the pair belongs to,
    such as its scene.
    """

    name: str
    reference: Location
    candidate: Location
    mask: Location | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A file that has no partner, and on which side it lies."""

    side: Side
    path: Location


@dataclass(frozen=True, slots=True)
class Region:
    """A box in which two images differ.

    Parameters
    ----------
    x, y
        Column and row of its first pixel.
    width, height
        Its size in pixels.
    score
        Worst value of the metric's map in it.
    pixels
        Number of pixels in it that have changed; None of windows.
    shift
        Pixels (right, down) by which the region is displaced, if it is the same otherwise; None if it has changed.
    joined
        Number of regions that the box spans; more than 1 only of the last of very many.
    """

    x: int
    y: int
    width: int
    height: int
    score: float
    pixels: int | None = None
    shift: tuple[float, float] | None = None
    joined: int = 1


Regions: TypeAlias = Mapping[str, Sequence[Region]]
"""Changed regions by metric, the worst first."""


@dataclass(frozen=True, slots=True)
class ScoredPair:
    """The scores of a pair; at least one metric has one.

    Parameters
    ----------
    pair
        Which files.
    width, height
        Size of both images as they were compared, in pixels.
    scores
        Score by metric, in the order of the header.
    notes
        What a person should know of the images, such as "first frame of 12".
    reasons
        For each metric of the run without a score: why it has none, such as "needs sides of at least 31 pixels".
    crossed
        Limits that its scores are beyond, those of a baseline among them.
    regions
        Of metrics that find changed regions: where the images differ. Metrics without any are absent.
    """

    pair: Pair
    width: int
    height: int
    scores: Mapping[str, float]
    notes: tuple[str, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    crossed: tuple[Crossing, ...] = ()
    regions: Regions = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True if every metric has a score."""
        return not self.reasons

    @property
    def stage(self) -> Stage:
        """Stage at which the metrics without a score failed."""
        return "score"

    def is_moved(self, metric: str) -> bool:
        """Return whether all that this metric finds is displaced and otherwise the same."""
        found = self.regions.get(metric, ())
        return bool(found) and all(region.shift is not None for region in found)

    @property
    def message(self) -> str:
        """The reasons, each behind its metric; empty if every metric has a score."""
        return "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())


@dataclass(frozen=True, slots=True)
class View:
    """A pair that has its scores, while its pixels are in memory.

    `reference` and `candidate` are H x W x 3 of one size and storage type, as they were compared; where one of them has
    transparency, both are over the ground, black or white, on which they differ more. `map` is the score at every
    pixel, H x W, where one was asked for; `trouble` says why there is none then. `map_identity` is the value of the map
    where two images are equal.
    """

    row: ScoredPair
    reference: Pixels
    candidate: Pixels
    map: npt.NDArray[np.float32] | None = None
    trouble: str | None = None
    map_identity: float = 0.0

    @property
    def difference_map(self) -> npt.NDArray[np.float32] | None:
        """The map as pictures show it: 0 where two images are equal, and higher where they differ more."""
        if self.map is None or self.map_identity == 0:
            return self.map
        # A similarity may exceed 1 by the rounding of float32.
        difference: npt.NDArray[np.float32] = np.maximum(np.float32(self.map_identity) - self.map, np.float32(0))
        return difference


@dataclass(frozen=True, slots=True)
class Failure:
    """A pair without any score, and why."""

    pair: Pair
    stage: Stage
    message: str
    width: int | None = None
    height: int | None = None

    @property
    def complete(self) -> bool:
        """A failure lacks every score."""
        return False

    @property
    def scores(self) -> Mapping[str, float]:
        """No metric has a score."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Empty: the images were not read."""
        return ()

    @property
    def crossed(self) -> tuple[Crossing, ...]:
        """Return no crossings: there are no scores."""
        return ()

    @property
    def regions(self) -> Regions:
        """Return no regions: the images were not compared."""
        return {}

    def is_moved(self, metric: str) -> bool:  # noqa: ARG002  # as of a pair with scores
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
    """One of several parts of a list of pairs: every `of`-th pair, from the `part`-th on (1 is the first).

    `pairs` is the length of the whole list, `list_sha256` tells it from others, `part_sha256` the names of this part.
    The first part speaks for the files without partner, `unmatched`, so that they are counted once.
    """

    part: int
    of: int
    pairs: int
    list_sha256: str
    part_sha256: str
    unmatched: Sequence[Unmatched] = ()

    @property
    def size(self) -> int:
        """Number of pairs of this part."""
        return len(range(self.part - 1, self.pairs, self.of))


@dataclass(frozen=True, slots=True)
class Header:
    """Settings that all rows of a run share. `higher_is_better` is by metric name, like `metrics`.

    `range` are the levels of black and white that were stated for all files. `groups` is the rule that tells the group
    of each pair, or "listed" where a list did; None if pairs have no group. `shard` where the rows are a part of a run.
    `conventions` are the protocol and what it asks for. `tolerate_shift` are pixels by which a region may be displaced
    and be called moved.
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


@dataclass(frozen=True, slots=True)
class Statistics:
    """One metric over the pairs that have a score of it.

    Parameters
    ----------
    mean
        Mean of the finite scores; infinite if no score is finite.
    median, min, max
        Of all scores, infinite ones among them.
    std
        Standard deviation of the finite scores, with N - 1 in the denominator; None below two of them.
    ci95
        Interval of the mean (`run.interval`); None below `defaults.FEWEST` finite scores.
    worst
        Names of pairs with their scores, worst first.
    count
        Number of scores.
    identical
        Number of infinite scores, which PSNR has of identical images. They are left out of mean, std and interval.
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
    def mean_of_all(self) -> float:
        """Return the mean of all scores, which one infinite score makes infinite; two of both signs leave none."""
        if not self.identical:
            return self.mean
        ends = [end for end in (self.min, self.max) if math.isinf(end)]
        return sum(ends)

    @property
    def low(self) -> float | None:
        """Return the low end of the interval."""
        return None if self.ci95 is None else self.ci95[0]

    @property
    def high(self) -> float | None:
        """Return the high end of the interval."""
        return None if self.ci95 is None else self.ci95[1]


@dataclass(frozen=True, slots=True)
class Crossing:
    """A score beyond a threshold that the user set."""

    pair: str
    metric: str
    score: float
    limit: float

    @property
    def excess(self) -> float:
        """Return how far the score is beyond the limit, in limits: it compares metrics of different units."""
        return abs(self.score - self.limit) / abs(self.limit) if self.limit and math.isfinite(self.limit) else math.inf


@dataclass(frozen=True, slots=True)
class Pooled:
    """One metric over the frames of a clip, beside its mean; each leans to the bad end (video/pooling.py says how).

    `harmonic` is None for distances, and where a similarity below 0 leaves it undefined. The worst
    second begins at `worst_second_at`.
    """

    harmonic: float | None
    tail: float
    worst_second: float
    worst_second_at: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run. Of `count` pairs, `failed` have no score, and `incomplete` lack the score of some metric.

    `crossings` are of pairs, `mean_crossings` of means. `lacking` are the first `defaults.LISTED` pairs that failed or
    are incomplete, with the reason. `groups` are summaries of the pairs of each group. `pooled`, by metric, and `hints`
    for people are of clips alone.
    """

    count: int
    failed: int
    metrics: Mapping[str, Statistics]
    unmatched: Sequence[Unmatched] = ()
    crossings: Sequence[Crossing] = field(default=())
    mean_crossings: Sequence[Crossing] = field(default=(), kw_only=True)
    interrupted: bool = False
    pooled: Mapping[str, Pooled] = field(default_factory=dict)
    hints: Sequence[str] = ()
    incomplete: int = 0
    lacking: Sequence[tuple[str, str]] = ()
    groups: Mapping[str, Summary] = field(default_factory=dict)

    @property
    def means_of_groups(self) -> Mapping[str, float]:
        """Return the mean of the groups' means by metric, over the groups that have a mean."""
        means: dict[str, float] = {}
        for name in self.metrics:
            of_groups = [group.metrics[name].mean for group in self.groups.values() if name in group.metrics]
            finite = [mean for mean in of_groups if math.isfinite(mean)]
            if of_groups:
                means[name] = math.fsum(finite) / len(finite) if finite else of_groups[0]
        return means
