"""Test of the public API against a file, so that a diff shows every change of a name or a signature.

`python -m tests.unit.test_public_api` writes the file again.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("public_api.txt")
MODULES = (
    "eyediff",
    "eyediff.errors",
    "eyediff.nn",
    "eyediff.compat",
    "eyediff.compat.lpips",
    "eyediff.ray",
    "eyediff.metrics.programs",
    "eyediff.protocols",
)


def describe(name: str) -> Iterator[str]:
    """Yield the public names of a module, with signatures of functions, classes and their methods."""
    module = importlib.import_module(name)
    public = getattr(module, "__all__", None) or [
        key for key, value in vars(module).items() if not key.startswith("_") and inspect.getmodule(value) is module
    ]
    for key in sorted(public):
        value = getattr(module, key)
        if not callable(value) or not hasattr(value, "__module__"):
            yield f"{name}.{key}"
            continue
        yield f"{name}.{key}{signature(value)}"
        if inspect.isclass(value) and value.__module__.startswith("eyediff"):
            for method, function in sorted(vars(value).items()):
                if method.startswith("_"):
                    continue
                if isinstance(function, property):
                    yield f"{name}.{key}.{method}"
                elif callable(getattr(value, method)):
                    yield f"{name}.{key}.{method}{signature(getattr(value, method))}"


def signature(function: object) -> str:
    """Return the parameter names of a callable and mark those with a default. Types and values are left out."""
    try:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""
    names, keyword_only = [], False
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            names.append("*")
        if parameter.kind is parameter.VAR_POSITIONAL:
            keyword_only = True
        star = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        optional = "=" if parameter.default is not parameter.empty else ""
        names.append(f"{star}{parameter.name}{optional}")
    return f"({', '.join(names)})"


def listing() -> str:
    """Return one line for each public name."""
    return "".join(f"{line}\n" for name in MODULES for line in describe(name))


def test_the_public_api_is_what_the_file_lists() -> None:
    """The file lists the public API.

    After an intended change, run `python -m tests.unit.test_public_api` and add a line to CHANGELOG.md.
    """
    pytest.importorskip("torch")
    assert listing().splitlines() == LIST.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "name", ["eyediff", "eyediff.nn", "eyediff.ray", "eyediff.images", "eyediff.weights", "eyediff.votes"]
)
def test_all_names_what_is_there(name: str) -> None:
    """Every name of `__all__` can be imported."""
    if name == "eyediff.nn":
        pytest.importorskip("torch")
    module = importlib.import_module(name)
    assert module.__all__ and all(hasattr(module, key) for key in module.__all__)


if __name__ == "__main__":
    LIST.write_text(listing(), encoding="utf-8")
    sys.stdout.write(f"{LIST}: {len(listing().splitlines())} names\n")
