"""Colour and transparency as they were decoded, and the picture that is made of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, shown
from ..records import PEAKS, AlphaPolicy, Image, Pixels
from .formats import UnsupportedImage

Whole: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


_PIECE = 100_000
"""Pixels that are blended at a time: what they take stays in the processor's cache."""

SQUARE = 8
"""Side of a square of the checkerboard, in pixels."""

LIGHT, DARK = 255, 204
"""Grey levels of the checkerboard; the upper left square is light."""

_NAMED = {"black": "#000000", "white": "#ffffff"}


def check_alpha(policy: AlphaPolicy) -> AlphaPolicy:
    """Return what transparency becomes, as it was given.

    Raises
    ------
    UsageError
        If it is neither "worst" nor "refuse" nor a background.
    """
    colour = re.fullmatch("#[0-9a-fA-F]{6}", policy)
    if policy not in ("worst", "refuse", "drop", "checkerboard", *_NAMED) and colour is None:
        raise UsageError(
            f"alpha {shown(policy)}: expected worst, refuse, drop, white, black, checkerboard, or a colour such as "
            "#808080"
        )
    return policy


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
    """Return an alpha of 0 where the stored colour is the key, and the peak elsewhere."""
    peak = np.iinfo(stored.dtype.type).max  # type: ignore[type-var]  # only unsigned integers come here
    alpha = np.empty(stored.shape[:2], stored.dtype)
    for row, levels in zip(alpha, stored, strict=True):
        same = levels == np.array(key, stored.dtype)
        row[...] = peak
        row[same.all(axis=1) if stored.ndim == 3 else same] = 0
    return cast(Whole, alpha)


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
    vanishes on black, and its loss would score as identical. A stated background counts alone, and is noted. "drop"
    takes the colours as they are stored, those of transparent pixels too, as `image[..., :3]` does, and is noted.
    """
    alpha = planes.alpha
    if alpha is None or alpha.min() == PEAKS[alpha.dtype]:
        return Image(name, planes.colours, notes=planes.notes)
    if policy == "drop":
        return Image(name, planes.colours, notes=(*planes.notes, "transparency dropped"))
    if policy == "refuse":
        raise UnsupportedImage("has transparent pixels, which this call refuses: put it on a background first")
    over_black, over_white = on_black_and_white(planes.colours, alpha, planes.premultiplied, reuse=True)
    if policy == "worst":
        return Image(name, over_black, over_white, planes.notes)
    over = over_black + _share(alpha, _background(policy, alpha))
    return Image(name, over, notes=(*planes.notes, f"transparency on {policy}"))


def _background(policy: AlphaPolicy, alpha: Whole) -> Whole:
    """Return the levels of a background, H x W x 3 or 1 x 1 x 3, in the storage type of `alpha`."""
    if policy == "checkerboard":
        rows, columns = (np.arange(side) // SQUARE for side in alpha.shape)
        odd = (rows[:, None] + columns) % 2 == 1
        levels = np.where(odd, DARK, LIGHT).astype(np.uint8)[..., None].repeat(3, axis=2)
    else:
        levels = np.frombuffer(bytes.fromhex(_NAMED.get(policy, policy)[1:]), np.uint8)[None, None]
    factor = int(PEAKS[alpha.dtype]) // 255
    return cast(Whole, (levels.astype(np.uint32) * np.uint32(factor)).astype(alpha.dtype))


def _share(alpha: Whole, background: Whole) -> Whole:
    """Return what shows of a background through the transparency, rounded to the nearest level."""
    peak = int(PEAKS[alpha.dtype])
    # The largest product, peak * peak + peak // 2, fits into 32 bits for both depths; 16 bits would do for 8.
    through = np.uint32(peak) - alpha[..., None].astype(np.uint32)
    mixed = (background.astype(np.uint32) * through + np.uint32(peak // 2)) // np.uint32(peak)
    return cast(Whole, mixed.astype(alpha.dtype))


def on_black_and_white(
    colours: Whole, alpha: Whole, premultiplied: bool = False, *, reuse: bool = False
) -> tuple[Whole, Whole]:
    """Porter and Duff's "over" (SIGGRAPH 1984), on the display values as browsers blend, rounded to the nearest.

    On black c*a/p and on white (c*a + p*(p - a))/p, p being the peak: the second is the first plus p - a exactly, so
    one rounding serves both. With `reuse`, `colours` becomes the picture on black if it can be written.
    """
    peak = int(PEAKS[colours.dtype])
    wide = np.uint16 if colours.dtype == np.uint8 else np.uint32  # p*p + p/2 fits: 65152, 4294868992
    black = colours if reuse and colours.flags.writeable else np.empty_like(colours)
    white = np.empty_like(colours)
    rows = max(1, _PIECE // colours.shape[1])  # wide products of a whole image would take more memory than the results
    for top in range(0, len(colours), rows):
        part = slice(top, top + rows)
        weight = alpha[part, :, None]
        if premultiplied:
            np.minimum(colours[part], weight, out=black[part])  # more light than coverage is no colour
        else:
            product = colours[part] * weight.astype(wide)
            product += wide(peak // 2)
            product //= wide(peak)
            black[part] = product
        np.add(black[part], colours.dtype.type(peak) - weight, out=white[part])
    return black, white


def composites(a: Image, b: Image) -> list[tuple[Pixels, Pixels]]:
    """The pixels to compare: over black, and over white too where one of the two images is transparent."""
    over_black = (a.pixels, b.pixels)
    if a.over_white is None and b.over_white is None:
        return [over_black]
    return [over_black, (_over_white(a), _over_white(b))]


def is_one_sided(a: Image, b: Image) -> bool:
    """Return whether exactly one of two images is transparent, with no background stated.

    The other was put on some background already. No background can be right but that one, which is unknown: a render on
    white against a ground truth with transparency scores 3 dB on black where it scores 33 dB on white.
    """
    return (a.over_white is None) != (b.over_white is None)


def describe_one_sided(reference: Image, scores: Mapping[str, Sequence[float]]) -> str:
    """Return why such a pair has no score; `scores` are over black and over white, by metric."""
    transparent, opaque = ("candidate", "reference") if reference.over_white is None else ("reference", "candidate")
    figures = "; ".join(f"{name} {black:.6g} on black, {white:.6g} on white" for name, (black, white) in scores.items())
    return (
        f"only the {transparent} is transparent ({figures}): state the background that the {opaque} was put on, "
        "with alpha, such as white"
    )


def _over_white(image: Image) -> Pixels:
    return image.pixels if image.over_white is None else image.over_white
