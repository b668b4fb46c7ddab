"""Make a picture from decoded colours and transparency."""

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

Whole: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.float32]


_PIECE = 100_000
"""Number of pixels that are blended at a time. This number of pixels fits in the cache of the processor."""

SQUARE = 8
"""Width and height of a square of the checkerboard, in pixels."""

LIGHT, DARK = 255, 204
"""Gray levels of the light and the dark squares of the checkerboard. The upper left square is light."""

_NAMED = {"black": "#000000", "white": "#ffffff"}


def check_alpha(policy: AlphaPolicy) -> AlphaPolicy:
    """Return `policy` unchanged if it is a valid policy for transparent pixels.

    Raises
    ------
    UsageError
        If the policy is not "worst", "refuse", "drop" or a background.
    """
    colour = re.fullmatch("#[0-9a-fA-F]{6}", policy)
    if policy not in ("worst", "refuse", "drop", "checkerboard", *_NAMED) and colour is None:
        raise UsageError(
            f"alpha {shown(policy)} is not a known policy; expected worst, refuse, drop, white, black, checkerboard, "
            "or a colour such as #808080"
        )
    return policy


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """The colours and the transparency of a decoded picture, before a policy for transparent pixels is applied.

    `colours` is H x W x 3 and C-contiguous. `alpha` is H x W and has the same storage type as `colours`; it is None if
    all pixels are opaque. `premultiplied` is True if the colours are multiplied by alpha. Colours of the type float32
    are the values that the file stores, and have no alpha; they are scaled later, when their range is known. `notes`
    are remarks for people.
    """

    colours: Whole
    alpha: Whole | None = None
    premultiplied: bool = False
    notes: tuple[str, ...] = ()


def alpha_of_key(stored: npt.NDArray[np.generic], key: tuple[int, ...]) -> Whole:
    """Return the alpha channel of a picture in which one stored colour, `key`, is transparent.

    Alpha is 0 for pixels of that colour, and the largest value for all other pixels.
    """
    peak = np.iinfo(stored.dtype.type).max  # type: ignore[type-var]  # always an unsigned integer type
    alpha = np.full(stored.shape[:2], peak, stored.dtype)
    channels = stored[..., None] if stored.ndim == 2 else stored
    levels = np.broadcast_to(np.array(key, stored.dtype), channels.shape[2:])
    for row, pixels in zip(alpha, channels, strict=True):
        same = pixels[:, 0] == levels[0]
        for channel in range(1, len(levels)):  # three times as fast as `np.all` over the channels
            same &= pixels[:, channel] == levels[channel]
        row[same] = 0
    return cast(Whole, alpha)


def turned(planes: DecodedImage, orientation: int) -> DecodedImage:
    """Return the picture turned upright. `orientation` is one of the eight values of EXIF 2.32 (tag 0x0112)."""
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
    for channel in range(stored.shape[2]):  # three times as fast as one copy of all channels
        upright[..., channel] = stored[..., channel]
    return upright


def picture(name: str, planes: DecodedImage, policy: AlphaPolicy) -> Image:
    """Make an image from decoded colours and transparency. `policy` decides how transparent pixels are handled.

    With "worst", the picture is put on black and on white, and a pair gets the worse of its two scores. One background
    is not enough, because it hides pixels of its own colour. For example, a black shape is invisible on a black
    background. If the candidate lacked that shape, the two images would count as identical.

    With a stated background, only that background is used, and a note says so. With "drop", the transparency is
    ignored: the stored colours of all pixels are used, as in `image[..., :3]`, and a note says so. With "refuse", a
    transparent pixel raises UnsupportedImage.
    """
    alpha = planes.alpha
    if alpha is None or alpha.min() == PEAKS[alpha.dtype]:
        return Image(name, planes.colours, notes=planes.notes)
    if policy == "drop":
        return Image(name, planes.colours, notes=(*planes.notes, "transparency dropped"))
    if policy == "refuse":
        raise UnsupportedImage(
            "the image has transparent pixels, which are refused; put the image on a background first"
        )
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
    """Return the part of a background that is visible through the transparency, rounded to the nearest level."""
    peak = int(PEAKS[alpha.dtype])
    # The largest product, peak * peak + peak // 2, fits in 32 bits for both depths (in 16 bits for depth 8).
    through = np.uint32(peak) - alpha[..., None].astype(np.uint32)
    mixed = (background.astype(np.uint32) * through + np.uint32(peak // 2)) // np.uint32(peak)
    return cast(Whole, mixed.astype(alpha.dtype))


def on_black_and_white(
    colours: Whole, alpha: Whole, premultiplied: bool = False, *, reuse: bool = False
) -> tuple[Whole, Whole]:
    """Blend a picture with black and with white ("over" of Porter and Duff, SIGGRAPH 1984).

    The values are display values, as in browsers, and are rounded to the nearest level.

    Let p be the largest value, c a colour and a its alpha. The result on black is c*a/p, and the result on white is
    (c*a + p*(p - a))/p. The second result is exactly the first plus p - a, so one rounding is enough for both. If
    `reuse` is True, the picture on black is written into `colours` if that array is writeable.
    """
    peak = int(PEAKS[colours.dtype])
    wide = np.uint16 if colours.dtype == np.uint8 else np.uint32  # the largest p*p + p/2 fits: 65152 or 4294868992
    black = colours if reuse and colours.flags.writeable else np.empty_like(colours)
    white = np.empty_like(colours)
    rows = max(1, _PIECE // colours.shape[1])  # products of a complete image would take more memory than the results
    for top in range(0, len(colours), rows):
        part = slice(top, top + rows)
        weight = alpha[part, :, None]
        if premultiplied:
            np.minimum(colours[part], weight, out=black[part])  # a premultiplied colour cannot exceed alpha
        else:
            product = colours[part] * weight.astype(wide)
            product += wide(peak // 2)
            product //= wide(peak)
            black[part] = product
        np.add(black[part], colours.dtype.type(peak) - weight, out=white[part])
    return black, white


def composites(a: Image, b: Image) -> list[tuple[Pixels, Pixels]]:
    """Return the pairs of pixel arrays to compare: both images on black and, if one is transparent, both on white."""
    over_black = (a.pixels, b.pixels)
    if a.over_white is None and b.over_white is None:
        return [over_black]
    return [over_black, (_over_white(a), _over_white(b))]


def is_one_sided(a: Image, b: Image) -> bool:
    """Return whether exactly one of two images is transparent and no background is stated.

    The opaque image was put on a background before, and the transparent image should be put on the same background.
    That background is unknown. For example, compare a render on white with a transparent ground truth: the PSNR is 3 dB
    if the ground truth is put on black, but 33 dB if the ground truth is put on white.
    """
    return (a.over_white is None) != (b.over_white is None)


def describe_one_sided(reference: Image, scores: Mapping[str, Sequence[float]]) -> str:
    """Return the reason why a pair with exactly one transparent image has no score.

    `scores` has two scores for each metric: on black and on white.
    """
    transparent, opaque = ("candidate", "reference") if reference.over_white is None else ("reference", "candidate")
    figures = "; ".join(f"{name} {black:.6g} on black, {white:.6g} on white" for name, (black, white) in scores.items())
    return (
        f"only the {transparent} is transparent, and its score depends on the background ({figures}); set alpha to the "
        f"background on which the {opaque} was put, such as white"
    )


def _over_white(image: Image) -> Pixels:
    return image.pixels if image.over_white is None else image.over_white
