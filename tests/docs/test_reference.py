"""Tests that the references of the command line and of the Python API agree with the code."""

from __future__ import annotations

import re
from importlib.machinery import SourceFileLoader
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

from tests.unit.test_public_api import MODULES

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_line_reference_is_what_the_commands_say() -> None:
    """The page agrees with the help of the commands.

    After a change of an option, run `python scripts/make_cli_reference`.
    """
    if f"typer=={version('typer')} " not in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8"):
        pytest.skip("another typer writes its help differently")
    loader = SourceFileLoader("make_cli_reference", str(ROOT / "scripts/make_cli_reference"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    assert module.reference().splitlines() == module.PAGE.read_text(encoding="utf-8").splitlines()


def test_every_public_module_is_in_the_api_reference() -> None:
    """Each has a page, which mkdocstrings fills with what `__all__` lists."""
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs/api").glob("*.md"))
    assert set(re.findall(r"^::: (\S+)$", pages, re.M)) == set(MODULES)
