"""The kinds of programs. A program describes the computation of a metric.

It does not depend on an engine. `scoring/factory.py` creates an engine for each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import Numbers, Pixels
from .backbones import TRUNKS, Trunk

OpsFunction: TypeAlias = Callable[..., Any]
"""A function `f(ops, a, b)` of two batches N x 3 x H x W in [-1, 1], stated in the operations of `ops.py`."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A score of whole images in operations, so that it can be written as an ONNX graph.

    Parameters
    ----------
    measure : function of (ops, a, b)
        Returns a list of arrays N x K, such as the mean of SSIM in each channel.
    combine : function of that list
        Returns N scores. It uses numpy functions only.
    precision : type
        Precision of the graph. PSNR needs float64 for six decimals at 40 dB.
    """

    measure: OpsFunction
    combine: Callable[[Sequence[Numbers]], Numbers]
    precision: type[np.floating[Any]] = np.float32


@dataclass(frozen=True, slots=True)
class PixelFunction:
    """A metric that is a numpy function of two batches of pixels.

    Parameters
    ----------
    scores : function of (a, b)
        Takes two batches N x H x W x 3 and returns N scores.
    smallest_side : int
        Shortest side, in pixels, that the metric accepts.
    map : function of (a, b), optional
        Returns the score at every pixel, N x H x W.
    map_identity : float
        Value of the map if two images are equal.
    formula : Formula, optional
        The same score in operations.
    shared : function of (a, b, columns), optional
        Computes several metrics in one call and returns N x K. It is called once for all metrics that share it.
    column : object
        The argument by which `shared` selects this metric.
    pixelwise : bool
        Whether the score depends only on the pairs of pixels and not on their places, like a mean. Such a metric is
        defined for any part of an image.
    about : str
        Text that explains the difference between this version and the others.
    """

    scores: Callable[[Pixels, Pixels], Numbers]
    smallest_side: int = 1
    map: Callable[[Pixels, Pixels], npt.NDArray[np.float32]] | None = None
    map_identity: float = 0.0
    formula: Formula | None = None
    shared: Callable[[Pixels, Pixels, Sequence[Any]], Numbers] | None = None
    column: object = None
    pixelwise: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class WindowMean:
    """A metric that is a mean over windows, computed tile by tile.

    Parameters
    ----------
    score : function of (ops, a, b)
        Returns the mean over all windows for each channel, N x K. The score is the mean over K.
    smallest_side : int
        Shortest side, in pixels, that the metric accepts.
    prepare : function of pixels
        Returns the pixels that the metric compares, such as a smaller grey copy, or a padded copy.
    map : function of (ops, a, b), optional
        Returns the score of each window, N x 1 x H' x W'.
    map_identity : float
        Value of the map if two images are equal.
    formula : Formula, optional
        The same score for whole images. It is missing if `prepare` cannot be written in operations.
    window : int, optional
        Side of a window in pixels. Default: `smallest_side`.
    about : str
        Text that explains the difference between this version and the others.
    """

    score: OpsFunction
    smallest_side: int
    prepare: Callable[[Pixels], Pixels] = lambda pixels: pixels
    map: OpsFunction | None = None
    map_identity: float = 0.0
    formula: Formula | None = None
    window: int | None = None
    about: str = ""

    @property
    def window_side(self) -> int:
        """Side of a window in pixels."""
        return self.smallest_side if self.window is None else self.window


@dataclass(frozen=True, slots=True)
class MultiScaleMean:
    """A metric that combines means over windows at several scales.

    Parameters
    ----------
    scales : function of pixels
        Returns the batch at every scale, the finest first.
    finer, coarsest : WindowMean
        The measures for every scale except the last, and for the last scale.
    combine : function of a list of N x K arrays, the finest scale first
        Returns N scores.
    smallest_side : int
        Shortest side, in pixels, for which the coarsest scale holds a window.
    formula : Formula, optional
        The same score for whole images.
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
    """A metric that is stated in operations and computed from whole images.

    Parameters
    ----------
    score : function of (ops, a, b), or of (ops, a, b, setting)
        Returns one score for each image, N x 1.
    smallest_side : int
        Shortest side, in pixels, that the metric accepts.
    prepare : function of pixels, optional
        Returns the pixels that the metric compares, such as a copy in whole grey levels. `score` also accepts images
        that are not prepared, because torch modules need a gradient.
    map : function like `score`, optional
        Returns the score at every position, N x 1 x h x w. Its size is that of the image or smaller.
    map_identity : float
        Value of the map if two images are equal.
    precision : type
        Precision of the computation. ONNX Runtime convolves only in float32, so numpy computes metrics in float64.
    setting : function of (height, width), optional
        Returns an argument for `score` that depends on the size of an image, such as the number of scales.
    about : str
        Text that describes the version.
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
        """The score as one graph for images of any size. None if it is impossible, or float32 does not suffice."""
        if self.prepare is not None or self.setting is not None or self.precision is not np.float32:
            return None
        return Formula(lambda ops, a, b: [self.score(ops, a, b)], lambda scores: scores[0].mean(1))

    def for_size(self, function: OpsFunction, height: int, width: int) -> OpsFunction:
        """Return `score` or `map` as a function of (ops, a, b) for images of one size."""
        if self.setting is None:
            return function
        setting = self.setting(height, width)
        return lambda ops, a, b: function(ops, a, b, setting)


@dataclass(frozen=True, slots=True)
class DeepFeatures:
    """LPIPS, or its uncalibrated form, with one backbone.

    Parameters
    ----------
    backbone : str
        Name of the backbone in `backbones.py`, or of a module that the user supplies.
    calibrated : bool
        Whether linear weights learned from votes are used. Otherwise, every weight is 1.
    about : str
        Text that explains the difference between this version and the others.
    """

    backbone: str
    calibrated: bool
    about: str = ""

    @property
    def network(self) -> Trunk:
        """Layers of the backbone."""
        return TRUNKS[self.backbone]

    @property
    def smallest_side(self) -> int:
        """Shortest side, in pixels, that the backbone accepts."""
        return self.network.smallest


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """DISTS: means and covariances of deep features over the whole image.

    Parameters
    ----------
    backbone : str
        Name of the backbone whose weights are used.
    smallest_side : int
        Shortest side, in pixels, that the metric accepts.
    about : str
        Text that describes the version.
    """

    backbone: str
    smallest_side: int = 1
    about: str = ""


Planes: TypeAlias = tuple[npt.NDArray[np.float32], ...]
"""An image as points: one or more arrays C x H x W. Each pixel is a point with C coordinates."""


@dataclass(frozen=True, slots=True)
class LocalMeasure:
    """A metric that finds where two images differ visibly. Its score is computed from its map.

    Parameters
    ----------
    map : function of (a, b)
        Takes two batches N x H x W x 3 and returns the difference at every pixel, N x H x W; 0 if images are equal.
    score : function of the values of a map, an array of one or more axes
        Returns the score.
    visible : float
        A pixel has changed if the value of the map is above this limit.
    planes : function of pixels, H x W x 3
        Returns points. Two points count as equal if their distance is at most 1. They decide whether a region is only
        displaced. A point depends on pixels up to `sampling.MARGIN` away.
    smallest_side : int
        Shortest side, in pixels, that the metric accepts.
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
class PeakOf:
    """The worst window of the map of another program.

    Parameters
    ----------
    program : Program
        A program that has a map.
    """

    program: PixelFunction | WindowMean | WholeImage | LocalMeasure | DeepFeatures
    formula: Formula | None = None
    about: str = ""

    @property
    def smallest_side(self) -> int:
        """Shortest side, in pixels, that the other program accepts."""
        return self.program.smallest_side


Program: TypeAlias = (
    PixelFunction | WindowMean | MultiScaleMean | WholeImage | LocalMeasure | DeepFeatures | FeatureStatistics | PeakOf
)


def takes_masks(program: Program) -> bool:
    """Return whether a metric is defined where some pixels do not count.

    These are means over pixels, means over windows with a map, distances of deep features, and the worst window of
    such a map. A product over scales, a deviation, or a score of a whole image is not defined then.
    """
    if isinstance(program, PixelFunction):
        return program.pixelwise
    if isinstance(program, WindowMean):
        return program.map is not None
    if isinstance(program, PeakOf):
        return takes_masks(program.program)
    return isinstance(program, (DeepFeatures, LocalMeasure))
