"""Embedded colour profiles: what a display that follows sRGB would show of them.

Conversion is relative colorimetric with black point compensation, as browsers and Photoshop convert by default:
colours that sRGB can show are kept as they are. For profiles of a matrix and curves all intents agree.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Pillow's mode by the profile's colour space (ICC.1:2022, table 19)."""

SAME = 1
"""Levels of 255: a profile that moves no colour further is sRGB, in one of the many forms that writers give it, and its
pixels are left as they are."""


class BrokenProfileError(ValueError):
    """The profile cannot be used."""


def to_srgb(im: Image.Image, profile: bytes) -> Image.Image:
    """An image of mode L, RGB or CMYK as RGB in sRGB. Raises BrokenProfileError."""
    if im.mode == "L" and _space(profile) == "RGB":  # gray that is stored short: three equal channels
        im = im.convert("RGB")
    transform = _transform(profile, im.mode)
    if transform is None:
        return im.convert("RGB")
    converted = transform.apply(im)
    converted.info.pop("transparency", None)
    return converted


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile of RGB or gray leaves all pixels unchanged. Raises BrokenProfileError."""
    return _transform(profile, _space(profile)) is None


def _space(profile: bytes) -> str:
    return MODES.get(profile[16:20].decode("latin-1"), "")


@lru_cache(maxsize=32)  # a folder's files share few profiles, and building a transform takes longer than applying it
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From `mode` in this profile to sRGB; None where that would change nothing. lcms2 lets threads share it."""
    space = _space(profile)
    if space not in ("", mode):
        raise BrokenProfileError(f"is for {profile[16:20].decode().strip()}, the image is {mode}")
    try:
        built = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as why:  # whatever space it claims
        raise BrokenProfileError("is unreadable") from why
    if mode == "CMYK":
        return built
    probe = _probe(mode)
    moved = np.abs(np.asarray(built.apply(probe), np.int16) - np.asarray(probe.convert("RGB"), np.int16))
    return None if moved.max() <= SAME else built


def _probe(mode: str) -> Image.Image:
    """Every gray, and for RGB a grid of 17 levels a channel besides."""
    gray = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(gray[None])
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([np.repeat(gray[:, None], 3, axis=1), grid])[None])
