"""Convert images with embedded colour profiles to sRGB, as an sRGB display would show them.

The conversion is relative colorimetric with black point compensation, which is the default of browsers and Photoshop.
Colours that sRGB can show look the same after the conversion. For a profile that consists of a matrix and curves, all
rendering intents give the same result.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
"""Mode of Pillow for each colour space of a profile (ICC.1:2022, table 19)."""

SAME = 1
"""A profile counts as sRGB if it changes no level by more than this number. Levels are 0 to 255.

Small changes are allowed because there are many variants of the sRGB profile. If a profile counts as sRGB, the pixels
are not converted.
"""


class BrokenProfileError(ValueError):
    """Exception for a colour profile that cannot be used. The message is a predicate, such as "is unreadable"."""


def to_srgb(im: Image.Image, profile: bytes) -> Image.Image:
    """Convert an image with the mode L, RGB or CMYK and a colour profile to RGB in sRGB. Raises BrokenProfileError."""
    if im.mode == "L" and _space(profile) == "RGB":  # gray stored in one channel with an RGB profile
        im = im.convert("RGB")
    transform = _transform(profile, im.mode)
    if transform is None:
        return im.convert("RGB")
    converted = transform.apply(im)
    converted.info.pop("transparency", None)
    return converted


def is_srgb(profile: bytes) -> bool:
    """Return whether a profile for RGB or gray leaves all pixels unchanged. Raises BrokenProfileError."""
    return _transform(profile, _space(profile)) is None


def _space(profile: bytes) -> str:
    return MODES.get(profile[16:20].decode("latin-1"), "")


@lru_cache(maxsize=32)  # files of a folder have few different profiles, and building a transform is slow
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from colours of `mode` with this profile to sRGB; None if the colours need no transform.

    Several threads may use the same transform.
    """
    space = _space(profile)
    if space not in ("", mode):
        raise BrokenProfileError(f"is for {profile[16:20].decode().strip()}, but the image is {mode}")
    try:
        built = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as why:  # may be raised whatever the colour space is
        raise BrokenProfileError("is unreadable") from why
    if mode == "CMYK":
        return built
    probe = _probe(mode)
    moved = np.abs(np.asarray(built.apply(probe), np.int16) - np.asarray(probe.convert("RGB"), np.int16))
    return None if moved.max() <= SAME else built


def _probe(mode: str) -> Image.Image:
    """Return an image with every gray level and, for RGB, also a grid with 17 levels for each channel."""
    gray = np.arange(256, dtype=np.uint8)
    if mode == "L":
        return Image.fromarray(gray[None])
    steps = np.linspace(0, 255, 17).round().astype(np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    return Image.fromarray(np.concatenate([np.repeat(gray[:, None], 3, axis=1), grid])[None])
