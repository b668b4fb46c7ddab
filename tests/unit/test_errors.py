"""Messages are one line of what can be printed, whatever the names in them are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eyediff.cli import options
from eyediff.compat.lpips import LPIPS
from eyediff.distortions import photos
from eyediff.errors import EyediffError
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
    store.Store(path, {}, 1, {})


def of_a_torn_array(path: Path) -> None:
    path.mkdir()
    store.Store(path, {}, 1, {"x": (np.uint8, (2,))})
    store.Store(path, {}, 1, {"x": (np.uint8, (3,))})


CALLS: dict[str, Callable[[Path], object]] = {
    "weights that are read": lambda path: containers.read(path, lambda _: True),
    "weights that are written": lambda path: containers.write(path / path.name, {}),
    "a student": student.read_network,
    "a metric with a version": lambda path: parse_metric(f"{path.name}.safetensors@1"),
    "heads of the old package": lambda path: LPIPS(net="squeeze", pnet_rand=True, model_path=path),
    "photos": photos.found,
    "a saved run": lambda path: saved.described(path, "recipe"),
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
