"""FSIM and FSIMc, the feature similarity of Zhang, Zhang, Mou and Zhang.

FSIM: a feature similarity index for image quality assessment, IEEE TIP 20(8), 2011, equations 4 to 10:

    FSIM  = sum over pixels of S_PC * S_G * PC_max / sum of PC_max
    FSIMc = the same with (S_I * S_Q)^lambda as a further factor

PC is phase congruency, G the length of Scharr's gradient, I and Q the colour differences of YIQ, PC_max the larger of
the two images' PC, and every S = (2 x y + T) / (x^2 + y^2 + T) with a T of its own. Constants and edges are those of
the authors' FeatureSIM.m, on values from 0 to 255; as there, large images are made smaller first.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..records import Numbers, Pixels
from . import colour, filters
from .programs import PixelFunction

T1, T2, T3, T4, LAMBDA = 0.85, 160.0, 200.0, 200.0, 0.03

SMALLEST = 2  # one pixel has no frequencies

# Phase congruency after Kovesi: log-Gabor filters, one a scale and orientation.
SCALES, ORIENTATIONS = 4, 4
SHORTEST, STEP = 6.0, 2.0  # wavelength of the finest scale in pixels, and from each to the next
BANDWIDTH = 0.55  # deviation of a filter's Gaussian over its centre frequency
SPREAD = np.pi / ORIENTATIONS / 1.2  # deviation of its Gaussian over angles
CUTOFF, ORDER = 0.45, 15  # of the Butterworth low-pass that rounds off the corners of the spectrum
NOISE_DEVIATIONS = 2.0  # how far above the mean of the noise a feature must rise
NOISE_RESCALED = 1.7  # the estimate of the noise is too high by this, says Kovesi's code
FLOOR = 1e-4  # keeps the mean direction defined where no filter answers


@dataclass(frozen=True, slots=True)
class _Features:
    """The features that FSIM compares at each pixel of an image, h x w each."""

    congruency: Numbers
    gradient: Numbers
    i: Numbers
    q: Numbers


def fsim(a: Pixels, b: Pixels) -> Numbers:
    """FSIM of each pair, from 0 to 1; 1 for equal images.

    `a` and `b` are N x H x W x 3, of one size; returns N scores.
    """
    return scores(a, b, [False])[:, 0]


def fsimc(a: Pixels, b: Pixels) -> Numbers:
    """FSIMc of each pair, which sees colour too. See `fsim`."""
    return scores(a, b, [True])[:, 0]


def scores(a: Pixels, b: Pixels, chromatic: Sequence[bool]) -> Numbers:
    """Return FSIM (False) or FSIMc (True) of each pair, N x K, at little more than the cost of one. See `fsim`."""
    # A thread an image of the pair: in Fourier transforms, most of the time, numpy lets go of the interpreter.
    with ThreadPoolExecutor(2, "eyediff-fsim") as pool:
        found = np.empty((len(a), len(chromatic)))
        for n, pair in enumerate(zip(a, b, strict=True)):
            of_a, of_b = pool.map(_features, pair)
            found[n] = [_similarity(of_a, of_b, colours) for colours in chromatic]
    return found


def _features(pixels: Pixels) -> _Features:
    yiq = _yiq(pixels)
    return _Features(phase_congruency(yiq[0]), filters.scharr(yiq[0]), yiq[1], yiq[2])


def _yiq(pixels: Pixels) -> Numbers:
    """3 x h x w: luma and colour differences on the scale of 0 to 255, made smaller as FeatureSIM.m does."""
    small = filters.shrink(pixels[None], filters.reduction(*pixels.shape[:2]), "constant")[0]
    return np.ascontiguousarray(np.moveaxis(255 * small @ colour.YIQ.T, -1, 0))


def _similarity(a: _Features, b: _Features, chromatic: bool) -> float:
    similar = _ratio(a.congruency, b.congruency, T1) * _ratio(a.gradient, b.gradient, T2)
    if chromatic:
        # Colours may be opposed. Of the complex power of a number below 0 FeatureSIM.m keeps the real part.
        colours = _ratio(a.i, b.i, T3) * _ratio(a.q, b.q, T4)
        similar *= np.abs(colours) ** LAMBDA * np.where(colours < 0, np.cos(np.pi * LAMBDA), 1)
    weight = np.maximum(a.congruency, b.congruency)
    if not weight.any():  # no features in either image: all pixels count alike
        return float(similar.mean())
    return float((similar * weight).sum() / weight.sum())


def _ratio(x: Numbers, y: Numbers, t: float) -> Numbers:
    # x * x + y * y, not powers: then equal images give the same figure above and below the line, and exactly 1.
    return (2 * (x * y) + t) / (x * x + y * y + t)


def phase_congruency(luma: Numbers) -> Numbers:
    """Return the phase congruency at each pixel, h x w from 0 to 1: Kovesi's PC_2, in phasecong2.m.

    In each orientation the filter responses E_s of the scales are complex numbers. The energy is the sum of their
    components along the mean direction minus the sum of the components across it. The expected energy of noise is
    subtracted.
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
        # The finest scale sees mostly noise, whose squared length is exponentially distributed: mean = median / log 2.
        power = np.median(lengths[0] ** 2) / np.log(2)
        energy += np.maximum(agreed - noise * np.sqrt(power), 0)
        amplitude += sum(lengths[1:], lengths[0])
    return np.divide(energy, amplitude, out=np.zeros_like(luma), where=amplitude > 0)


@dataclass(frozen=True, slots=True)
class _Bank:
    """Filters on the frequencies as fft2 orders them, ORIENTATIONS x SCALES x h x w, and what noise makes of them.

    `noise` is, by orientation, the threshold of the energy over the root of the noise's power at the finest scale.
    """

    filters: Numbers
    noise: Numbers


@lru_cache(maxsize=2)  # of the last sizes: some 20 MB each
def _log_gabor(height: int, width: int) -> _Bank:
    y, x = np.meshgrid(_frequencies(height), _frequencies(width), indexing="ij")
    radius, angle = np.hypot(x, y), np.arctan2(-y, x)
    low_pass = 1 / (1 + (radius / CUTOFF) ** (2 * ORDER))
    radius[0, 0] = 1  # the mean has no logarithm; its answer is set to 0 below
    bank = np.empty((ORIENTATIONS, SCALES, height, width))
    for orientation in range(ORIENTATIONS):
        turned = angle - orientation * np.pi / ORIENTATIONS
        turned = np.arctan2(np.sin(turned), np.cos(turned))  # back between -pi and pi
        spread = np.exp(-(turned**2) / (2 * SPREAD**2))
        for scale in range(SCALES):
            octaves = np.log(radius * SHORTEST * STEP**scale) / np.log(BANDWIDTH)
            bank[orientation, scale] = np.exp(-(octaves**2) / 2) * low_pass * spread
    bank[:, :, 0, 0] = 0
    bank.flags.writeable = False
    # White noise through all scales of an orientation at once, by its power through the finest alone. Its length is
    # Rayleigh distributed: these are the mean and the deviation.
    even = np.fft.ifft2(bank.sum(1)).real * np.sqrt(height * width)
    deviation = np.sqrt((even**2).sum((1, 2)) / (bank[:, 0] ** 2).sum((1, 2)))
    noise = deviation * (np.sqrt(np.pi / 2) + NOISE_DEVIATIONS * np.sqrt(2 - np.pi / 2)) / NOISE_RESCALED
    return _Bank(bank, noise)


def _frequencies(length: int) -> Numbers:
    """Cycles per pixel as fft orders them; of an odd length, stretched to reach one half, as in phasecong2.m."""
    last = length - 1 if length % 2 else length
    return np.fft.ifftshift((np.arange(length) - length // 2) / last)


PROGRAM = PixelFunction(fsim, SMALLEST, shared=scores, column=False)
COLOUR_PROGRAM = PixelFunction(fsimc, SMALLEST, shared=scores, column=True)
