"""From paths, PIL images and arrays to sRGB pixels, and two images to one size."""

from __future__ import annotations

from .arrays import Range, as_batch, as_image
from .planes import check_alpha, composites, describe_one_sided, is_one_sided
from .reading import content, read
from .size import fit, fit_to

__all__ = [
    "Range",
    "as_batch",
    "as_image",
    "check_alpha",
    "composites",
    "content",
    "describe_one_sided",
    "fit",
    "fit_to",
    "is_one_sided",
    "read",
]
