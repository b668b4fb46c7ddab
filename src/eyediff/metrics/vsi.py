"""VSI, the visual saliency-induced index of Zhang, Shen and Li.

VSI: a visual saliency-induced index for perceptual image quality assessment, IEEE TIP 23(10), 2014, equations 6 to 13:

    VSI = sum over pixels of (S_VS * S_G^alpha * (S_M S_N)^beta * VS_max) / sum over pixels of VS_max

VS is the visual saliency, G is the length of Scharr's gradient, and M and N are chromaticities. VS_max is the larger
one of the VS of both images. S is the similarity of x, a value of one image, and y, that of the other,

    S = (2 x y + C) / (x^2 + y^2 + C)

with another constant C for each feature. The constants and the treatment of the edges are those of the authors' VSI.m,
for values from 0 to 255. As in VSI.m, large images are reduced first.

The saliency is that of SDSP (Zhang, Gu and Li, ICIP 2013). It is computed from a copy of the image with 256 x 256
pixels in CIE Lab. It is the product of three factors: the response of a band-pass filter, the nearness to the centre,
and the warmth of the colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from ..records import PEAKS, Numbers, Pixels
from . import filters
from .pairs import features_of_pairs
from .programs import PixelFunction

C1, C2, C3 = 1.27, 386.0, 130.0
ALPHA, BETA = 0.40, 0.02
SMALLEST_SIDE = 2

# Constants of SDSP.
SIDE = 256
CENTRE, BANDWIDTH = 0.021, 1.34  # of the log-Gabor filter: frequency in cycles per pixel, deviation of its logarithm
REACH = 145.0  # standard deviation of the factor for the centre, in pixels, times the root of 2
WARMTH = 0.001  # standard deviation of the factor for colours, times the root of 2
COLOURLESS = 1e-6
"""Largest range of a* or b* that is only rounding error. Such an image has no colours, so nothing in it is salient."""

PRODUCT = 1 << 18
"""Largest number of multiplications of a matrix product that OpenBLAS computes in the calling thread."""

LMN = np.array([[0.06, 0.63, 0.27], [0.30, 0.04, -0.35], [0.34, -0.60, 0.17]])
"""Matrix that converts red, green and blue to L, M and N."""

XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.9642, 1.0, 0.8251])
"""Matrix from linear sRGB to X, Y and Z, and the white, both as in SDSP.m. This code uses D50 for sRGB."""


@dataclass(frozen=True, slots=True)
class _Features:
    """The features that VSI compares at each pixel of an image. Each array is h x w."""

    saliency: Numbers
    gradient: Numbers
    m: Numbers
    n: Numbers


def vsi(a: Pixels, b: Pixels, threads: int = 1) -> Numbers:
    """Return the VSI of each pair.

    Parameters
    ----------
    a, b : array, N x H x W x 3
        Two batches of one shape and storage type.
    threads : int
        Largest number of threads. More than two are not used.

    Returns
    -------
    array of N scores
        Scores from 0 to 1. A score is 1 for equal images.
    """
    return np.array([_score(*pair) for pair in features_of_pairs(_features, a, b, threads)], np.float64)


def similarity_map(a: Pixels, b: Pixels, threads: int = 1) -> npt.NDArray[np.float32]:
    """Return the similarity at every pixel, N x H x W. The similarity is not weighted by saliency."""
    height, width = a.shape[1:3]
    factor = filters.reduction(height, width)
    maps = [_similarity(*pair) for pair in features_of_pairs(_features, a, b, threads)]
    whole = [drawn.repeat(factor, 0).repeat(factor, 1)[:height, :width] for drawn in maps]
    return np.array(whole, np.float32).reshape(len(a), height, width)


def _score(a: _Features, b: _Features) -> float:
    similar, weight = _similarity(a, b), np.maximum(a.saliency, b.saliency)
    if not weight.any():  # neither image has anything salient, so all pixels have equal weight
        return float(similar.mean())
    return float((similar * weight).sum() / weight.sum())


def _similarity(a: _Features, b: _Features) -> Numbers:
    # The similarity of opposite colours is negative. Its power is complex; VSI.m keeps the real part.
    colours = _ratio(a.m, b.m, C3) * _ratio(a.n, b.n, C3)
    chromatic = np.abs(colours) ** BETA * np.where(colours < 0, np.cos(np.pi * BETA), 1)
    similar: Numbers = _ratio(a.saliency, b.saliency, C1) * _ratio(a.gradient, b.gradient, C2) ** ALPHA * chromatic
    return similar


def _ratio(x: Numbers, y: Numbers, c: float) -> Numbers:
    # With x * x instead of x ** 2, numerator and denominator are exactly equal for equal images.
    return (2 * (x * y) + c) / (x * x + y * y + c)


def _features(pixels: Pixels) -> _Features:
    factor = filters.reduction(*pixels.shape[:2])
    lmn = np.moveaxis(255 * filters.shrink(pixels[None], factor, "constant")[0] @ LMN.T, -1, 0)
    salient = saliency(pixels).astype(np.float32)[None, ..., None]
    return _Features(filters.shrink(salient, factor, "constant")[0, ..., 0], filters.scharr(lmn[0]), lmn[1], lmn[2])


def saliency(pixels: Pixels) -> Numbers:
    """Return the visual saliency at each pixel of an image by SDSP, H x W, from 0 to 1."""
    height, width = pixels.shape[:2]
    lab = _lab(_resize(_resize(pixels, SIDE, 0), SIDE, 1) / PEAKS[pixels.dtype])
    band_pass, centre = _priors()
    answers = np.fft.irfft2(np.fft.rfft2(lab, axes=(0, 1)) * band_pass, axes=(0, 1))
    opposed = lab[..., 1:] - lab[..., 1:].min((0, 1))
    spread = opposed.max((0, 1))
    opposed = np.divide(opposed, spread, out=np.zeros_like(opposed), where=spread > COLOURLESS)
    warm = 1 - np.exp(-(opposed**2).sum(-1) / WARMTH**2)
    salient = np.sqrt((answers**2).sum(-1)) * centre * warm
    salient = _resize(_resize(salient, height, 0), width, 1)
    salient -= salient.min()
    if most := salient.max():
        salient /= most
    return salient


@cache
def _priors() -> tuple[Numbers, Numbers]:
    """Return the log-Gabor filter in the frequency order of rfft2, and the factor for the nearness to the centre."""
    places = np.arange(SIDE) - SIDE // 2
    radius = np.fft.ifftshift(np.hypot(places[:, None], places) / SIDE)
    radius[0, 0] = 1  # the frequency 0 has no logarithm; the filter is set to 0 for it below
    band_pass = np.exp(-(np.log(radius / CENTRE) ** 2) / (2 * BANDWIDTH**2)) * (radius <= 0.5)
    band_pass[0, 0] = 0
    off = (places + 1) ** 2  # MATLAB counts from 1
    return band_pass[:, : SIDE // 2 + 1, None], np.exp(-(off[:, None] + off) / REACH**2)


def _lab(rgb: Numbers) -> Numbers:
    """Convert sRGB from 0 to 1 to CIE L*a*b*, as the authors' MATLAB file SDSP.m does. Colours are the last axis."""
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    share = linear @ XYZ.T / WHITE
    x, y, z = np.moveaxis(np.where(share > 0.008856, np.cbrt(share), (903.3 * share + 16) / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _resize(values: npt.NDArray[Any], length: int, axis: int) -> Numbers:
    """Resize along an axis as MATLAB's imresize with 'bilinear' does.

    The filter is a triangle. Its width follows the larger one of the old and the new pixels.
    """
    have = values.shape[axis]
    if have == length:
        return values.astype(np.float64, copy=False)
    width = max(1.0, have / length)
    at = (np.arange(length) + 0.5) * have / length - 0.5
    first = np.floor(at - width).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(2 * width)) + 2)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - taps) / width)
    weights /= weights.sum(1, keepdims=True)
    mirrored = taps % (2 * have)
    mirrored = np.minimum(mirrored, 2 * have - 1 - mirrored)
    matrix = np.zeros((length, have))
    np.add.at(matrix, (np.arange(length)[:, None], mirrored), weights)
    moved = np.moveaxis(values, axis, 0)
    lines = np.ascontiguousarray(moved).reshape(have, -1)
    # A line of the result needs few lines of `values`, so the matrix is multiplied in parts. A part that is small
    # enough does not start the threads of a BLAS.
    resized, taps = np.empty((length, lines.shape[1])), weights.shape[1]
    step = max(1, min(PRODUCT // (2 * taps * lines.shape[1]), taps * length // have))
    for start in range(0, length, step):
        part = slice(start, start + step)
        used = slice(mirrored[part].min(), mirrored[part].max() + 1)
        np.matmul(matrix[part, used], lines[used].astype(np.float64, copy=False), out=resized[part])
    return np.moveaxis(resized.reshape(length, *moved.shape[1:]), 0, axis)


PROGRAM = PixelFunction(vsi, SMALLEST_SIDE, similarity_map, map_identity=1.0, threaded=True)
