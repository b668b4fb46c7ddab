"""Read 16-bit images.

Gray images are read with Pillow. Colour images are read with OpenCV (extra `hdr`), because Pillow would reduce their
values to 8 bits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

from ..errors import MissingModuleError, excerpt
from ..fork_safe import OfProcess
from ..optional import import_optional
from . import icc
from .formats import FileInfo, UnsupportedImage
from .planes import DecodedImage, alpha_of_key
from .png import without_animation


def gray(im: PILImage.Image, about: FileInfo, profile: bytes | None) -> DecodedImage:
    """Return a 16-bit gray image as three equal channels. Values of fewer bits are scaled so that white is 65535."""
    levels: npt.NDArray[np.uint16] = np.asarray(im).astype(np.uint16)
    key = about.key if about.key is not None else im.info.get("transparency")
    alpha = None if key is None else alpha_of_key(levels, key if isinstance(key, tuple) else (key,))
    if about.bits < 16:
        most = (1 << about.bits) - 1
        levels = ((levels.astype(np.uint32) * 65535 + most // 2) // most).astype(np.uint16)
    if about.inverted:
        levels = np.uint16(65535) - levels
    return DecodedImage(np.repeat(levels[..., None], 3, axis=2), alpha, notes=_only_srgb(profile))


def colours(data: bytearray, im: PILImage.Image, about: FileInfo) -> DecodedImage:
    """Return 16-bit RGB or RGBA from the content of a file. Only the header of `im` is used.

    OpenCV always turns a TIFF according to its orientation tag, so the caller must have set this tag to "as stored".
    """
    notes = _only_srgb(im.info.get("icc_profile"))
    stored = _decoded(without_animation(data) if im.format == "PNG" else data)
    if sorted(stored.shape[:2]) != sorted(im.size):  # Pillow may have exchanged width and height
        raise UnsupportedImage(
            f"the file is damaged: its header states {im.width}x{im.height} pixels, but its data has "
            f"{stored.shape[1]}x{stored.shape[0]}; download or export the file again"
        )
    rgb = stored if stored.shape[2] == 3 else np.ascontiguousarray(stored[..., :3])
    for row in rgb:  # BGR to RGB in place, because a copy of 200 million pixels takes more than a gigabyte
        row[:, [0, 2]] = row[:, [2, 0]]
    if about.key is not None:
        return DecodedImage(rgb, alpha_of_key(rgb, about.key), notes=notes)
    if stored.shape[2] == 3 or about.alpha == "unused":
        return DecodedImage(rgb, notes=notes)
    return DecodedImage(rgb, np.ascontiguousarray(stored[..., 3]), about.alpha == "premultiplied", notes)


def _only_srgb(profile: bytes | None) -> tuple[str, ...]:
    """Refuse a colour profile other than sRGB, because Pillow converts colours only with 8 bits.

    Return a note if the profile is broken, and no note otherwise.
    """
    try:
        if profile and not icc.is_srgb(profile):
            raise UnsupportedImage(
                "the image has 16 bits and a colour profile other than sRGB, which cannot be converted; save the image "
                "in sRGB"
            )
    except icc.BrokenProfileError as why:
        return (f"the colour profile {why}, so the profile is ignored",)
    return ()


def _decoded(data: bytes | bytearray) -> npt.NDArray[np.uint16]:
    """Return the stored values of a file, H x W x 3 (BGR) or H x W x 4 (BGR and alpha).

    The values are not turned, blended or converted. Raises UnsupportedImage if OpenCV cannot decode the file.
    """
    cv2 = _opencv()
    with _quiet(cv2):
        try:
            found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as why:
            raise UnsupportedImage(
                f"OpenCV cannot decode the file ({excerpt(why.err)}); save the image as a normal 16-bit PNG"
            ) from why
    if found is None:
        raise UnsupportedImage(
            "the file is damaged, or OpenCV does not support it; save the image as a normal 16-bit PNG, or download "
            "the file again"
        )
    if found.dtype != np.uint16 or found.ndim != 3 or found.shape[2] not in (3, 4):
        raise UnsupportedImage(
            f"OpenCV decodes the file as {found.dtype} of the shape {found.shape}; expected 16-bit RGB; save the image "
            "as a 16-bit PNG"
        )
    return cast("npt.NDArray[np.uint16]", found)


def _opencv() -> ModuleType:
    try:
        cv2: ModuleType = import_optional("cv2", "reading an image with 16 bits in several channels")
    except MissingModuleError as error:  # only this image cannot be read
        raise UnsupportedImage(str(error)) from error
    return cv2


_guard = OfProcess(threading.Lock)
_inside = 0
_level = 0
_SILENT = 0  # LOG_LEVEL_SILENT, which OpenCV 4 does not name in Python


@contextmanager
def _quiet(cv2: ModuleType) -> Iterator[None]:
    """Keep OpenCV from writing to stderr, because the exception contains the error.

    The log level applies to all threads. So the level is lowered when the first thread enters, and restored when the
    last thread leaves.
    """
    global _inside, _level  # noqa: PLW0603 - they mirror a global of OpenCV
    log = getattr(cv2.utils, "logging", cv2)  # before OpenCV 5, the function is in cv2
    with _guard.value:
        if _inside == 0:
            _level = log.setLogLevel(_SILENT)
        _inside += 1
    try:
        yield
    finally:
        with _guard.value:
            _inside -= 1
            if _inside == 0:
                log.setLogLevel(_level)
