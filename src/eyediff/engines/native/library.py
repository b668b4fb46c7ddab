"""Load the C library of the native engine, if this installation has one, and declare its functions for ctypes."""

from __future__ import annotations

import ctypes
import sys
from ctypes import POINTER, c_char_p, c_double, c_float, c_int, c_int32, c_size_t, c_ssize_t, c_void_p
from functools import cache
from pathlib import Path

from ...errors import EyediffError

FILE = Path(__file__).with_name("_native.dll" if sys.platform == "win32" else "_native.so")
"""Path of the C library, which `hatch_build.py` builds."""

INTERFACE = 2
"""Version of the C functions that this file expects. The function `eyediff_interface` returns the library's version."""

OUT_OF_MEMORY = 1


class Call(ctypes.Structure):
    """Arguments of one call of the C library: images, strides and results. Its fields are described in network.c."""

    _fields_ = (
        ("reference", c_void_p),
        ("candidate", c_void_p),
        ("image", c_ssize_t),
        ("row", c_ssize_t),
        ("column", c_ssize_t),
        ("type", c_int32),
        ("count", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("turned", c_int32),
        ("first_row", c_int32),
        ("end_row", c_int32),
        ("kept_images", c_int32),
        ("kept", POINTER(c_void_p)),
        ("terms", POINTER(c_void_p)),
        ("features", POINTER(c_void_p)),
        ("sums", c_void_p),
    )


class SimilarityCall(ctypes.Structure):
    """Arguments and results of `eyediff_similarity`. Its fields are described in engine.h."""

    _fields_ = (
        ("a", c_void_p),
        ("b", c_void_p),
        ("a_row", c_ssize_t),
        ("b_row", c_ssize_t),
        ("type", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("side", c_int32),
        ("weights", c_void_p),
        ("c1", c_float),
        ("c2", c_float),
        ("luminance", c_int32),
        ("means", c_double * 3),
        ("map", c_void_p),
    )


FUNCTIONS = {
    "eyediff_interface": (c_int, ()),
    "eyediff_variant": (c_char_p, (c_char_p,)),
    "eyediff_network_new": (c_void_p, (c_char_p, POINTER(c_float), POINTER(c_float))),
    "eyediff_network_free": (None, (c_void_p,)),
    "eyediff_network_bytes": (c_size_t, (c_void_p,)),
    "eyediff_add_convolution": (c_int, (c_void_p, *[c_int] * 6, c_void_p, c_void_p)),
    "eyediff_add_pooling": (c_int, (c_void_p, c_int, c_int, c_int)),
    "eyediff_add_tap": (c_int, (c_void_p, c_int, c_void_p)),
    "eyediff_workspace_bytes": (c_size_t, (c_void_p, c_int, c_int, c_int, c_int)),
    "eyediff_tap_sizes": (c_int, (c_void_p, POINTER(Call), POINTER(c_int32), POINTER(c_int32))),
    "eyediff_workspace_new": (c_void_p, (c_void_p, c_int)),
    "eyediff_workspace_free": (None, (c_void_p,)),
    "eyediff_run": (c_int, (c_void_p, POINTER(Call))),
    "eyediff_compare": (c_int, (c_void_p, c_int, c_void_p, c_int, c_void_p, c_int, c_int, c_int, POINTER(c_double))),
    "eyediff_enlarge": (
        c_int,
        (c_void_p, POINTER(c_void_p), POINTER(c_int32), POINTER(c_int32), c_int, c_int, c_int, c_void_p),
    ),
    "eyediff_similarity": (c_int, (c_char_p, POINTER(SimilarityCall))),
}


class NativeEngineError(EyediffError):
    """This installation has no native engine that works. The message gives the reason."""


@cache
def load_library() -> ctypes.CDLL:
    """Return the C library with its functions declared for ctypes.

    Raises
    ------
    NativeEngineError
        If the library is missing, cannot be loaded, or was built from other sources.
    """
    if not FILE.is_file():
        raise NativeEngineError("its library was not built, because there was no C compiler when eyediff was installed")
    try:
        library = ctypes.CDLL(str(FILE))
        for name, (result, arguments) in FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise NativeEngineError(f"its library cannot be loaded: {error}") from error
    if library.eyediff_interface() != INTERFACE:
        raise NativeEngineError("its library was built from other sources; install eyediff again")
    return library


def find_variant(name: str | None = None) -> str | None:
    """Return the instruction set that the native engine uses: the one called `name`, or the best one by default.

    Returns `None` if this processor or this build of the library does not have the instruction set `name`.
    """
    variant: bytes | None = load_library().eyediff_variant(None if name is None else name.encode())
    return None if variant is None else variant.decode()
