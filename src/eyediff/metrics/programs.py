"""The kinds of computation that a registered metric can be.

A program describes what is computed and names no engine. `scoring/factory.py` turns each kind into an engine.
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
"""A function `f(ops, a, b)` of two batches N x 3 x H x W in [-1, 1], stated over the operations of `ops.py`."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A score of whole images, stated over operations, so that it can be written as an ONNX graph.

    Parameters
    ----------
    measure : function of (ops, a, b)
        Returns a list of arrays N x K, such as the mean of SSIM by channel.
    combine : function of that list
        Returns N scores. It uses numpy functions only.
    precision : type
        Precision of the graph. PSNR needs float64 for six decimals of 40 dB.
    """

    measure: OpsFunction
    combine: Callable[[Sequence[Numbers]], Numbers]
    precision: type[np.floating[Any]] = np.float32


@dataclass(frozen=True, slots=True)
class PixelFunction:
    """A metric that is a plain numpy function of two batches of pixels.

    Parameters
    ----------
    scores : function of (a, b)
        Takes two batches N x H x W x 3 and returns N scores.
    smallest_side : int
        Shortest side in pixels that the metric accepts.
    map : function of (a, b), optional
        Returns the score by place, N x H x W.
    map_identity : float
        Value of the map where two images are equal.
    formula : Formula, optional
        The same score over operations.
    shared : function of (a, b, columns), optional
        Computes several metrics in one call and returns N x K. Metrics with the same `shared` share their work.
    column : object
        What `shared` needs to know to compute this metric.
    pixelwise : bool
        Whether the score follows from the pairs of pixels alone, whatever their place, as a mean does. Such a metric
        is defined for any part of an image.
    about : str
        What tells this version from others of the metric, for people.
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
        Returns the mean over all windows by channel, N x K. The score is the mean over K.
    smallest_side : int
        Shortest side in pixels that the metric accepts.
    prepare : function of pixels
        Returns what the metric sees, such as a smaller grey copy, or one with a border around it.
    map : function of (ops, a, b), optional
        Returns the score of each window, N x 1 x H' x W'.
    map_identity : float
        Value of the map where two images are equal.
    formula : Formula, optional
        The same score for whole images. Absent where `prepare` cannot be written over operations.
    window : int, optional
        Side of a window in pixels; by default `smallest_side`.
    about : str
        What tells this version from others of the metric, for people.
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
        Returns the batch at every scale, finest first.
    finer, coarsest : WindowMean
        What is measured at every scale but the last, and at the last.
    combine : function of a list of N x K arrays, finest scale first
        Returns N scores.
    smallest_side : int
        Shortest side in pixels whose coarsest scale still holds a window.
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
    """A metric that is stated over operations and computed of whole images.

    Parameters
    ----------
    score : function of (ops, a, b), or of (ops, a, b, setting)
        Returns one score an image, N x 1.
    smallest_side : int
        Shortest side in pixels that the metric accepts.
    prepare : function of pixels, optional
        Returns what the metric sees, such as a copy that is rounded to whole grey levels. `score` accepts images that
        are not prepared: so do torch modules, which need a gradient.
    map : function like `score`, optional
        Returns the score by place, N x 1 x h x w, of the size of the image or smaller.
    map_identity : float
        Value of the map where two images are equal.
    precision : type
        Precision of the computation. ONNX Runtime convolves in float32 only, so numpy computes metrics of float64.
    setting : function of (height, width), optional
        Returns what `score` needs to know of the size of an image, such as the number of scales.
    about : str
        What the version does, for people.
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
        """The score as one graph for images of any size; None where there is none, or float32 does not suffice."""
        if self.prepare is not None or self.setting is not None or self.precision is not np.float32:
            return None
        return Formula(lambda ops, a, b: [self.score(ops, a, b)], lambda scores: scores[0].mean(1))

    def for_size(self, function: OpsFunction, height: int, width: int) -> OpsFunction:
        """Return `score` or `map` as a function of (ops, a, b), for images of a size."""
        if self.setting is None:
            return function
        setting = self.setting(height, width)
        return lambda ops, a, b: function(ops, a, b, setting)


@dataclass(frozen=True, slots=True)
class DeepFeatures:
    """LPIPS, or its uncalibrated form, on a backbone.

    Parameters
    ----------
    backbone : str
        Name of the backbone in `backbones.py`, or of a module that the user supplies.
    calibrated : bool
        Whether the linear weights learned from votes are used. Otherwise every weight is 1.
    about : str
        What tells this version from others of the metric, for people.
    """

    backbone: str
    calibrated: bool
    about: str = ""

    @property
    def network(self) -> Trunk:
        """The backbone's layers."""
        return TRUNKS[self.backbone]

    @property
    def smallest_side(self) -> int:
        """Shortest side in pixels that the backbone accepts."""
        return self.network.smallest


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """DISTS: means and covariances of deep features over the whole image.

    Parameters
    ----------
    backbone : str
        Name of the backbone whose weights are used.
    smallest_side : int
        Shortest side in pixels that the metric accepts.
    about : str
        What the version does, for people.
    """

    backbone: str
    smallest_side: int = 1
    about: str = ""


Planes: TypeAlias = tuple[npt.NDArray[np.float32], ...]
"""An image as points: one or more arrays C x H x W."""


@dataclass(frozen=True, slots=True)
class LocalMeasure:
    """A metric that says where two images differ visibly, and whose score follows from its map.

    Parameters
    ----------
    map : function of (a, b)
        Takes two batches N x H x W x 3 and returns the difference by place, N x H x W; 0 where images are equal.
    score : function of the values of a map, of one or more axes
        Returns the score.
    visible : float
        Places with a higher value of the map are changed.
    planes : function of pixels, H x W x 3
        Returns points, of which two whose distance is at most 1 count as equal. It decides whether a region is only
        displaced. What a pixel looks like depends on pixels within `sampling.MARGIN`.
    smallest_side : int
        Shortest side in pixels that the metric accepts.
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
    """The worst window of another program's map.

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
        """Shortest side in pixels that the other program accepts."""
        return self.program.smallest_side


Program: TypeAlias = (
    PixelFunction | WindowMean | MultiScaleMean | WholeImage | LocalMeasure | DeepFeatures | FeatureStatistics | PeakOf
)


def takes_masks(program: Program) -> bool:
    """Return whether a metric is defined where some pixels do not count.

    Means over pixels, windows with a map, distances of deep features, and the worst place of such a map are. A product
    over scales, a deviation, or a score of all of an image at once is not.
    """
    if isinstance(program, PixelFunction):
        return program.pixelwise
    if isinstance(program, WindowMean):
        return program.map is not None
    if isinstance(program, PeakOf):
        return takes_masks(program.program)
    return isinstance(program, (DeepFeatures, LocalMeasure))
