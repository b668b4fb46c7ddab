"""Read 16-bit images: gray with Pillow, colours with OpenCV (extra `hdr`), because Pillow reduces them to 8 bits."""

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
    """Return 16-bit gray in three equal channels. Fewer bits are scaled, so that white becomes 65535."""
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

    OpenCV always turns a TIFF according to its tag, so the tag must say "as stored".
    """
    notes = _only_srgb(im.info.get("icc_profile"))
    stored = _decoded(without_animation(data) if im.format == "PNG" else data)
    if sorted(stored.shape[:2]) != sorted(im.size):  # Pillow may have turned the size
        raise UnsupportedImage(
            f"is damaged: its header says {im.width}x{im.height}, but its data are {stored.shape[1]}x{stored.shape[0]}"
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
    """Refuse a profile other than sRGB, because the colour management of Pillow works with 8 bits.

    Return notes about a broken profile.
    """
    try:
        if profile and not icc.is_srgb(profile):
            raise UnsupportedImage(
                "has 16 bits and a colour profile other than sRGB, which is not converted; save it in sRGB"
            )
    except icc.BrokenProfileError as why:
        return (f"its colour profile {why}, and is ignored",)
    return ()


def _decoded(data: bytes | bytearray) -> npt.NDArray[np.uint16]:
    """Decode to H x W x 3 or 4, BGR (and alpha) as stored, not turned, blended or converted.

    Raises UnsupportedImage.
    """
    cv2 = _opencv()
    with _quiet(cv2):
        try:
            found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as why:
            raise UnsupportedImage(
                f"OpenCV cannot decode it ({excerpt(why.err)}); save it as normal 16-bit PNG"
            ) from why
    if found is None:
        raise UnsupportedImage(
            "is damaged, or OpenCV cannot decode it; save it as normal 16-bit PNG, or download it again"
        )
    if found.dtype != np.uint16 or found.ndim != 3 or found.shape[2] not in (3, 4):
        raise UnsupportedImage(
            f"OpenCV decodes it as {found.dtype} {found.shape}, not as 16-bit RGB; save it as 16-bit PNG"
        )
    return cast("npt.NDArray[np.uint16]", found)


def _opencv() -> ModuleType:
    try:
        cv2: ModuleType = import_optional("cv2", "has 16 bits in several channels: reading it")
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

    The log level applies to all threads. So the first thread lowers it, and the last thread restores it.
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
