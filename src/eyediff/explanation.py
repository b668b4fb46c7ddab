"""Define `explain`, which scores two images under every evaluation protocol, and describes how the protocols differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from . import defaults
from ._version import __version__
from .argument_types import check_argument_types
from .engines.onnx_providers import DeviceName
from .errors import ImageError, UsageError, WeightsError
from .images import Range
from .images.region import prepare
from .interfaces import DownloadProgress
from .metric import ImageLike, load_pair
from .metrics.registry import find_metric
from .protocols import EvaluationProtocol, is_kind, published
from .records import AlphaPolicy, Conventions, Failure, Header, Image, ScoredPair
from .scoring.batches import score_images
from .scoring.factory import build_metric_set
from .scoring.metric_set import MetricSet

OWN = EvaluationProtocol(
    name="eyediff",
    version=__version__,
    about="eyediff compare without a protocol",
    metrics=tuple(find_metric(name)[0].name for name in defaults.METRICS),
    border=0,
    alpha="worst",
    rounding="none",
    averaging="images",
    source={},
)
"""The settings of `compare` without a protocol, expressed as a protocol."""

ELSEWHERE = replace(
    OWN,
    name="elsewhere",
    about="numbers that are often reported outside these protocols, including mistakes",
    metrics=("ssim@skimage", "ssim@matlab", "lpips-alex@range01", "lpips-squeeze"),
)


@dataclass(frozen=True, slots=True)
class Explained:
    """One way to compute a metric, and the score that two images have when it is computed in this way.

    Parameters
    ----------
    metric
        Name of the metric, with the version that the protocols use.
    protocols
        Names of the protocols that compute the metric in this way on these images.
    convention
        Text that describes how this way differs from other ways to compute the metric, with the notes of the images,
        such as their background.
    score
        Score of the two images. None if there is no score.
    reason
        Reason why there is no score. None if there is a score.
    """

    metric: str
    protocols: tuple[str, ...]
    convention: str
    score: float | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The scores of two images under all evaluation protocols.

    Parameters
    ----------
    rows
        One entry for each way to compute a metric, sorted by kind of metric.
    left_out
        The name of each protocol that does not apply to these images, with the reason.
    header
        Metrics and settings with which the scores were computed.
    """

    rows: Sequence[Explained]
    left_out: Mapping[str, str]
    header: Header

    @check_argument_types
    def nearest(self, kind: str, value: float) -> list[Explained]:
        """Return the rows of a kind of metric, such as `lpips`, sorted: the score nearest to `value` comes first.

        Raises
        ------
        UsageError
            If no row of that kind has a score.
        """
        rows = [row for row in self.rows if is_kind(row.metric, kind) and row.score is not None]
        if not rows:
            known = ", ".join(dict.fromkeys(row.metric for row in self.rows if row.score is not None))
            raise UsageError(
                f"no protocol has a {kind!r} score for this pair; expected the kind of one of these metrics: {known}"
            )
        return sorted(rows, key=lambda row: abs((row.score or 0.0) - value))


_Frames: TypeAlias = list[tuple[Image, Image]]


@dataclass(frozen=True, slots=True)
class _Way:
    """A metric, and the settings with which the images are prepared before this metric is computed."""

    metric: str
    border: int
    alpha: str
    eight_bits: bool


@check_argument_types
def explain(
    a: ImageLike,
    b: ImageLike,
    *,
    scale: int | None = None,
    range: Range | None = None,
    alpha: AlphaPolicy = "worst",
    device: DeviceName = "auto",
    progress: DownloadProgress | None = None,
) -> Explanation:
    """Return the scores of two images under every published protocol that applies.

    Parameters
    ----------
    a, b
        The reference and the candidate, as for `Metric.distance`.
    scale
        Enlargement factor of the images, such as 4. If it is not given, protocols that cut off a border whose width
        depends on this factor do not apply.
    range, device
        As for `distance`.
    alpha
        Policy for transparent images, as for `compare`. It is used for protocols that do not state a policy. If exactly
        one image is transparent, a background must be stated.
    progress
        Function that is called during a download of weights, with the number of received bytes and the total.

    Returns
    -------
    Explanation
        The scores. Protocols that compute a metric in the same way on these images share a row.

    Raises
    ------
    ImageError
        If an image cannot be used.
    UsageError
        If the call is wrong.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.full((200, 200, 3), 100, np.uint8)
    >>> explain(gray, gray + 1).nearest("psnr", 48.1)[0].protocols[:2]
    ('eyediff', '3dgs')
    """
    protocols = [replace(OWN, alpha=alpha), *published().values(), replace(ELSEWHERE, alpha=alpha)]
    left_out = {
        each.name: "the width of its border depends on the scale, which was not given"
        for each in protocols
        if each.needs_scale and scale is None
    }
    loaded: dict[str, _Frames | str] = {}
    for policy in dict.fromkeys(["refuse", *(each.alpha for each in protocols)]):
        try:
            loaded[policy] = load_pair(a, b, range, policy)
        except ImageError as error:
            if policy != "refuse":
                raise
            loaded[policy] = str(error)
    transparent = isinstance(loaded["refuse"], str)
    deep = any(
        image.pixels.itemsize > 1
        for frames in loaded.values()
        if not isinstance(frames, str)
        for pair in frames
        for image in pair
    )
    ways: dict[_Way, list[str]] = {}
    for protocol in protocols:
        if protocol.name in left_out:
            continue
        if isinstance(why := loaded[protocol.alpha], str):
            left_out[protocol.name] = why
            continue
        border = protocol.border_at(scale if protocol.needs_scale else None)
        for metric in protocol.metrics:
            way = _Way(metric, border, protocol.alpha if transparent else "", deep and protocol.rounding == "8 bits")
            ways.setdefault(way, []).append(protocol.name)
    sets = {name: _built(name, device, progress) for name in dict.fromkeys(way.metric for way in ways)}
    about = {name: what for protocol in protocols for name, what in protocol.channel.items()}
    rows = []
    for way in sorted(ways, key=lambda way: (_kind(way.metric), way.metric, way.border)):
        row = _score(way, loaded[way.alpha or alpha], sets[way.metric])
        score, reason = (None, row) if isinstance(row, str) else (row.scores[way.metric], None)
        convention = "; ".join(_convention(way, about, None if isinstance(row, str) else row.notes))
        rows.append(Explained(way.metric, tuple(ways[way]), convention, score, reason))
    built = [found for found in sets.values() if isinstance(found, MetricSet)]
    header = Header(
        eyediff=__version__,
        metrics={name: header for found in built for name, header in found.header.metrics.items()},
        size="refuse",
        higher_is_better={name: up for found in built for name, up in found.header.higher_is_better.items()},
    )
    return Explanation(rows, left_out, header)


def _built(name: str, device: DeviceName, progress: DownloadProgress | None) -> MetricSet | str:
    try:
        return build_metric_set([name], device=device, progress=progress)
    except WeightsError as error:
        return str(error)


def _score(way: _Way, images: _Frames | str, metrics: MetricSet | str) -> ScoredPair | str:
    """Return the row of the images, or the reason why they have no score."""
    if isinstance(images, str) or isinstance(metrics, str):
        return images if isinstance(images, str) else str(metrics)
    conventions = Conventions(crop_border=way.border, eight_bits=way.eight_bits)
    try:
        frames = [prepare(conventions, *pair) for pair in images]
    except ImageError as error:
        return str(error)
    row = score_images(frames, metrics)
    return row.message if isinstance(row, Failure) else row


def _convention(way: _Way, about: Mapping[str, str], notes: Sequence[str] | None) -> Iterator[str]:
    """Yield what distinguishes this way. `notes` of a row say what was done; they are None if there is no score."""
    yield about[way.metric]
    if way.border:
        yield f"border of {way.border} cut off"
    if notes is not None:
        yield from notes
        return
    if way.alpha:
        yield f"transparency: {way.alpha}"
    if way.eight_bits:
        yield "rounded to 8 bits"


def _kind(metric: str) -> int:
    """Return the position of a metric in the table: first PSNR, then SSIM, MS-SSIM, LPIPS, and all other metrics."""
    order = ("psnr", "ssim", "ms-ssim", "lpips")
    return next((place for place, kind in enumerate(order) if is_kind(metric, kind)), len(order))
