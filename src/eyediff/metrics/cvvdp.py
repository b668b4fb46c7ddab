"""ColorVideoVDP of Mantiuk, Hanji, Ashraf, Asano and Chapiro, computed by the authors' package `cvvdp`.

ColorVideoVDP: a visual difference predictor for image, video and display distortions, ACM Transactions on Graphics
43(4), 2024. The metric models the light of a display, and how sensitive the eye is to contrast and colour at a viewing
distance. Its score is in units of just-objectionable differences (JOD). It is 10 for equal images. If the scores of two
candidates differ by 1, 75 % of people prefer the better one.

The score depends on the display. Each version of the metric is one of the standard displays of the package, so that
scores of different papers can be compared:

    standard_4k    30 inches, 3840 x 2160, 75.4 pixels per degree, 200 cd/m^2, in an office
    standard_fhd   24 inches, 1920 x 1080, 37.8 pixels per degree, 200 cd/m^2, in an office

Each pixel of an image is shown on one pixel of the display. The frames of a clip are scored as images.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from ..errors import MissingModuleError, UsageError
from ..optional import import_optional
from ..records import Numbers, Pixels
from .programs import PackageFunction

PACKAGE = "pycvvdp"
PURPOSE = "the metric cvvdp"
SMALLEST_SIDE = 2
"""Shortest side of an image, in pixels, for which the package gives a score."""


def load(display: str) -> tuple[Callable[[Pixels, Pixels], Numbers], str]:
    """Return the function that scores batches, N x H x W x 3, and a text with the versions of the packages.

    Raises
    ------
    MissingModuleError
        If the package `cvvdp` or one of its dependencies is not installed.
    UsageError
        If the package is installed, but cannot be imported.
    """
    package, torch = import_package(), import_optional("torch", PURPOSE)
    # On the CPU, a score does not depend on the machine's GPU.
    metric = package.cvvdp(display_name=display, device=torch.device("cpu"), quiet=True)

    lock = Lock()  # the object keeps what it has computed for the last size of images

    def scores(a: Pixels, b: Pixels) -> Numbers:
        with lock, torch.inference_mode():
            return np.array([score(x, y) for x, y in zip(a, b, strict=True)], np.float64)

    def score(reference: Pixels, candidate: Pixels) -> float:
        source = sys.modules[f"{PACKAGE}.video_source"].video_source_array(
            candidate, reference, 0, dim_order="HWC", display_photometry=metric.display_photometry
        )
        source.warning_shown = True  # the package would print a warning for every dark image
        return float(metric.predict_video_source(source)[0])

    return scores, f"cvvdp {version('cvvdp')} on torch {torch.__version__} cpu"


def import_package() -> Any:
    """Import the package. The package adds its own folder to Python's search path; the folder is removed again."""
    before = list(sys.path)
    try:
        package = import_optional(PACKAGE, PURPOSE)
    except MissingModuleError:
        raise
    except Exception as error:  # such as a torchvision that was built for another torch
        raise UsageError(
            f"{PURPOSE} cannot import its package ({type(error).__name__}: {error}); "
            "install versions of cvvdp, torch and torchvision that fit together"
        ) from error
    own = Path(package.__file__).parent
    sys.path[:] = [place for place in sys.path if place in before or Path(place) != own]
    return package


PROGRAMS = {
    display: PackageFunction(PACKAGE, display, load, SMALLEST_SIDE, f"on the display {display} of the package cvvdp")
    for display in ("standard_4k", "standard_fhd")
}
