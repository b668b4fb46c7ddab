"""Messages are one line of what can be printed, whatever the names in them are."""

from __future__ import annotations

import ast
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import eyediff
from eyediff.cli import options
from eyediff.cli.exit_codes import spell_option
from eyediff.compat.lpips import LPIPS
from eyediff.distortions import photos
from eyediff.errors import EyediffError, Setting, UsageError
from eyediff.scoring.metric_spec import parse_metric
from eyediff.training.distillation import array_cache as store
from eyediff.training.distillation import checkpoint as saved
from eyediff.training.distillation import log
from eyediff.training.distillation import student_network as student
from eyediff.weights import containers


def of_a_log(path: Path) -> None:
    path.write_text("no log\n")
    log.open_log(path, 0)


def of_figures(path: Path) -> None:
    path.mkdir()
    (path / "plan.json").write_text(json.dumps({"of": "others"}))
    store.ArrayCache(path, {}, 1, {})


def of_a_torn_array(path: Path) -> None:
    path.mkdir()
    store.ArrayCache(path, {}, 1, {"x": (np.uint8, (2,))})
    store.ArrayCache(path, {}, 1, {"x": (np.uint8, (3,))})


CALLS: dict[str, Callable[[Path], object]] = {
    "weights that are read": lambda path: containers.read(path, lambda _: True),
    "weights that are written": lambda path: containers.write(path / path.name, {}),
    "a student": student.read_network,
    "a metric with a version": lambda path: parse_metric(f"{path.name}.safetensors@1"),
    "heads of the old package": lambda path: LPIPS(net="squeeze", pnet_rand=True, model_path=path),
    "photos": photos.find_photos,
    "a saved run": lambda path: saved.read_description(path, "recipe"),
    "a log": of_a_log,
    "figures of other settings": of_figures,
    "figures of another shape": of_a_torn_array,
    "a format": lambda path: options.format_of(None, path, {}),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_name_does_not_steer_the_terminal(what: str, tmp_path: Path) -> None:
    """Control characters in the name of a file are escaped where the message is made, once."""
    path = tmp_path / "two\nlines\x1b[31m"
    if what == "weights that are written":
        path.touch()
    with pytest.raises(EyediffError) as caught:
        CALLS[what](path)
    assert str(caught.value).isprintable() and r"two\nlines\x1b[31m" in str(caught.value)


def test_the_library_names_no_option_of_the_command_line() -> None:
    """Text in the code outside `cli` and the pytest plugin, but for docstrings: no word begins with --, or is -o."""
    source = Path(eyediff.__file__).parent
    found = []
    for path in sorted(source.rglob("*.py")):
        if path.relative_to(source).parts[0] in ("cli", "pytest"):
            continue
        nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        found += [
            f"{path.relative_to(source)}:{node.lineno}"
            for node in texts
            if id(node) not in docstrings and re.search(r"(?<![\w-])(--[a-z]|-o\b)", str(node.value))
        ]
    assert not found


def test_a_setting_is_spelled_by_who_shows_the_error() -> None:
    """The library writes it as Python does, the command line as an option; it survives a pickle."""
    error = UsageError("they differ; use ", Setting("map_format", "npy"), " or ", Setting("metrics"))
    assert str(error) == "they differ; use map_format='npy' or metrics"
    assert error.spelled(spell_option) == "they differ; use --map-format npy or --metric"
    assert pickle.loads(pickle.dumps(error)).settings == error.settings  # noqa: S301  # our own
