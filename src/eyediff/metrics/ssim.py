"""SSIM, the structural similarity of Wang, Bovik, Sheikh and Simoncelli.

Image quality assessment: from error visibility to structural similarity, IEEE TIP 13(4), 2004, equations 6, 9 and 13:

    SSIM(a, b) = l * cs
    l  = (2 mu_a mu_b + C1) / (mu_a^2 + mu_b^2 + C1)                 luminance
    cs = (2 sigma_ab + C2) / (sigma_a^2 + sigma_b^2 + C2)            contrast and structure

with C1 = (K1 L)^2 and C2 = (K2 L)^2, where L is the difference between white and black. The means mu, the variances
sigma^2 and the covariance sigma_ab are weighted by a window around each pixel. Only windows that are completely inside
the image are used. The score is the mean over all these windows and over RGB.

The code uses s = a + b and d = a - b. Their means in the window are mu_s and mu_d, and their variances are var_s and
var_d:

    2 mu_a mu_b = (mu_s^2 - mu_d^2) / 2        mu_a^2 + mu_b^2 = (mu_s^2 + mu_d^2) / 2
    2 sigma_ab  = (var_s - var_d) / 2          sigma_a^2 + sigma_b^2 = (var_s + var_d) / 2

So four maps are filtered for each channel: s, d, s^2 and d^2. The direct formula needs five. If a = b, then d is 0 and
the score is exactly 1.

Before s and d are filtered, their mean over the image is subtracted. A tile of an image is treated as an image. The
variances do not depend on this mean, but the rounding errors do: float32 agrees with double precision to 1e-7 on
photos, and only to 2e-6 without the subtraction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, cast

import numpy as np

from ..records import Numbers, Pixels
from . import colour, filters
from .filters import Taps
from .ops import ONE, Array, T, Verbs, constant
from .programs import Formula, OpsFunction, Similarity, WindowMean

K1, K2 = 0.01, 0.03
RANGE = 2.0  # black is -1 and white is 1: means near 0 have small squares, and these are subtracted
C1, C2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2

RGB = 3
THIRDS: Array = np.full(RGB, 1 / RGB, np.float32)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the published variants of SSIM.

    Attributes
    ----------
    what : str
        Description of the variant for people.
    window : tuple of float
        Weights of a window along one side.
    sample : bool
        Whether variances and covariances are divided by the number of pixels of the window minus one. Otherwise, they
        are divided by the number of pixels.
    channel : {"rgb", "gray", "y", "y8"}
        Channels that are compared: red, green and blue; MATLAB's gray; Y of BT.601, not rounded; or Y of BT.601,
        rounded to 8 bits.
    shrunk : bool
        Whether large images are reduced first.
    edge : {"black", "reflect", "replicate"} or None
        Values outside the image: black, the mirrored image, or the repeated edge. Every pixel is then the centre of a
        window. If `edge` is `None`, only windows that are completely inside the image are used.
    deep : bool
        Whether the window extends over the three channels.
    """

    what: str
    window: Taps
    sample: bool = False
    channel: Literal["rgb", "gray", "y", "y8"] = "rgb"
    shrunk: bool = False
    edge: Literal["black", "reflect", "replicate"] | None = None
    deep: bool = False

    @property
    def smallest(self) -> int:
        """Shortest side of an image, in pixels, that the variant accepts.

        Without padding, a window must fit into the image. A mirrored border must be smaller than the image.
        """
        if self.edge is None:
            return len(self.window)
        return len(self.window) // 2 + 1 if self.edge == "reflect" else 1

    @property
    def c2(self) -> float:
        """The constant C2.

        Sample variances and covariances are larger by one factor. Division of C2 by this factor has the same effect.
        """
        pixels = len(self.window) ** 2
        return C2 * (pixels - 1) / pixels if self.sample else C2

    @property
    def is_plain(self) -> bool:
        """True if the variant compares unchanged pixels, so that torch and ONNX graphs can compute it."""
        return self.channel == "rgb" and self.edge is None


WANG = filters.gaussian(11, 1.5)

VARIANTS: Mapping[str, Variant] = {
    "wang": Variant("Wang et al. 2004, mean over RGB; scikit-image's gaussian_weights=True", WANG),
    "skimage": Variant("scikit-image's default: 7 x 7 uniform window", filters.uniform(7), sample=True),
    "matlab": Variant("ssim.m of Wang et al.: rounded luma, made smaller first", WANG, channel="gray", shrunk=True),
    "matlab-full": Variant("ssim_index.m of Wang et al.: rounded luma at full size", WANG, channel="gray"),
    "y": Variant("Wang et al. on Y of BT.601, 16 to 235, not rounded; L = 255", WANG, channel="y"),
    "y8": Variant("Wang et al. on Y of BT.601, 16 to 235, rounded to 8 bits; L = 255", WANG, channel="y8"),
    "3d": Variant(
        "MATLAB's ssim of an H x W x 3 array: the window reaches over the channels, edges are repeated",
        WANG,
        edge="replicate",
        deep=True,
    ),
    "zero-padded": Variant("3D Gaussian splatting: Wang et al. with black around the image", WANG, edge="black"),
    "reflect": Variant("torchmetrics: Wang et al. with the image mirrored at its edges", WANG, edge="reflect"),
}
"""The variants of SSIM, by the name of the version. The first one is the default."""


def prepare(variant: Variant, pixels: Pixels) -> Pixels:
    """Return the pixels that a variant compares, N x h x w x 3: the pixels themselves, or a changed copy of them.

    The copy is gray, reduced or padded, as the variant requires.
    """
    if variant.edge is not None:
        reach = len(variant.window) // 2
        around = ((0, 0), (reach, reach), (reach, reach), (0, 0))
        return cast(Pixels, np.pad(pixels, around, _EDGES[variant.edge]))
    if variant.channel == "rgb":
        return pixels
    if variant.channel == "gray":
        factor = filters.reduction(*pixels.shape[1:3]) if variant.shrunk else 1
        plane = filters.shrink(colour.gray(pixels), factor, "symmetric")
    elif variant.channel == "y":
        plane = colour.studio_luma(pixels)[..., None]
    else:
        plane = colour.rounded_studio_luma(pixels)[..., None] / 255
    return np.repeat(plane.astype(np.float32), RGB, axis=3)


_EDGES: Mapping[str, Literal["constant", "reflect", "edge"]] = {
    "black": "constant",
    "reflect": "reflect",
    "replicate": "edge",
}
"""For each value of `Variant.edge`, the mode of numpy.pad. The mode "constant" pads with 0, which is black."""


def _over_channels(window: Taps) -> Array:
    """Return the window along the channels as a 3 x 3 matrix, for variants with `deep`.

    A row has the weights of red, green and blue for one channel, and adds up to 1. The window is longer than three
    channels, so the first and the last channel are repeated.
    """
    centre = len(window) // 2
    weights = np.zeros((RGB, RGB))
    for channel in range(RGB):
        for offset, tap in enumerate(window, channel - centre):
            weights[channel, min(max(offset, 0), RGB - 1)] += tap
    return weights.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Moments(Generic[T]):
    """Mean and variance of s = a + b and of d = a - b in every window.

    Each one is N x 3 x H' x W', with H' = H - len(window) + 1 and W' = W - len(window) + 1.
    """

    mean_s: T
    mean_d: T
    variance_s: T
    variance_d: T


def moments(verbs: Verbs[T], variant: Variant, a: T, b: T) -> Moments[T]:
    """Return the means and variances that SSIM needs, for prepared images `a` and `b`, N x 3 x H x W in [-1, 1]."""
    s, d = verbs.add(a, b), verbs.sub(a, b)
    # A variance does not depend on the mean. Without the mean, squares and their rounding errors are smaller.
    level_s, level_d = verbs.level(s), verbs.level(d)
    if variant.deep:  # the window mixes the channels, so one mean is subtracted from all of them
        level_s, level_d = verbs.weigh(level_s, THIRDS), verbs.weigh(level_d, THIRDS)
    s, d = verbs.sub(s, level_s), verbs.sub(d, level_d)
    stack = verbs.concat([s, d, verbs.mul(s, s), verbs.mul(d, d)])  # s, d, s^2 and d^2 are filtered together
    stack = filters.blur(verbs, stack, variant.window, 4 * RGB)
    if variant.deep:
        stack = verbs.conv(stack, np.tile(_over_channels(variant.window), (4, 1))[:, :, None, None], groups=4)
    mean_s, mean_d, square_s, square_d = (verbs.channels(stack, i * RGB, (i + 1) * RGB) for i in range(4))
    variance_s = verbs.sub(square_s, verbs.mul(mean_s, mean_s))
    variance_d = verbs.sub(square_d, verbs.mul(mean_d, mean_d))
    return Moments(verbs.add(mean_s, level_s), verbs.add(mean_d, level_d), variance_s, variance_d)


def luminance(verbs: Verbs[T], found: Moments[T]) -> T:
    """Return the luminance term l of SSIM for every window and channel."""
    bright = verbs.affine(found.mean_s, ONE, constant(RANGE))  # shifts the mean so that black is 0
    both = verbs.affine(verbs.mul(bright, bright), ONE, constant(2 * C1))
    apart = verbs.mul(found.mean_d, found.mean_d)
    return verbs.div(verbs.sub(both, apart), verbs.add(both, apart))


def structure(verbs: Verbs[T], variant: Variant, found: Moments[T]) -> T:
    """Return the term cs of SSIM, contrast and structure, for every window and channel."""
    both = verbs.affine(found.variance_s, ONE, constant(2 * variant.c2))
    return verbs.div(verbs.sub(both, found.variance_d), verbs.add(both, found.variance_d))


def similarity(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Return the SSIM of every window and channel: N x 3 x H' x W'."""
    found = moments(verbs, variant, a, b)
    return verbs.mul(luminance(verbs, found), structure(verbs, variant, found))


def ssim(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Return the SSIM of each channel, N x 3. The score is the mean over the channels.

    A score is 1 for equal images, and above -1 for all images.
    """
    return verbs.mean(similarity(verbs, variant, a, b))


def spatial(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Return SSIM as a map, N x 1 x H' x W'. A value is the mean over the channels for one window."""
    return gray(verbs, similarity(verbs, variant, a, b))


def gray(verbs: Verbs[T], similar: T) -> T:
    """Return the mean over the channels of a map: N x 1 x H' x W'."""
    return verbs.weigh(similar, THIRDS)


def dssim(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Return the structural dissimilarity, (1 - SSIM) / 2, of each channel, N x 3.

    It is 0 for equal images, and at most 1. With the variant `skimage`, it is the "DSSIM" of Zhang et al. 2018 and of
    the package `lpips`.
    """
    return verbs.mean(verbs.affine(similarity(verbs, variant, a, b), constant(-0.5), constant(0.5)))


def dssim_map(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Return DSSIM as a map, N x 1 x H' x W'. A value is the mean over the channels for one window."""
    return verbs.affine(spatial(verbs, variant, a, b), constant(-0.5), constant(0.5))


def channel_mean(means: Sequence[Numbers]) -> Numbers:
    """Return N scores from the means of the channels. `means` has one array, N x 3, from `ssim` or `dssim`."""
    scores: Numbers = means[0].mean(1)
    return scores


def describe_similarity(
    variant: Variant, luminance: bool = True, scale: float = 1.0, offset: float = 0.0
) -> Similarity | None:
    """Return the settings of a variant for the native engine. `None` if its windows extend over the channels."""
    if variant.deep:
        return None
    return Similarity(variant.window, C1, variant.c2, luminance, scale, offset)


def _program(
    score: OpsFunction, variant: Variant, map: OpsFunction, map_identity: float, similarity: Similarity | None
) -> WindowMean:
    """Return the description of a metric that is SSIM, or is derived from SSIM, for one variant."""
    bound = partial(_with_variant, score, variant)
    return WindowMean(
        bound,
        variant.smallest,
        partial(prepare, variant),
        partial(_with_variant, map, variant),
        map_identity,
        Formula(lambda ops, a, b: [bound(ops, a, b)], channel_mean) if variant.is_plain else None,
        len(variant.window),
        similarity,
        variant.what,
    )


def _with_variant(function: Callable[..., T], variant: Variant, ops: Verbs[T], a: T, b: T) -> T:
    return function(ops, variant, a, b)


PROGRAMS: Mapping[str, WindowMean] = {
    name: _program(ssim, variant, spatial, 1.0, describe_similarity(variant)) for name, variant in VARIANTS.items()
}
DSSIM_PROGRAM = _program(
    dssim, VARIANTS["skimage"], dssim_map, 0.0, describe_similarity(VARIANTS["skimage"], scale=-0.5, offset=0.5)
)
