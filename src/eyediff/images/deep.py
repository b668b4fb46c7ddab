"""16 bits in several channels, through OpenCV (the extra `hdr`): Pillow would cut them to 8."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import numpy.typing as npt

from ..forks import OfProcess
from .formats import Refused


def decode(data: bytes) -> npt.NDArray[np.uint16]:
    """H x W x 3 or 4, RGB (and alpha) as stored: neither turned nor blended nor converted. Raises Refused."""
    cv2 = _opencv()
    with _quiet(cv2):
        try:
            found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as why:
            raise Refused(f"OpenCV cannot decode it ({why.err}): save it as plain 16-bit PNG") from why
    if found is None:
        raise Refused("damaged, or not decoded by OpenCV: save it as plain 16-bit PNG, or fetch it again")
    if found.dtype != np.uint16 or found.ndim != 3 or found.shape[2] not in (3, 4):
        raise Refused(f"OpenCV decodes it as {found.dtype} {found.shape}, not as 16-bit RGB: save it as 16-bit PNG")
    return np.ascontiguousarray(found[..., [2, 1, 0, 3][: found.shape[2]]])


def _opencv() -> ModuleType:
    try:
        import cv2  # noqa: PLC0415 - an extra, and heavy: only who has deep files pays for it
    except ImportError as why:
        raise Refused("has 16 bits in several channels, which takes OpenCV: pip install 'eyediff[hdr]'") from why
    return cv2


_guard = OfProcess(threading.Lock)
_inside = 0
_level = 0


@contextmanager
def _quiet(cv2: ModuleType) -> Iterator[None]:
    """Keep OpenCV from writing to stderr: what is wrong is in the exception.

    Its log level is one for all threads, so the first one in turns it down and the last one out restores it.
    """
    global _inside, _level  # noqa: PLW0603 - they mirror a global of OpenCV
    log = cv2.utils.logging
    with _guard.value:
        if _inside == 0:
            _level = log.setLogLevel(log.LOG_LEVEL_SILENT)
        _inside += 1
    try:
        yield
    finally:
        with _guard.value:
            _inside -= 1
            if _inside == 0:
                log.setLogLevel(_level)
