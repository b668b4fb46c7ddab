"""Tests of optional dependencies: each has one message that names the extra in a form that every shell accepts."""

from __future__ import annotations

import ast
import importlib
import pickle
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import eyediff
from eyediff import cli
from eyediff.errors import MissingModuleError, UsageError
from eyediff.optional import EXTRAS, import_optional, is_installed, require

SOURCE = Path(eyediff.__file__).parent
ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTIONS = {
    "av": "av",
    "cv2": "opencv-python-headless",
    "fsspec": "ray[data]",
    "pycvvdp": "cvvdp",
    "ray": "ray[data]",
}


@pytest.mark.parametrize("module", EXTRAS)
def test_the_extra_brings_the_module(module: str) -> None:
    """The extra of a module installs the module, according to pyproject.toml. fsspec is a dependency of ray[data]."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    wanted = DISTRIBUTIONS.get(module, module)
    assert [line for line in extras[EXTRAS[module][1]] if line.startswith(wanted)]


@pytest.mark.parametrize("module", EXTRAS)
def test_what_is_missing(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the extra in quotes, because zsh treats brackets as a pattern."""
    monkeypatch.setitem(sys.modules, module, None)
    for refuse in (import_optional, require):
        with pytest.raises(MissingModuleError, match=r"^this needs .* not installed") as caught:
            refuse(module, "this")
        assert f"run `pip install 'eyediff[{EXTRAS[module][1]}]'`" in str(caught.value)
        assert isinstance(caught.value, UsageError) and isinstance(caught.value, ImportError)
        again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes
        assert str(again) == str(caught.value)
    assert not is_installed(module)


def test_a_package_without_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the name of the package itself if no extra contains the package."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingModuleError, match=r"run `pip install pandas`$"):
        import_optional("pandas", "to_pandas()")


def test_parquet_asks_for_pyarrow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parquet needs only the extra `parquet`, for rows and for matrices, and not the 600 MB of Ray."""
    from eyediff.output import parquet

    for name in [name for name in sys.modules if name.partition(".")[0] == "pyarrow"] or ["pyarrow"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match=r"eyediff\[parquet\]"):
        parquet.arrow()


def test_no_other_message_names_an_extra() -> None:
    """Only optional.py has strings that name an extra, so that each is stated once. Docstrings are excluded."""
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
                assert path.name == "optional.py" or "eyediff[" not in node.value, f"{path}:{node.lineno}"


def test_documents_quote_extras() -> None:
    """The documents put extras in quotes, because zsh treats an unquoted bracket as a pattern."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *SOURCE.rglob("*.py")]:
        assert not re.search(r"pip install eyediff\[", path.read_text("utf-8")), path


def test_help_keeps_brackets() -> None:
    """The help prints `[video]`, which rich would treat as markup and remove."""
    command = [sys.executable, "-m", "eyediff", "video", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"COLUMNS": "200", "PATH": ""})
    assert "pip install 'eyediff[video]'" in done.stdout


def test_every_help_text_survives() -> None:
    """The help prints every bracket in the help texts of all commands and options."""
    if cli.create_app(()).rich_markup_mode != "rich":
        pytest.skip("this typer does not take help for markup")
    from rich.text import Text

    def walk(command: object) -> None:
        for owner in (command, *command.params):  # type: ignore[attr-defined]
            if text := getattr(owner, "help", None):
                assert Text.from_markup(text).plain.replace(" ", "") == text.replace("\\[", "[").replace(" ", "")
        for child in getattr(command, "commands", {}).values():
            walk(child)

    walk(cli.create_command())


def test_import_error_of_an_installed_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An installed package that fails to load is not reported as missing."""
    (tmp_path / "av.py").write_text("raise ImportError('libfoo.so: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "av", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match="libfoo") as caught:
        import_optional("av", "this")
    assert not isinstance(caught.value, MissingModuleError)
