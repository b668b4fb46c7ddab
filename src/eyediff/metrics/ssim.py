"""SSIM, the structural similarity of Wang, Bovik, Sheikh and Simoncelli.

Image quality assessment: from error visibility to structural similarity, IEEE TIP 13(4), 2004, equations 6, 9 and 13:

    SSIM(a, b) = l * cs
    l  = (2 mu_a mu_b + C1) / (mu_a^2 + mu_b^2 + C1)                 luminance
    cs = (2 sigma_ab + C2) / (sigma_a^2 + sigma_b^2 + C2)            contrast and structure

with C1 = (K1 L)^2, C2 = (K2 L)^2, L the distance from black to white. Means, variances and the covariance are weighed
by a window around each pixel whose window lies wholly inside. The score is the mean over these pixels, then over RGB.

It is computed from s = a + b and d = a - b, with var_s and var_d their variances in the window:

    2 mu_a mu_b = (mu_s^2 - mu_d^2) / 2        mu_a^2 + mu_b^2 = (mu_s^2 + mu_d^2) / 2
    2 sigma_ab  = (var_s - var_d) / 2          sigma_a^2 + sigma_b^2 = (var_s + var_d) / 2

Four maps a channel are filtered in place of five; and where a = b, d is 0 and the score exactly 1.

First the mean over the image, or over the tile that is computed at once, is subtracted from s and from d. No variance
depends on it. float32 then agrees with double precision to 1e-7 on photos; without it, to 2e-6.
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
from .programs import Formula, OpsFunction, WindowMean

K1, K2 = 0.01, 0.03
RANGE = 2.0  # from -1, black, to 1, white: around 0, where float32 loses least when squares of means are subtracted
C1, C2 = (K1 * RANGE) ** 2, (K2 * RANGE) ** 2

RGB = 3
THIRDS: Array = np.full(RGB, 1 / RGB, np.float32)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the SSIMs that people publish.

    `window` weighs the pixels of a window along one side. `sample` divides (co)variances by one less than the window's
    pixels, in place of their number. `channel` is what is looked at: all three, MATLAB's gray, or Y of BT.601 (`y8`:
    rounded). `shrunk` looks at a smaller copy of large images. `edge` says what lies outside the image, so that every
    pixel has a window; None: only windows inside count. `deep` lets the window reach over the channels, too.
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
        """The shortest side, in pixels, that the variant takes: that of a window, or what can be mirrored around it."""
        if self.edge is None:
            return len(self.window)
        return len(self.window) // 2 + 1 if self.edge == "reflect" else 1

    @property
    def is_plain(self) -> bool:
        """True if the variant uses the pixels unchanged, so that tensors and graphs can compute it."""
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
"""By version name; the first is the default."""


def prepare(variant: Variant, pixels: Pixels) -> Pixels:
    """Return the input of a variant, N x h x w x 3: the pixels, or a gray, reduced or padded copy of them."""
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
"""What numpy calls the edges; a constant is 0, which is black."""


def _over_channels(window: Taps) -> Array:
    """Return the window along the channels, of which the first and the last are repeated: 3 x 3, rows add up to 1."""
    centre = len(window) // 2
    weights = np.zeros((RGB, RGB))
    for channel in range(RGB):
        for offset, tap in enumerate(window, channel - centre):
            weights[channel, min(max(offset, 0), RGB - 1)] += tap
    return weights.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Moments(Generic[T]):
    """Mean and variance of s and of d in every window: N x 3 x H' x W' each, H' = H - len(window) + 1, W' alike."""

    mean_s: T
    mean_d: T
    variance_s: T
    variance_d: T


def moments(verbs: Verbs[T], variant: Variant, a: T, b: T) -> Moments[T]:
    """Return the moments of `a` and `b`, N x 3 x H x W in [-1, 1], as `prepare` returned them."""
    s, d = verbs.add(a, b), verbs.sub(a, b)
    # A variance does not depend on the level. Around 0 the squares are small, and so is what float32 rounds off.
    level_s, level_d = verbs.level(s), verbs.level(d)
    if variant.deep:  # channels are mixed, so they need one level
        level_s, level_d = verbs.weigh(level_s, THIRDS), verbs.weigh(level_d, THIRDS)
    s, d = verbs.sub(s, level_s), verbs.sub(d, level_d)
    stack = verbs.concat([s, d, verbs.mul(s, s), verbs.mul(d, d)])  # one pass of the filter over all
    stack = filters.blur(verbs, stack, variant.window, 4 * RGB)
    if variant.deep:
        stack = verbs.conv(stack, np.tile(_over_channels(variant.window), (4, 1))[:, :, None, None], groups=4)
    mean_s, mean_d, square_s, square_d = (verbs.channels(stack, i * RGB, (i + 1) * RGB) for i in range(4))
    variance_s = verbs.sub(square_s, verbs.mul(mean_s, mean_s))
    variance_d = verbs.sub(square_d, verbs.mul(mean_d, mean_d))
    return Moments(verbs.add(mean_s, level_s), verbs.add(mean_d, level_d), variance_s, variance_d)


def luminance(verbs: Verbs[T], found: Moments[T]) -> T:
    """l of every window, by channel."""
    bright = verbs.affine(found.mean_s, ONE, constant(RANGE))  # here black must be 0
    both = verbs.affine(verbs.mul(bright, bright), ONE, constant(2 * C1))
    apart = verbs.mul(found.mean_d, found.mean_d)
    return verbs.div(verbs.sub(both, apart), verbs.add(both, apart))


def structure(verbs: Verbs[T], variant: Variant, found: Moments[T]) -> T:
    """cs of every window, by channel."""
    # Sample (co)variances are all larger by one factor, which is the same as a C2 smaller by it.
    pixels = len(variant.window) ** 2
    c2 = C2 * (pixels - 1) / pixels if variant.sample else C2
    both = verbs.affine(found.variance_s, ONE, constant(2 * c2))
    return verbs.div(verbs.sub(both, found.variance_d), verbs.add(both, found.variance_d))


def similarity(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """SSIM of every window, by channel: N x 3 x H' x W'."""
    found = moments(verbs, variant, a, b)
    return verbs.mul(luminance(verbs, found), structure(verbs, variant, found))


def ssim(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """SSIM by channel, N x 3; the score is their mean. 1 for equal images, above -1 for all."""
    return verbs.mean(similarity(verbs, variant, a, b))


def spatial(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """SSIM as a map: N x 1 x H' x W', the mean over channels of every window."""
    return gray(verbs, similarity(verbs, variant, a, b))


def gray(verbs: Verbs[T], similar: T) -> T:
    """The mean over channels of every window: N x 1 x H' x W'."""
    return verbs.weigh(similar, THIRDS)


def dssim(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """Structural dissimilarity, (1 - SSIM) / 2, by channel, N x 3: 0 for equal images, 1 at most.

    With the variant `skimage` it is the "DSSIM" of Zhang et al. 2018 and of the package `lpips`.
    """
    return verbs.mean(verbs.affine(similarity(verbs, variant, a, b), constant(-0.5), constant(0.5)))


def dssim_map(verbs: Verbs[T], variant: Variant, a: T, b: T) -> T:
    """DSSIM as a map: N x 1 x H' x W', the mean over channels of every window."""
    return verbs.affine(spatial(verbs, variant, a, b), constant(-0.5), constant(0.5))


def channel_mean(means: Sequence[Numbers]) -> Numbers:
    """Return N scores from the one array N x 3 that `ssim` or `dssim` measures."""
    scores: Numbers = means[0].mean(1)
    return scores


def _program(score: OpsFunction, variant: Variant, map: OpsFunction, map_identity: float) -> WindowMean:
    """Return the program of SSIM, or of a metric derived from it, with a variant's window."""
    bound = partial(_with_variant, score, variant)
    return WindowMean(
        bound,
        variant.smallest,
        partial(prepare, variant),
        partial(_with_variant, map, variant),
        map_identity,
        Formula(lambda ops, a, b: [bound(ops, a, b)], channel_mean) if variant.is_plain else None,
        len(variant.window),
        variant.what,
    )


def _with_variant(function: Callable[..., T], variant: Variant, ops: Verbs[T], a: T, b: T) -> T:
    return function(ops, variant, a, b)


PROGRAMS: Mapping[str, WindowMean] = {name: _program(ssim, variant, spatial, 1.0) for name, variant in VARIANTS.items()}
DSSIM_PROGRAM = _program(dssim, VARIANTS["skimage"], dssim_map, 0.0)
