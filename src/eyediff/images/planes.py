"""Colour and transparency as they were decoded, and the picture that is made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..records import PEAKS, AlphaPolicy, Image, Pixels
from .formats import UnsupportedImage

Whole: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """`colours` H x W x 3, C-contiguous, `alpha` H x W of the same storage type, None where every pixel is opaque.

    `premultiplied`: the colours were multiplied by alpha already.
    """

    colours: Whole
    alpha: Whole | None = None
    premultiplied: bool = False
    notes: tuple[str, ...] = ()


def alpha_of_key(stored: npt.NDArray[np.generic], key: tuple[int, ...]) -> Whole:
    """Nothing where the stored colour is the key, all elsewhere."""
    same = stored == np.array(key, stored.dtype)
    peak = np.iinfo(stored.dtype.type).max  # type: ignore[type-var]  # only unsigned integers come here
    return np.where(same.all(axis=2) if stored.ndim == 3 else same, 0, peak).astype(stored.dtype)


def turned(planes: DecodedImage, orientation: int) -> DecodedImage:
    """The picture upright. EXIF 2.32 counts the eight ways in which the first row and column may lie (tag 0x0112)."""
    if orientation == 1:
        return planes
    alpha = None if planes.alpha is None else _turn(planes.alpha[..., None], orientation)[..., 0]
    return replace(planes, colours=_turn(planes.colours, orientation), alpha=alpha)


def _turn(stored: Whole, orientation: int) -> Whole:
    if orientation >= 5:
        stored = stored.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    upright = np.empty(stored.shape, stored.dtype)
    for channel in range(stored.shape[2]):  # thrice as fast as one copy of triples in a new order
        upright[..., channel] = stored[..., channel]
    return upright


def picture(name: str, planes: DecodedImage, policy: AlphaPolicy) -> Image:
    """The image of these planes. Transparency is resolved by `policy`, which may raise UnsupportedImage.

    With "worst" the picture is put on black and on white, and a pair gets the worse of its two scores. One background
    is not enough: it hides every difference in pixels of its own colour. A black shape over transparency, for example,
    vanishes on black, and its loss would score as identical.
    """
    alpha = planes.alpha
    if alpha is None or alpha.min() == PEAKS[alpha.dtype]:
        return Image(name, planes.colours, notes=planes.notes)
    if policy == "refuse":
        raise UnsupportedImage("has transparent pixels, which this call refuses: put it on a background first")
    over_black, over_white = on_black_and_white(planes.colours, alpha, planes.premultiplied)
    return Image(name, over_black, over_white, planes.notes)


def on_black_and_white(colours: Whole, alpha: Whole, premultiplied: bool = False) -> tuple[Whole, Whole]:
    """Porter and Duff's "over" (SIGGRAPH 1984), on the display values as browsers blend, rounded to the nearest.

    On black c*a/p and on white (c*a + p*(p - a))/p, p being the peak: the second is the first plus p - a exactly, so
    one rounding serves both.
    """
    peak = int(PEAKS[colours.dtype])
    weight = alpha[..., None]
    if premultiplied:
        black = np.minimum(colours, weight)  # more light than coverage is no colour
    else:
        wide = np.uint16 if colours.dtype == np.uint8 else np.uint32  # p*p + p/2 fits: 65152, 4294868992
        black = ((colours * weight.astype(wide) + wide(peak // 2)) // wide(peak)).astype(colours.dtype)
    return black, black + (colours.dtype.type(peak) - weight)


def composites(a: Image, b: Image) -> list[tuple[Pixels, Pixels]]:
    """The pixels to compare: over black, and over white too where one of the two images is transparent."""
    over_black = (a.pixels, b.pixels)
    if a.over_white is None and b.over_white is None:
        return [over_black]
    return [over_black, (_over_white(a), _over_white(b))]


def _over_white(image: Image) -> Pixels:
    return image.pixels if image.over_white is None else image.over_white
