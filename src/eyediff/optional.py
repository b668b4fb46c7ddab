"""Optional dependencies: which extra of eyediff brings which module, and one way to import or to refuse one."""

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
    "ray": ("Ray Data", "ray"),
    "scipy": ("scipy", "eval"),
    "torch": ("torch", "torch"),
}
"""By the name of a package: its title, and the extra that brings it. A package that is not here has no extra."""


def is_installed(module: str) -> bool:
    """Return whether a module could be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # its package is missing, or is a stub
        return False


def import_optional(module: str, purpose: str) -> Any:
    """Import a module that not every installation has.

    Parameters
    ----------
    module
        Its name, such as "torch" or "pyarrow.parquet".
    purpose
        What needs it, as the subject of a sentence: "Parquet", "reading videos".

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingModuleError
        If its package is not installed. The message says what to install.
    ImportError
        If it is installed but does not load.
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
    """Raise MissingModuleError, as `import_optional` does, without importing what is there."""
    if not is_installed(module):
        package = module.partition(".")[0]
        raise MissingModuleError(_refusal(package, purpose, ""), package)
