"""`Metric`: one metric with its weights loaded, for many images."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from . import defaults
from .engines import memory_limit as budget
from .engines.network_engine import NetworkEngine
from .engines.onnx_providers import DeviceName
from .engines.select_runner import runner
from .errors import ImageError, SizeError, UsageError, WeightsError, check_sides
from .images import (
    Range,
    as_batch,
    as_image,
    check_alpha,
    composites,
    describe_one_sided,
    fit,
    is_one_sided,
    split_range,
)
from .images.size import stored_as, wider_of
from .interfaces import Mapper
from .metrics.embedding import Embedding
from .metrics.registry import refuse_map
from .records import AlphaPolicy, Image, Numbers, Pixels
from .report import notebook
from .scoring import factory as wiring
from .scoring.metric_spec import parse_metric
from .sets import squared_distances

ImageLike: TypeAlias = Any
"""A path, a PIL image, or an array H x W x 3: uint8, uint16, or float with its `range` stated."""


class Metric:
    """One metric, with its weights loaded, for many images.

    `name` is one of `eyediff metrics`, with `@version` where another than the default is meant, or the path of a
    metric's file. `device` is "auto", "cpu" or "cuda"; `threads` None means every core. `weights` is a
    file to take the trunk's weights from instead of finding them; other figures than the official ones are refused
    unless `trust` is True, or where they are not those that a metric's file was made for. `memory`, in bytes or such as
    "2GB", is what the process should stay within: larger images are computed strip by strip, with the same scores; by
    default half of the machine's, up to 4 GB.

    Raises UnknownMetricError, WeightsError (MissingWeightsError where they can be neither found nor fetched) or
    DeviceError. One object may be used from several threads, and in processes that are forked from this one; where it
    is sent to another process it is made anew there, once for all that is sent.
    """

    def __init__(
        self,
        name: str = "lpips",
        *,
        device: DeviceName = "auto",
        threads: int | None = None,
        weights: str | Path | None = None,
        trust: bool = False,
        memory: int | str | None = None,
    ) -> None:
        spec = parse_metric(name)
        if weights is not None and not spec.info.is_deep:
            raise UsageError(f"{name} has no weights, but weights={str(weights)!r} was given; leave it out")
        file = None if weights is None else Path(weights)
        room = budget.room(budget.checked(memory), 1)
        self._wired = wiring.build_metric(spec, runner(device, threads), file, trust, memory=room)
        self.name, self.version, self.higher_is_better = name, spec.version, spec.info.higher_is_better
        self.smallest = self._wired.engine.smallest
        self._made_with = name, device, threads, file, trust, memory

    def __repr__(self) -> str:
        return f"Metric({self.name!r}, version {self.version}, {self.engine})"

    def __reduce__(self) -> tuple[object, ...]:
        return _sent, (*self._made_with, self.weights_sha256)

    @property
    def engine(self) -> str:
        """What computes: "onnxruntime 1.32.0 cpu"."""
        return self._wired.engine.description

    @property
    def weights_sha256(self) -> str | None:
        """The hash of the weights, in whatever file they came; None for a metric without."""
        return self._wired.weights_sha256

    def distance(
        self,
        a: ImageLike | Embedding,
        b: ImageLike | Embedding,
        *,
        range: Range | None = None,
        alpha: AlphaPolicy = "worst",
    ) -> float:
        """The score of two images of one size.

        `a`, `b`: paths, PIL images, arrays H x W x 3 of uint8, uint16, or float with `range` stated, or what `embed`
        gave of one image. Transparent images are scored over black and over white, and the worse is returned, unless
        `alpha` states a background: "white", "black", "checkerboard" or "#RRGGBB". If exactly one is transparent, it
        must be stated. Raises ImageError, RangeError or SizeError, and UsageError for an embedding of another metric.
        """
        if isinstance(a, Embedding) or isinstance(b, Embedding):
            scores = self.distances(a, b, range=range)
            if len(scores) != 1:
                raise UsageError(f"{len(scores)} pairs were given, `distance` is of one: use `distances`")
            return float(scores[0])
        left, right = _fitted(a, b, range, alpha)
        grounds = self._on_each_ground(left, right)
        if is_one_sided(left, right):
            raise ImageError(describe_one_sided(left, {self.name: grounds}))
        return min(grounds) if self.higher_is_better else max(grounds)

    def distances(self, a: ImageLike | Embedding, b: ImageLike | Embedding, *, range: Range | None = None) -> Numbers:
        """N scores of two batches N x H x W x 3, or of two lists of images of one size.

        Each may be what `embed` gave of them instead, and that of a single image is compared with each of the others:
        one reference, embedded once, and many candidates.
        """
        if isinstance(a, Embedding):
            return self._embedded(a, b, range)
        if isinstance(b, Embedding):
            return self._embedded(b, a, range)
        left, right = (as_batch(x, range=own) for x, own in zip((a, b), split_range((a, b), range), strict=True))
        scores: Numbers = self._wired.engine.distances(*self._fitting(left, right))
        return scores

    def layers(self, a: ImageLike, b: ImageLike, *, range: Range | None = None) -> Numbers:
        """Each tap's share of an LPIPS distance, L figures whose sum is the distance. Opaque images only."""
        shares: Numbers = self._network("layers").layers(*self._two(a, b, range))[0]
        return shares

    def map(self, a: ImageLike, b: ImageLike, *, range: Range | None = None) -> notebook.Map:
        """Return where two images differ: the score at every pixel, such as the SSIM of the window around it.

        An array H x W, which a notebook shows as a picture. It is what `--maps` writes as `.npy`. Opaque images only.

        Raises
        ------
        UsageError
            If the metric has no map. The message lists the metrics that have one.
        """
        engine = self._wired.engine
        if not isinstance(engine, Mapper):
            raise refuse_map(self.name)
        return notebook.as_map(engine.maps(*self._two(a, b, range))[0])

    def embed(self, images: ImageLike, *, range: Range | None = None) -> Embedding:
        """What the metric sees of N images of one size, for `distance` and `distances`.

        `np.asarray` of it is N x D points whose squared Euclidean distances are the LPIPS distances.
        """
        network = self._network("embed")
        batch = as_batch(images, range=range)
        taps = zip(*(network.features(part) for part in self._parts(batch)), strict=True)
        features = tuple(np.concatenate(parts) for parts in taps)
        return Embedding(self._identity, batch.shape[2], batch.shape[1], features, network.points)

    def matrix(self, images: ImageLike, *, range: Range | None = None) -> Numbers:
        """N x N LPIPS distances of N images of one size, by N passes and one matrix product; the diagonal is 0."""
        network = self._network("matrix")
        parts = self._parts(as_batch(images, range=range))
        return squared_distances(np.concatenate([network.embeddings(part) for part in parts]))

    @property
    def _identity(self) -> str:
        """What an embedding must be of to be compared here."""
        return f"{self._wired.spec.qualified_name} with weights {(self.weights_sha256 or '')[:16]}"

    def _parts(self, batch: Pixels) -> list[Pixels]:
        """Images that are large enough, as many at a time as go through a network together."""
        self._large_enough(batch)
        step = max(1, defaults.BATCH_PIXELS // (batch.shape[1] * batch.shape[2]))
        return [batch[start : start + step] for start in np.arange(0, len(batch), step)]

    def _embedded(self, seen: Embedding, other: ImageLike | Embedding, range: Range | None) -> Numbers:
        network = self._network("embed")
        if isinstance(other, Embedding):
            other.check(self._identity, seen.width, seen.height)
            seen.check(self._identity, seen.width, seen.height)
            _pair_up(len(seen), len(other))
            return network.between(seen.features, other.features)
        batch = as_batch(other, range=range)
        seen.check(self._identity, batch.shape[2], batch.shape[1])
        _pair_up(len(seen), len(batch))
        if len(batch) == 1:
            return network.between(seen.features, network.features(batch))
        return network.against(seen.features, batch)

    def _network(self, verb: str) -> NetworkEngine:
        if not isinstance(self._wired.engine, NetworkEngine):
            raise UsageError(f"{self.name} has no `{verb}`: only lpips-* and deep-* metrics see by layers")
        return self._wired.engine

    def _on_each_ground(self, left: Image, right: Image) -> list[float]:
        return [
            float(self._wired.engine.distances(*self._fitting(x[None], y[None]))[0]) for x, y in composites(left, right)
        ]

    def _two(self, a: ImageLike, b: ImageLike, range: Range | None) -> tuple[Pixels, Pixels]:
        left, right = _fitted(a, b, range)
        for image in (left, right):
            if image.over_white is not None:
                raise UsageError(f"{image.name} is transparent: put it on a background first")
        return self._fitting(left.pixels[None], right.pixels[None])

    def _fitting(self, a: Pixels, b: Pixels) -> tuple[Pixels, Pixels]:
        if a.shape != b.shape:
            raise SizeError(f"the images differ in size: {_size(a)} and {_size(b)}; bring them to one size first")
        self._large_enough(a)
        dtype = wider_of(a, b)
        return stored_as(a, dtype), stored_as(b, dtype)

    def _large_enough(self, batch: Pixels) -> None:
        check_sides(self.name, self.smallest, batch.shape[2], batch.shape[1])


def _fitted(a: ImageLike, b: ImageLike, range: Range | None, alpha: AlphaPolicy = "worst") -> tuple[Image, Image]:
    check_alpha(alpha)
    sides = zip((a, b), ("reference", "candidate"), split_range((a, b), range), strict=True)
    left, right = (as_image(image, range=own, name=name, alpha=alpha) for image, name, own in sides)
    return fit(left, right, "refuse")


def _pair_up(one: int, other: int) -> None:
    if one != other and 1 not in (one, other):
        raise UsageError(f"{one} and {other} images do not pair up: give as many of both, or one of one")


def _size(batch: Pixels) -> str:
    return f"{len(batch)} of {batch.shape[2]}x{batch.shape[1]}"


@lru_cache(maxsize=8)
def _sent(
    name: str,
    device: DeviceName,
    threads: int | None,
    weights: Path | None,
    trust: bool,
    memory: int | str | None,
    sha256: str | None,
) -> Metric:
    """A metric from another process: one for all that are sent with the same arguments and weights."""
    metric = Metric(name, device=device, threads=threads, weights=weights, trust=trust, memory=memory)
    if metric.weights_sha256 != sha256:
        raise WeightsError(f"{name}: its weights have changed since the metric was sent here; make it again")
    return metric
