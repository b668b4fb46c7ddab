"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import eyediff

ROOT = Path(eyediff.__file__).parent
# The example of the package itself compares files of the reader.
MODULES = sorted(
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in ROOT.rglob("*.py")
    if ">>>" in path.read_text(encoding="utf-8") and path != ROOT / "__init__.py"
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run all examples of a module in an empty folder."""
    monkeypatch.chdir(tmp_path)
    try:
        module = importlib.import_module(name)
    except (ImportError, eyediff.EyediffError) as error:  # an extra is not installed
        pytest.skip(str(error))
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed
