"""FSIM and FSIMc, the feature similarity of Zhang, Zhang, Mou and Zhang.

FSIM: a feature similarity index for image quality assessment, IEEE TIP 20(8), 2011, equations 4 to 10:

    FSIM  = sum over pixels of (S_PC * S_G * PC_max) / sum over pixels of PC_max
    FSIMc = sum over pixels of (S_PC * S_G * (S_I * S_Q)^lambda * PC_max) / sum over pixels of PC_max

PC is the phase congruency, G is the length of Scharr's gradient, and I and Q are the colour differences of YIQ. PC_max
is the larger one of the PC of both images. S is the similarity of x, a value of one image, and y, that of the other,

    S = (2 x y + T) / (x^2 + y^2 + T)

with another constant T for each feature. The constants and the treatment of the edges are those of the authors'
FeatureSIM.m, for values from 0 to 255. As in FeatureSIM.m, large images are reduced first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..records import Numbers, Pixels
from . import colour, filters
from .pairs import features_of_pairs
from .programs import PixelFunction

T1, T2, T3, T4, LAMBDA = 0.85, 160.0, 200.0, 200.0, 0.03

SMALLEST = 2  # a single pixel has no frequencies

# Constants of phase congruency as Kovesi defines it. There is one log-Gabor filter for each scale and orientation.
SCALES, ORIENTATIONS = 4, 4
SHORTEST, STEP = 6.0, 2.0  # wavelength of the finest scale in pixels, and the factor between scales
BANDWIDTH = 0.55  # standard deviation of a filter's Gaussian, divided by its centre frequency
SPREAD = np.pi / ORIENTATIONS / 1.2  # standard deviation of a filter's Gaussian over angles
CUTOFF, ORDER = 0.45, 15  # cutoff and order of the Butterworth low-pass, which rounds the corners of the spectrum
NOISE_DEVIATIONS = 2.0  # a feature must be this many deviations above the mean of the noise
NOISE_RESCALED = 1.7  # Kovesi's code divides the estimate of the noise by this number, because the estimate is too high
FLOOR = 1e-4  # keeps the mean direction defined if no filter responds


@dataclass(frozen=True, slots=True)
class _Features:
    """The features that FSIM compares at each pixel of an image. Each array is h x w."""

    congruency: Numbers
    gradient: Numbers
    i: Numbers
    q: Numbers


def fsim(a: Pixels, b: Pixels, threads: int = 1) -> Numbers:
    """Return the FSIM of each pair.

    `a` and `b` are N x H x W x 3, of one size. The result has N scores from 0 to 1. A score is 1 for equal images.
    """
    return scores(a, b, [False], threads)[:, 0]


def fsimc(a: Pixels, b: Pixels, threads: int = 1) -> Numbers:
    """Return the FSIMc of each pair. FSIMc is FSIM with a term for colours.

    `a` and `b` are N x H x W x 3, of one size. The result has N scores from 0 to 1. A score is 1 for equal images.
    """
    return scores(a, b, [True], threads)[:, 0]


def scores(a: Pixels, b: Pixels, chromatic: Sequence[bool], threads: int = 1) -> Numbers:
    """Return N x K scores of N pairs. For each of the K values in `chromatic`, computes FSIM (False) or FSIMc (True).

    Both scores together take little longer than one of them, because they share all features.
    """
    found = np.empty((len(a), len(chromatic)))
    for n, (of_a, of_b) in enumerate(features_of_pairs(_features, a, b, threads)):
        found[n] = [_similarity(of_a, of_b, colours) for colours in chromatic]
    return found


def _features(pixels: Pixels) -> _Features:
    yiq = _yiq(pixels)
    return _Features(phase_congruency(yiq[0]), filters.scharr(yiq[0]), yiq[1], yiq[2])


def _yiq(pixels: Pixels) -> Numbers:
    """Return luma and colour differences (YIQ, 0 to 255) of an image, reduced as in FeatureSIM.m: 3 x h x w."""
    small = filters.shrink(pixels[None], filters.reduction(*pixels.shape[:2]), "constant")[0]
    return np.ascontiguousarray(np.moveaxis(255 * small @ colour.YIQ.T, -1, 0))


def _similarity(a: _Features, b: _Features, chromatic: bool) -> float:
    similar = _ratio(a.congruency, b.congruency, T1) * _ratio(a.gradient, b.gradient, T2)
    if chromatic:
        # The similarity of opposite colours is negative. Its power is complex; FeatureSIM.m keeps the real part.
        colours = _ratio(a.i, b.i, T3) * _ratio(a.q, b.q, T4)
        similar *= np.abs(colours) ** LAMBDA * np.where(colours < 0, np.cos(np.pi * LAMBDA), 1)
    weight = np.maximum(a.congruency, b.congruency)
    if not weight.any():  # neither image has features, so all pixels have equal weight
        return float(similar.mean())
    return float((similar * weight).sum() / weight.sum())


def _ratio(x: Numbers, y: Numbers, t: float) -> Numbers:
    # With x * x instead of x ** 2, numerator and denominator are exactly equal for equal images.
    return (2 * (x * y) + t) / (x * x + y * y + t)


def phase_congruency(luma: Numbers) -> Numbers:
    """Return the phase congruency at each pixel, h x w, from 0 to 1. It is the PC_2 of Kovesi's phasecong2.m.

    In each orientation, the filters of all scales give complex responses. Each response has a component along the mean
    direction of the responses, and a component across it. The energy of the orientation is the sum of the components
    along the direction, minus the sum of the absolute components across it, minus a threshold for noise. A negative
    energy counts as 0. Phase congruency is the energy of all orientations divided by the sum of the absolute values of
    all responses.
    """
    bank = _log_gabor(*luma.shape)
    spectrum = np.fft.fft2(luma)
    energy, amplitude = np.zeros_like(luma), np.zeros_like(luma)
    for scales, noise in zip(bank.filters, bank.noise, strict=True):
        responses = [np.fft.ifft2(spectrum * scale) for scale in scales]
        lengths = [np.abs(response) for response in responses]
        total = sum(responses[1:], responses[0])
        direction = total.conj() / (np.abs(total) + FLOOR)
        across = sum(np.abs((response * direction).imag) for response in responses)
        agreed = (total * direction).real - across
        # The response at the finest scale is mostly noise. The squared length of noise has an exponential distribution,
        # so its mean is the median divided by log 2.
        power = np.median(lengths[0] ** 2) / np.log(2)
        energy += np.maximum(agreed - noise * np.sqrt(power), 0)
        amplitude += sum(lengths[1:], lengths[0])
    return np.divide(energy, amplitude, out=np.zeros_like(luma), where=amplitude > 0)


@dataclass(frozen=True, slots=True)
class _Bank:
    """The log-Gabor filters for images of one size, and the thresholds for noise.

    Attributes
    ----------
    filters : array, ORIENTATIONS x SCALES x h x w
        Filters in the frequency order of fft2.
    noise : array, ORIENTATIONS
        Threshold of each orientation: the energy that noise alone rarely exceeds, divided by the amplitude of the noise
        at the finest scale.
    """

    filters: Numbers
    noise: Numbers


@lru_cache(maxsize=2)  # the filters for the last two sizes of images, about 20 MB each
def _log_gabor(height: int, width: int) -> _Bank:
    y, x = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0] = 1  # the frequency 0 has no logarithm; the filters are set to 0 for it below
    bank = np.empty((ORIENTATIONS, SCALES, height, width))
    for orientation in range(ORIENTATIONS):
        turned = angle - orientation * np.pi / ORIENTATIONS
        turned = np.arctan2(np.sin(turned), np.cos(turned))  # an angle between -pi and pi
        spread = np.exp(-(turned**2) / (2 * SPREAD**2))
        for scale in range(SCALES):
            octaves = np.log(radius * SHORTEST * STEP**scale) / np.log(BANDWIDTH)
            bank[orientation, scale] = np.exp(-(octaves**2) / 2) * low_pass * spread
    bank[:, :, 0, 0] = 0
    bank.flags.writeable = False
    # `deviation` is the response of all scales of an orientation to white noise that has power 1 at the finest scale.
    # The length of the response has a Rayleigh distribution. Its mean and its standard deviation give the threshold.
    even = np.fft.ifft2(bank.sum(1)).real * np.sqrt(height * width)
    deviation = np.sqrt((even**2).sum((1, 2)) / (bank[:, 0] ** 2).sum((1, 2)))
    noise = deviation * (np.sqrt(np.pi / 2) + NOISE_DEVIATIONS * np.sqrt(2 - np.pi / 2)) / NOISE_RESCALED
    return _Bank(bank, noise)


def _frequencies(length: int) -> Numbers:
    """Return the frequencies of a Fourier transform in cycles per pixel, in the order of fft.

    For an odd length, the frequencies are stretched so that the highest one is 1/2, as in phasecong2.m.
    """
    last = length - 1 if length % 2 else length
    return np.fft.ifftshift((np.arange(length) - length // 2) / last)


PROGRAM = PixelFunction(fsim, SMALLEST, shared=scores, column=False, threaded=True)
COLOUR_PROGRAM = PixelFunction(fsimc, SMALLEST, shared=scores, column=True, threaded=True)
