"""Tests of docstrings: examples run, and docstrings of the public API name every parameter."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
DOCUMENTED = ("eyediff", "eyediff.nn")
"""Public modules whose docstrings are complete."""


def modules_with_examples() -> list[str]:
    """Return the modules with an example in a docstring. The modules are read and not imported."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
        if any(isinstance(node, kinds) and ">>> " in (ast.get_docstring(node) or "") for node in nodes):
            found.append(".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"))
    return found


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example prints the text in its docstring. It runs in the root of the repository."""
    if name.startswith(("eyediff.nn", "eyediff.compat", "eyediff.optimize")):
        pytest.importorskip("torch")
    if name.startswith("eyediff.ray"):
        pytest.importorskip("ray.data")
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted and not result.failed


def documented() -> Iterator[tuple[str, str, list[str]]]:
    """Yield name, docstring and parameters of every public function, class and method."""
    for module in map(importlib.import_module, DOCUMENTED if find_spec("torch") else DOCUMENTED[:1]):
        for key in module.__all__:
            value = getattr(module, key)
            methods = vars(value).items() if inspect.isclass(value) else ()
            functions = [(key, value), *((f"{key}.{name}", it) for name, it in methods if not name.startswith("_"))]
            for name, function in functions:
                if inspect.isfunction(function) or (inspect.isclass(function) and "__init__" in vars(function)):
                    parameters = [name for name in inspect.signature(function).parameters if name != "self"]
                    yield name, inspect.getdoc(function) or "", parameters


@pytest.mark.parametrize(("name", "text", "parameters"), list(documented()), ids=lambda value: str(value)[:30])
def test_public_docstrings_name_every_parameter(name: str, text: str, parameters: list[str]) -> None:
    """The section Parameters names every parameter. For the fields of a dataclass, the section is Attributes."""
    section = re.search(r"^(?:Parameters|Attributes)\n-+\n(.*?)(?:\n\n\w+\n---|\Z)", text, re.M | re.S)
    stated = re.findall(r"^([*\w][\w, *]*)(?: : .*)?$", section[1], re.M) if section else []
    assert {part.strip(" *") for line in stated for part in line.split(",")} >= set(parameters), name
