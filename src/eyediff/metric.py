"""Define `Metric`, a metric whose weights are loaded once for many images."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from . import defaults
from .argument_types import check_method_types
from .engines import memory_limit as budget
from .engines.network_engine import NetworkEngine
from .engines.onnx_providers import DeviceName
from .engines.select_runner import create_runner
from .errors import EyediffError, ImageError, SizeError, UsageError, WeightsError, check_sides, shown
from .images import (
    Range,
    as_batch,
    as_image,
    check_alpha,
    composites,
    describe_one_sided,
    fit,
    is_one_sided,
    pair_frames,
    region,
    split_range,
)
from .images.size import size_of, stored_as, wider_of
from .interfaces import Mapper, MaskedEngine
from .metrics.embedding import Embedding
from .metrics.ops import Array
from .metrics.registry import refuse_map
from .output.text import amount
from .records import NO_CONVENTIONS, AlphaPolicy, Features, Image, Mask, Numbers, Pixels
from .report import notebook
from .scoring import factory as wiring
from .scoring.metric_spec import check_masks, parse_metric
from .sets import squared_distances

ImageLike: TypeAlias = Any
"""Type of an image: a path or URL, the bytes of a file (also BytesIO), a PIL image, a matplotlib Figure, or an array.

Arrays of uint8 or uint16 are H x W x 3 or, with alpha, H x W x 4. Arrays of floats are H x W x 3 and need a stated
range.
"""

MaskLike: TypeAlias = Any
"""Type of a mask of the pixels to compare: a path or PIL image that is white at these pixels, or an array of booleans.

None selects all pixels.
"""


N = TypeVar("N", bound=npt.NDArray[Any])


@check_method_types
class Metric:
    """A metric whose weights are loaded once, for many images.

    Parameters
    ----------
    name : str
        A name that `eyediff metrics` lists, such as "lpips", or the path of a metric file. Add "@version" to the name
        for a version that is not the default.
    device : {"auto", "cpu", "cuda"}
        The device on which neural networks are computed. "auto" uses CUDA if it works.
    threads : int, optional
        Number of threads that compute the metric, at least 1. By default one for each core.
    weights : str or Path, optional
        A file with the weights of the backbone. By default, eyediff searches its folders for the weights, and downloads
        them if necessary.
    trust : bool
        Whether to accept a file `weights` that does not have the published weights.
    memory : int or str, optional
        Memory limit of the process, in bytes or as text such as "2GB". Images that would need more memory are computed
        in strips, which gives the same scores. The libraries take
        256 MB of this limit. A file, or a list of files, is refused if its pixels take more than half of the rest. By
        default half of the memory of the machine, at most 4 GiB.

    Attributes
    ----------
    name : str
        The name that was given to the constructor.
    version : str
        The version of the metric.
    higher_is_better : bool
        True for a similarity such as PSNR, False for a distance such as LPIPS.
    smallest : int
        The smallest allowed width and height of an image, in pixels.

    Raises
    ------
    UnknownMetricError
        If no metric has this name.
    WeightsError
        If the weights are damaged or are not the expected ones. If they can be neither found nor downloaded, the error
        is a MissingWeightsError.
    DeviceError
        If the device is not available.
    UsageError
        If `threads` is less than 1, or if `memory` is too low.

    Notes
    -----
    A `Metric` may be used from several threads and in forked processes. A process that unpickles a `Metric` loads the
    metric again, but only once for all copies that it receives.

    Examples
    --------
    >>> import numpy as np
    >>> from eyediff import Metric
    >>> black, gray = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 128, np.uint8)
    >>> metric = Metric("psnr")
    >>> round(metric.distance(black, gray), 2)
    5.99
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
        if weights is not None and not spec.info.has_weights:
            raise UsageError(f"{name} has no weights, but weights={str(weights)!r} was given; leave out `weights`")
        file = None if weights is None else Path(weights)
        self._memory = budget.check_memory(memory)
        room = budget.memory_per_network(self._memory, 1)
        self._wired = wiring.build_metric(spec, create_runner(device, threads), file, trust, memory=room)
        self.name, self.version, self.higher_is_better = name, spec.version, spec.info.higher_is_better
        self.smallest = self._wired.engine.smallest
        self._made_with = name, device, threads, file, trust, memory

    def __repr__(self) -> str:
        return f"Metric({self.name!r}, version {self.version}, {self.engine})"

    def __reduce__(self) -> tuple[object, ...]:
        return _sent, (*self._made_with, self.weights_sha256)

    @property
    def engine(self) -> str:
        """Name and version of the engine, such as "onnxruntime 1.32.0 cpu"."""
        return self._wired.engine.description

    @property
    def weights_sha256(self) -> str | None:
        """SHA-256 hash of the weights. It does not depend on the file format. None for a metric without weights."""
        return self._wired.weights_sha256

    def distance(
        self,
        a: ImageLike | Embedding,
        b: ImageLike | Embedding,
        *,
        range: Range | None = None,
        alpha: AlphaPolicy = "worst",
        mask: MaskLike = None,
    ) -> float:
        """Return the score of two images of the same size.

        Parameters
        ----------
        a, b : path, bytes, PIL image, Figure, array H x W x 3 or H x W x 4, or Embedding
            The reference `a` and the candidate `b`. Arrays have the data type uint8, uint16 or float. A fourth channel
            of uint8 or uint16 is alpha. Bytes are the content of an image file. An `Embedding` is the result of `embed`
            for one image. The score of an animation, or of a file with several pages, is the score of its worst frame
            or page.
        range : (float, float), optional
            The values of a black and of a white pixel. Arrays of floats need a range. The range of files and of arrays
            of integers is known, such as (0, 255).
        alpha : {"worst", "white", "black", "checkerboard"} or "#RRGGBB"
            The background of transparent images. "worst" computes the scores on black and on white, and returns the
            worse score. If exactly one image is transparent, a background must be stated.
        mask : path, PIL image or array H x W, optional
            Mask of the pixels to compare: an image that is white at these pixels, or an array that is True at them.
            Masked pixels of a NumPy masked array are not compared either. Pixels of the candidate `b` that are not
            compared have no influence on the score.

        Returns
        -------
        float
            The score.

        Raises
        ------
        ImageError
            If an image cannot be read, or if exactly one image is transparent and no background is stated.
        RangeError
            If values are outside the range, or if the range of floats is not stated.
        SizeError
            If the images differ in size, or if they are too small for the metric.
        UsageError
            If an embedding was computed by another metric or from several images, or if the metric does not support
            masks.
        """
        if isinstance(a, Embedding) or isinstance(b, Embedding):
            scores = self.distances(a, b, range=range, mask=mask)
            if len(scores) != 1:
                raise UsageError(f"{len(scores)} pairs were given, but `distance` takes one pair; use `distances`")
            return float(scores[0])
        counted = self._counted(mask, a, b)
        a, b = unmasked(a), unmasked(b)
        worst = min if self.higher_is_better else max
        return worst([self._distance(*pair, counted) for pair in load_pair(a, b, range, alpha, self._memory)])

    def _distance(self, a: Image, b: Image, counted: Mask | None) -> float:
        """Return the score of two images of the same size, each with a single frame."""
        left, right, counted = region.prepare(NO_CONVENTIONS, a, b, counted)
        grounds = [float(self._scores(x[None], y[None], counted)[0]) for x, y in composites(left, right)]
        if is_one_sided(left, right):
            raise ImageError(describe_one_sided(left, {self.name: grounds}))
        return min(grounds) if self.higher_is_better else max(grounds)

    def distances(
        self,
        a: ImageLike | Embedding,
        b: ImageLike | Embedding,
        *,
        range: Range | None = None,
        mask: MaskLike = None,
    ) -> Numbers:
        """Return the scores of N pairs of images of the same size.

        Parameters
        ----------
        a, b : array N x H x W x 3, list of images, or Embedding
            The N references and the N candidates. An embedding of one image is compared with each image of the other
            argument. The image of an embedding does not pass through the network again.
        range : (float, float), optional
            As for `distance`.
        mask : path, PIL image or array H x W or N x H x W, optional
            Mask of the pixels to compare, as for `distance`: one mask for all pairs, or one mask for each pair. If a
            mask is given, `a` and `b` must be images, because an embedding includes all pixels.

        Returns
        -------
        ndarray of shape (N,), float64
            The scores, in order.

        Raises
        ------
        ImageError, RangeError, SizeError, UsageError
            As for `distance`. UsageError is also raised if the numbers of images differ.
        """
        counted = self._counted(mask, a, b)
        if counted is not None and (isinstance(a, Embedding) or isinstance(b, Embedding)):
            raise UsageError(
                "a mask was given together with an embedding, but an embedding includes all pixels of its image; "
                "give the images instead of the embedding"
            )
        if isinstance(a, Embedding):
            return self._embedded(a, b, range)
        if isinstance(b, Embedding):
            return self._embedded(b, a, range)
        a, b = unmasked(a), unmasked(b)
        sides = zip((a, b), split_range((a, b), range), ("references", "candidates"), strict=True)
        left, right = (self._batch(*side) for side in sides)
        return self._scores(left, right, counted)

    def layers(self, a: ImageLike, b: ImageLike, *, range: Range | None = None) -> Numbers:
        """Return the share of each feature layer in an LPIPS distance.

        Parameters
        ----------
        a, b : path, PIL image, or array H x W x 3
            Two opaque images of the same size.
        range : (float, float), optional
            As for `distance`.

        Returns
        -------
        ndarray of shape (L,), float64
            One number for each feature layer. The sum of these numbers is the distance.

        Raises
        ------
        UsageError
            If the metric is not one of `lpips-*` and `deep-*`, or if an image is transparent.
        """
        return self._numbers(self._network("layers").layers(*self._two(a, b, range))[0])

    def map(self, a: ImageLike, b: ImageLike, *, range: Range | None = None) -> notebook.Map:
        """Return the score at every pixel, such as the SSIM of the window around the pixel.

        Parameters
        ----------
        a, b : path, PIL image, or array H x W x 3
            Two opaque images of the same size.
        range : (float, float), optional
            As for `distance`.

        Returns
        -------
        Map
            An array H x W of float32. A notebook shows it as a picture.

        Raises
        ------
        UsageError
            If an image is transparent, or if the metric has no map. The message lists the metrics that have maps.
        """
        engine = self._wired.engine
        if not isinstance(engine, Mapper):
            raise refuse_map(self.name)
        return notebook.as_map(self._numbers(engine.maps(*self._two(a, b, range))[0]))

    def embed(self, images: ImageLike, *, range: Range | None = None) -> Embedding:
        """Return the features of N images of the same size. `distance` and `distances` accept them instead of images.

        Parameters
        ----------
        images : array N x H x W x 3, list of images, or one image
            Opaque images.
        range : (float, float), optional
            As for `distance`.

        Returns
        -------
        Embedding
            The features. `np.asarray` converts them to an array N x D. The squared Euclidean distance between two rows
            of this array is the LPIPS distance of the two images.

        Raises
        ------
        UsageError
            If the metric is not one of `lpips-*` and `deep-*`.
        """
        network = self._network("embed")
        batch = self._batch(images, range)
        taps = zip(*(network.features(part) for part in self._parts(batch)), strict=True)
        features = tuple(np.concatenate(parts) for parts in taps)
        return Embedding(self._identity, batch.shape[2], batch.shape[1], features, partial(_points_of, self))

    def matrix(self, images: ImageLike, *, range: Range | None = None) -> Numbers:
        """Return the LPIPS distances of all pairs of N images of the same size.

        Each image passes through the network once; the distances are then computed with a matrix product.

        Parameters
        ----------
        images : array N x H x W x 3 or list of images
            Opaque images.
        range : (float, float), optional
            As for `distance`.

        Returns
        -------
        ndarray of shape (N, N), float64
            The distances. The matrix is symmetric and its diagonal is 0.
        """
        network = self._network("matrix")
        parts = self._parts(self._batch(images, range))
        points = np.concatenate([network.embeddings(part) for part in parts])
        return self._numbers(squared_distances(self._numbers(points)))

    @property
    def _identity(self) -> str:
        """Return a text that identifies the metric and its weights. Only embeddings with the same text are accepted."""
        return f"{self._wired.spec.qualified_name} with weights {(self.weights_sha256 or '')[:16]}"

    def _batch(self, images: ImageLike, range: Range | None, name: str = "images") -> Pixels:
        if isinstance(images, (list, tuple)) and any(isinstance(image, Embedding) for image in images):
            raise UsageError(f"{name}: the list has an embedding; expected a list of images")
        return as_batch(images, range=range, name=name, max_bytes=budget.memory_per_side(self._memory))

    def _parts(self, batch: Pixels) -> list[Pixels]:
        """Split a batch into parts for the network, and check the size of its images."""
        self._large_enough(batch)
        step = max(1, defaults.BATCH_PIXELS // (batch.shape[1] * batch.shape[2]))
        return [batch[start : start + step] for start in np.arange(0, len(batch), step)]

    def _embedded(self, seen: Embedding, other: ImageLike | Embedding, range: Range | None) -> Numbers:
        network = self._network("embed")
        if isinstance(other, Embedding):
            other.check(self._identity, seen.width, seen.height)
            seen.check(self._identity, seen.width, seen.height)
            _pair_up(len(seen), len(other))
            return self._numbers(network.between(seen.features, other.features))
        batch = self._batch(other, range)
        seen.check(self._identity, batch.shape[2], batch.shape[1])
        _pair_up(len(seen), len(batch))
        if len(batch) == 1:
            return self._numbers(network.between(seen.features, network.features(batch)))
        return self._numbers(network.against(seen.features, batch))

    def _network(self, verb: str) -> NetworkEngine:
        if not isinstance(self._wired.engine, NetworkEngine):
            raise UsageError(f"{self.name} does not support `{verb}`; use an lpips-* or deep-* metric")
        return self._wired.engine

    def _counted(self, mask: MaskLike, *images: ImageLike) -> Mask | None:
        """Return the mask of the pixels to compare.

        Raises UsageError if the mask excludes pixels, but the metric does not support masks.
        """
        counted = region.stated_mask(mask, *images)
        if counted is not None and not counted.all():
            check_masks([self._wired.spec])
        return counted

    def _scores(self, left: Pixels, right: Pixels, counted: Mask | None) -> Numbers:
        """Return the N scores of two batches."""
        a, b = self._fitting(left, right)
        if counted is not None:
            counted = region.mask_of_batch(counted, len(a), *a.shape[1:3])
        if counted is None or counted.all():
            return self._numbers(self._wired.engine.distances(a, b))
        engine = cast(MaskedEngine, self._wired.engine)
        return self._numbers(engine.masked_distances(a, region.hidden(a, b, counted), counted))

    def _numbers(self, values: N) -> N:
        """Return the values unchanged. Raises EyediffError if one of them is NaN.

        This occurs if products of the weights in a metric file are too large for float32. It also occurs if a metric of
        an installed package returns NaN.
        """
        if np.isnan(values).any():
            reason = "the weights of this metric are too large for float32"
            if not self._wired.spec.info.has_weights:
                reason = "the metric is not defined for these images"
            raise EyediffError(
                f"{self.name}: {int(np.isnan(values).sum())} of {values.size} computed values are NaN, because "
                f"{reason}; use another metric"
            )
        return values

    def _two(self, a: ImageLike, b: ImageLike, range: Range | None) -> tuple[Pixels, Pixels]:
        (left, right), *later = load_pair(a, b, range, memory=self._memory)
        if later:
            raise UsageError(
                f"{left.name} has {1 + len(later)} frames or pages; expected a single image; "
                "give one frame or page as an array"
            )
        for image in (left, right):
            if image.over_white is not None:
                raise UsageError(f"{image.name} is transparent; expected an opaque image; put it on a background first")
        return self._fitting(left.pixels[None], right.pixels[None])

    def _fitting(self, a: Pixels, b: Pixels) -> tuple[Pixels, Pixels]:
        if len(a) != len(b):
            raise UsageError(f"there are {len(a)} references, but {len(b)} candidates; give the same number of both")
        if a.shape != b.shape:
            raise SizeError(
                f"the images differ in size: {size_of(a[0])} and {size_of(b[0])}; "
                "resize or crop them to the same size first"
            )
        self._large_enough(a)
        dtype = wider_of(a, b)
        return stored_as(a, dtype), stored_as(b, dtype)

    def _large_enough(self, batch: Pixels) -> None:
        check_sides(self.name, self.smallest, batch.shape[2], batch.shape[1])


def _points_of(metric: Metric, features: Features) -> Array:
    """Return the vectors of an embedding. Unlike a method of an engine, this function can be pickled."""
    return metric._network("embed").points(features)


def unmasked(image: ImageLike) -> ImageLike:
    """Return the values of a masked array without its mask; return other images unchanged."""
    return np.ma.getdata(image) if np.ma.isMaskedArray(image) else image


def load_pair(
    a: ImageLike, b: ImageLike, range: Range | None, alpha: AlphaPolicy = "worst", memory: int | None = None
) -> list[tuple[Image, Image]]:
    """Return a pair of a reference and a candidate for each frame of the two images.

    The two images of a pair have the same size and data type.
    """
    check_alpha(alpha)
    room = budget.memory_per_side(budget.check_memory(memory))
    sides = zip((a, b), ("reference", "candidate"), split_range((a, b), range), strict=True)
    how = partial(as_image, alpha=alpha, frames="all", max_bytes=room)
    both = (how(image, range=own, name=name) for image, name, own in sides)
    frames = []
    for left, right in pair_frames(*both):
        if left.pixels.shape != right.pixels.shape:
            sizes = f"{shown(left.name)} is {size_of(left.pixels)}, {shown(right.name)} is {size_of(right.pixels)}"
            raise SizeError(f"the images differ in size: {sizes}; resize or crop them to the same size first")
        frames.append(fit(left, right, "refuse"))
    return frames


def _pair_up(one: int, other: int) -> None:
    if one != other and 1 not in (one, other):
        raise UsageError(
            f"an embedding of {amount(one, 'image')} cannot be compared with {amount(other, 'image')}; "
            "give equal numbers of both, or one image in one of the arguments"
        )


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
    """Return the metric that another process sent as a pickle. It is built once for equal arguments and weights."""
    metric = Metric(name, device=device, threads=threads, weights=weights, trust=trust, memory=memory)
    if metric.weights_sha256 != sha256:
        raise WeightsError(
            f"{name}: the weights have changed since the metric was sent to this process; create the metric again"
        )
    return metric
