"""Offer the names of older packages for existing scripts: `from eyediff.compat import lpips`. See docs/compat.md."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

__all__ = ["install", "uninstall"]

OLD, OURS = "lpips", f"{__name__}.lpips"

_replaced: dict[str, ModuleType] | None = None


def install() -> None:
    """Make every later `import lpips` in this process import `eyediff.compat.lpips`.

    Use this function for packages that import `lpips` themselves. Modules that have already imported `lpips` keep the
    old package. A second call does nothing. The function needs torch.

    Examples
    --------
    >>> from eyediff import compat
    >>> compat.install()
    >>> import lpips
    >>> lpips.__name__
    'eyediff.compat.lpips'
    >>> compat.uninstall()
    """
    global _replaced  # noqa: PLW0603 - one for each process, like sys.modules
    if _replaced is not None:
        return
    importlib.import_module(OURS)
    _replaced = {name: module for name, module in sys.modules.items() if _is_of(name, OLD)}
    for name in _replaced:
        del sys.modules[name]
    ours = {name: module for name, module in sys.modules.items() if _is_of(name, OURS)}
    sys.modules.update({OLD + name.removeprefix(OURS): module for name, module in ours.items()})


def uninstall() -> None:
    """Undo `install`. Later imports of `lpips` find the same modules as before `install`."""
    global _replaced  # noqa: PLW0603
    if _replaced is None:
        return
    for name in [name for name in sys.modules if _is_of(name, OLD)]:
        del sys.modules[name]
    sys.modules.update(_replaced)
    _replaced = None


def _is_of(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
