"""How different do these two images look to a person?

    >>> import eyediff
    >>> round(eyediff.distance("examples/before/cat.png", "examples/after/cat.png"), 4)
    0.0446

`Metric` keeps one metric loaded for many images. `compare` takes files and folders. `eyediff.nn` has torch modules for
training; they need the extra `torch`. The public names are imported when they are first used, so `import eyediff` loads
neither onnxruntime nor torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import EyediffError
from .telemetry import disable_telemetry

if TYPE_CHECKING:
    from .comparison import Metric, Result, compare, distance, scores
    from .explanation import explain
    from .folders import diversity, duplicates, matrix, nearest
    from .method_table import MethodTable, read_table, table
    from .onnx_export import export

disable_telemetry()

__all__ = [
    "EyediffError",
    "MethodTable",
    "Metric",
    "Result",
    "__version__",
    "compare",
    "distance",
    "diversity",
    "duplicates",
    "explain",
    "export",
    "matrix",
    "nearest",
    "read_table",
    "scores",
    "table",
]

_MODULES = {
    "explain": ".explanation",
    "export": ".onnx_export",
    **dict.fromkeys(("diversity", "duplicates", "matrix", "nearest"), ".folders"),
    **dict.fromkeys(("MethodTable", "read_table", "table"), ".method_table"),
}
"""Module of each public name that is not defined in `comparison`."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_MODULES.get(name, ".comparison"), __name__), name)
    raise AttributeError(f"module 'eyediff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
