"""From paths, PIL images and arrays to sRGB pixels, and two images to one size."""

from __future__ import annotations

from .arrays import Range, as_batch, as_image
from .planes import composites
from .reading import content, read
from .size import fit, fit_to

__all__ = ["Range", "as_batch", "as_image", "composites", "content", "fit", "fit_to", "read"]
