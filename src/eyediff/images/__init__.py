"""Convert paths, PIL images and arrays to sRGB pixels, and give two images the same size."""

from __future__ import annotations

from .arrays import as_batch, as_image
from .frames import pair_frames
from .planes import check_alpha, composites, describe_one_sided, is_one_sided
from .ranges import Range, check_range, split_range
from .reading import content, content_sha256, has_image_content, read
from .size import check_size, common_size, fit, fit_to, only_in_one

__all__ = [
    "Range",
    "as_batch",
    "as_image",
    "check_alpha",
    "check_range",
    "check_size",
    "common_size",
    "composites",
    "content",
    "content_sha256",
    "describe_one_sided",
    "fit",
    "fit_to",
    "has_image_content",
    "is_one_sided",
    "only_in_one",
    "pair_frames",
    "read",
    "split_range",
]
