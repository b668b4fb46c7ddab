"""Import optional dependencies, and say which extra of eyediff installs a missing one."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .errors import MissingModuleError

EXTRAS = {
    "av": ("PyAV", "video"),
    "cv2": ("OpenCV", "hdr"),
    "fsspec": ("fsspec", "ray"),
    "matplotlib": ("matplotlib", "plot"),
    "onnx": ("onnx", "export"),
    "pyarrow": ("pyarrow", "parquet"),
    "pycvvdp": ("cvvdp", "cvvdp"),
    "ray": ("Ray Data", "ray"),
    "scipy": ("scipy", "eval"),
    "torch": ("torch", "torch"),
}
"""For each optional package, its title and the extra of eyediff that installs it. Other packages have no extra."""


def is_installed(module: str) -> bool:
    """Return whether a module is installed. The module is not imported."""
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # the parent package is missing or is a stub
        return False


def import_optional(module: str, purpose: str) -> Any:
    """Import a module of an optional dependency, which may not be installed.

    Parameters
    ----------
    module
        Name of the module, such as "torch" or "pyarrow.parquet".
    purpose
        Feature that needs the module. It is the subject of the error message, such as "reading videos".

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingModuleError
        If the package of the module is not installed. The message says what to install.
    ImportError
        If the module is installed, but its import fails.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None:
            raise
        missing = "" if error.name.partition(".")[0] == package else f" ({error.name} is missing)"
        raise MissingModuleError(_refusal(package, purpose, missing), error.name) from None


def _refusal(package: str, purpose: str, missing: str) -> str:
    title, extra = EXTRAS.get(package, (package, None))
    wanted = f"'eyediff[{extra}]'" if extra else package
    return f"{purpose} needs {title}, which is not installed{missing}; run `pip install {wanted}`"


def require(module: str, purpose: str) -> None:
    """Raise MissingModuleError if a module is not installed. The module is not imported."""
    if not is_installed(module):
        package = module.partition(".")[0]
        raise MissingModuleError(_refusal(package, purpose, ""), package)
