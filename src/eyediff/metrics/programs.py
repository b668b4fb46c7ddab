"""The kinds of programs. A program is an object that describes how a metric is computed.

A program does not depend on an engine. `scoring/factory.py` creates an engine for each kind of program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import Numbers, Pixels
from .backbones import TRUNKS, Trunk
from .filters import Taps

OpsFunction: TypeAlias = Callable[..., Any]
"""A function `f(ops, a, b)` that is stated in the operations of `ops.py`.

`ops` are the operations of an engine; `a` and `b` are two batches of images, N x 3 x H x W in [-1, 1].
"""


@dataclass(frozen=True, slots=True)
class Formula:
    """The score of a metric for whole images, stated so that it can be written as an ONNX graph.

    Parameters
    ----------
    measure : function of (ops, a, b)
        Function in the operations of `ops.py` that returns a list of arrays N x K, such as the mean of SSIM in each
        channel.
    combine : function of a list of arrays
        Function that takes the list that `measure` returns, and returns N scores. It uses numpy functions only.
    precision : type
        Data type in which the graph computes. PSNR needs float64 for six decimals at 40 dB.
    """

    measure: OpsFunction
    combine: Callable[[Sequence[Numbers]], Numbers]
    precision: type[np.floating[Any]] = np.float32


@dataclass(frozen=True, slots=True)
class PixelFunction:
    """Description of a metric that is a numpy function of two batches of pixels.

    Parameters
    ----------
    scores : function of (a, b)
        Function that takes two batches, N x H x W x 3, and returns N scores.
    smallest_side : int
        Shortest side of an image, in pixels, that the metric accepts.
    map : function of (a, b), optional
        Function that returns the score at every pixel, N x H x W.
    map_identity : float
        Value of the map if two images are equal.
    formula : Formula, optional
        The same score in a form that can be written as an ONNX graph.
    shared : function of (a, b, columns), optional
        Function that computes several metrics in one call and returns N x K scores. It is called once for all K metrics
        that have the same function `shared`.
    column : object
        Value that selects this metric in the argument `columns` of `shared`.
    threaded : bool
        Whether `scores`, `map` and `shared` take the argument `threads`, the largest number of threads.
    pixelwise : bool
        Whether the score depends on the pairs of pixels only, and not on their positions. This is true for a mean over
        pixels. Such a metric is defined for any part of an image.
    about : str
        Text that explains how this version of the metric differs from its other versions.
    """

    scores: Callable[..., Numbers]
    smallest_side: int = 1
    map: Callable[..., npt.NDArray[np.float32]] | None = None
    map_identity: float = 0.0
    formula: Formula | None = None
    shared: Callable[..., Numbers] | None = None
    column: object = None
    pixelwise: bool = False
    about: str = ""
    threaded: bool = False

    def with_threads(self, threads: int) -> PixelFunction:
        """Return the same metric, computed by functions that use at most this number of threads."""
        if not self.threaded:
            return self
        return replace(
            self,
            scores=partial(self.scores, threads=threads),
            map=self.map and partial(self.map, threads=threads),
            shared=self.shared and partial(self.shared, threads=threads),
            threaded=False,
        )


@dataclass(frozen=True, slots=True)
class Similarity:
    """Settings of SSIM, or of its term cs. The native engine needs only these, not the operations of `ops.py`.

    Parameters
    ----------
    window : tuple of float
        Weights of a window along one side.
    c1, c2 : float
        Constants C1 and C2 of SSIM for images in [-1, 1].
    luminance : bool
        Whether the term cs is multiplied by the term l.
    scale, offset : float
        The score is the mean of these products, times `scale`, plus `offset`.
    """

    window: Taps
    c1: float
    c2: float
    luminance: bool = True
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class WindowMean:
    """Description of a metric that is a mean over windows. The image is computed tile by tile.

    Parameters
    ----------
    score : function of (ops, a, b)
        Function that returns the mean over all windows for each of K channels, N x K. The score is the mean over the
        channels.
    smallest_side : int
        Shortest side of an image, in pixels, that the metric accepts.
    prepare : function of pixels
        Function that returns the pixels that the metric compares, such as a smaller grey copy, or a padded copy.
    map : function of (ops, a, b), optional
        Function that returns the score of each window, N x 1 x H' x W'.
    map_identity : float
        Value of the map if two images are equal.
    formula : Formula, optional
        The same score for whole images, in a form that can be written as an ONNX graph. `None` if `prepare` cannot be
        written in this form.
    window : int, optional
        Side of a window in pixels. Default: `smallest_side`.
    similarity : Similarity, optional
        Settings of the same score and map, for engines that compute SSIM themselves. `None` if the metric is not SSIM.
    about : str
        Text that explains how this version of the metric differs from its other versions.
    """

    score: OpsFunction
    smallest_side: int
    prepare: Callable[[Pixels], Pixels] = lambda pixels: pixels
    map: OpsFunction | None = None
    map_identity: float = 0.0
    formula: Formula | None = None
    window: int | None = None
    similarity: Similarity | None = None
    about: str = ""

    @property
    def window_side(self) -> int:
        """Side of a window in pixels."""
        return self.smallest_side if self.window is None else self.window


@dataclass(frozen=True, slots=True)
class MultiScaleMean:
    """Description of a metric that combines means over windows at several scales.

    Parameters
    ----------
    scales : function of pixels
        Function that returns a batch of images at every scale. The finest scale comes first.
    finer : WindowMean
        Mean that is computed at every scale except the coarsest one.
    coarsest : WindowMean
        Mean that is computed at the coarsest scale.
    combine : function of a list of arrays
        Function that takes the means of all scales, N x K each, and returns N scores. The finest scale comes first.
    smallest_side : int
        Shortest side of an image, in pixels, for which a window fits into the coarsest scale.
    formula : Formula, optional
        The same score for whole images, in a form that can be written as an ONNX graph.
    about : str
        Text that explains how this version of the metric differs from its other versions.
    """

    scales: Callable[[Pixels], list[Pixels]]
    finer: WindowMean
    coarsest: WindowMean
    combine: Callable[[Sequence[Numbers]], Numbers]
    smallest_side: int
    formula: Formula | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class WholeImage:
    """Description of a metric that is stated in the operations of `ops.py` and computed from whole images.

    Parameters
    ----------
    score : function of (ops, a, b), or of (ops, a, b, setting)
        Function that returns one score for each pair, N x 1.
    smallest_side : int
        Shortest side of an image, in pixels, that the metric accepts.
    prepare : function of pixels, optional
        Function that returns the pixels that the metric compares, such as a copy in whole grey levels. A metric in
        float64 is prepared in bands of rows, so the result at a pixel may depend on this pixel only. `score` must also
        accept images that are not prepared, because torch modules need a gradient.
    map : function with the parameters of `score`, optional
        Function that returns the score at every position, N x 1 x h x w. A map is as large as the image, or smaller.
    map_identity : float
        Value of the map if two images are equal.
    precision : type
        Data type of the computation. Metrics in float64 are computed by numpy, because ONNX Runtime supports
        convolutions in float32 only.
    setting : function of (height, width), optional
        Function that returns the argument `setting` of `score`. It depends on the size of an image; an example is the
        number of scales.
    about : str
        Text that describes this version of the metric.
    """

    score: OpsFunction
    smallest_side: int
    prepare: Callable[[Pixels], Pixels] | None = None
    map: OpsFunction | None = None
    map_identity: float = 0.0
    precision: type[np.floating[Any]] = np.float32
    setting: Callable[[int, int], Any] | None = None
    about: str = ""

    @property
    def formula(self) -> Formula | None:
        """The score in a form that can be written as one ONNX graph for images of any size.

        `None` if the metric prepares its pixels, depends on the size of the images, or needs float64.
        """
        if self.prepare is not None or self.setting is not None or self.precision is not np.float32:
            return None
        return Formula(lambda ops, a, b: [self.score(ops, a, b)], lambda scores: scores[0].mean(1))

    def for_size(self, function: OpsFunction, height: int, width: int) -> OpsFunction:
        """Return `function`, which is `score` or `map`, as a function of (ops, a, b) for images of one size."""
        if self.setting is None:
            return function
        setting = self.setting(height, width)
        return lambda ops, a, b: function(ops, a, b, setting)


@dataclass(frozen=True, slots=True)
class DeepFeatures:
    """Description of LPIPS with one backbone, or of the uncalibrated form of LPIPS.

    Parameters
    ----------
    backbone : str
        Name of the backbone in `backbones.py`, or of a module that the user supplies.
    calibrated : bool
        Whether the linear weights were learned from votes. If not, every linear weight is 1.
    about : str
        Text that explains how this version of the metric differs from its other versions.
    """

    backbone: str
    calibrated: bool
    about: str = ""

    @property
    def network(self) -> Trunk:
        """The backbone, without its classifier."""
        return TRUNKS[self.backbone]

    @property
    def smallest_side(self) -> int:
        """Shortest side, in pixels, that the backbone accepts."""
        return self.network.smallest


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """Description of DISTS, which compares means and covariances of deep features over the whole image.

    Parameters
    ----------
    backbone : str
        Name of the backbone that supplies the weights.
    smallest_side : int
        Shortest side of an image, in pixels, that the metric accepts.
    about : str
        Text that describes this version of the metric.
    """

    backbone: str
    smallest_side: int = 1
    about: str = ""


Planes: TypeAlias = tuple[npt.NDArray[np.float32], ...]
"""An image as one or more arrays C x H x W. In each array, a pixel is a point with C coordinates."""


@dataclass(frozen=True, slots=True)
class LocalMeasure:
    """Description of a metric that finds where two images differ visibly. Its score is computed from its map.

    Parameters
    ----------
    map : function of (a, b)
        Function that takes two batches, N x H x W x 3, and returns the difference at every pixel, N x H x W. The
        difference is 0 for equal images.
    score : function of an array
        Function that returns the score, given the values of a map. The array may have one or two axes.
    visible : float
        Limit of the map. A pixel has changed if its value in the map is above this limit.
    planes : function of pixels, H x W x 3
        Function that returns a point for each pixel. Two points are taken as equal if their distance is at most 1. The
        points are used to decide whether the content of a region is displaced. A point depends on pixels that are at
        most `sampling.MARGIN` pixels away.
    smallest_side : int
        Shortest side of an image, in pixels, that the metric accepts.
    map_identity : float
        Value of the map if two images are equal.
    formula : Formula, optional
        `None`, because such a metric cannot be written as an ONNX graph.
    about : str
        Text that describes this version of the metric.
    """

    map: Callable[[Pixels, Pixels], npt.NDArray[np.float32]]
    score: Callable[[npt.NDArray[np.float32]], float]
    visible: float
    planes: Callable[[Pixels], Planes]
    smallest_side: int = 1
    map_identity: float = 0.0
    formula: Formula | None = None
    about: str = ""


@dataclass(frozen=True, slots=True)
class PackageFunction:
    """Description of a metric that another package computes. The package is imported when the engine is built.

    Parameters
    ----------
    package : str
        Name of the package's module. `optional.py` names the extra that installs it.
    setting : str
        Setting of the package that this version of the metric uses, such as a display.
    load : function of a setting
        Function that imports the package. It returns a function of two batches, N x H x W x 3, that gives N scores, and
        a text with the versions of the packages that compute.
    smallest_side : int
        Shortest side of an image, in pixels, that the package accepts.
    about : str
        Text that describes this version of the metric.
    formula : Formula, optional
        `None`, because such a metric cannot be written as an ONNX graph.
    """

    package: str
    setting: str
    load: Callable[[str], tuple[Callable[[Pixels, Pixels], Numbers], str]]
    smallest_side: int
    about: str = ""
    formula: Formula | None = None


@dataclass(frozen=True, slots=True)
class PeakOf:
    """Description of a metric whose score is the mean of another metric's map over its worst window.

    Parameters
    ----------
    program : Program
        Description of the other metric, which must have a map.
    formula : Formula, optional
        `None`, because such a metric cannot be written as an ONNX graph.
    about : str
        Text that describes this version of the metric.
    """

    program: PixelFunction | WindowMean | WholeImage | LocalMeasure | DeepFeatures
    formula: Formula | None = None
    about: str = ""

    @property
    def smallest_side(self) -> int:
        """Shortest side of an image, in pixels, that the other metric accepts."""
        return self.program.smallest_side


Program: TypeAlias = (
    PixelFunction
    | WindowMean
    | MultiScaleMean
    | WholeImage
    | LocalMeasure
    | DeepFeatures
    | FeatureStatistics
    | PackageFunction
    | PeakOf
)


def takes_masks(program: Program) -> bool:
    """Return whether a metric can be computed from a part of the pixels, which a mask selects.

    This is possible for means over pixels, for means over windows with a map, for distances of deep features, and for
    the worst window of such a metric's map. It is not possible for a product over scales, a standard deviation, or any
    other score that needs the whole image.
    """
    if isinstance(program, PixelFunction):
        return program.pixelwise
    if isinstance(program, WindowMean):
        return program.map is not None
    if isinstance(program, PeakOf):
        return takes_masks(program.program)
    return isinstance(program, (DeepFeatures, LocalMeasure))
