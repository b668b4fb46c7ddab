"""Tests of error messages: they are one line of printable text, whatever names they contain."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import eyediff
from eyediff import defaults, errors, folders, nn, votes
from eyediff.cli import options
from eyediff.cli.exit_codes import spell_option
from eyediff.compat.lpips import LPIPS
from eyediff.distortions import photos
from eyediff.errors import EyediffError, Setting, UsageError
from eyediff.optimize.settings import DescentSettings
from eyediff.run import ComparisonOptions
from eyediff.scoring.metric_spec import parse_metric
from eyediff.training.distillation import array_cache as store
from eyediff.training.distillation import checkpoint as saved
from eyediff.training.distillation import log
from eyediff.training.distillation import student_network as student
from eyediff.training.distillation.recipe import DistillationRecipe
from eyediff.training.ranking.data import read_votes
from eyediff.training.ranking.train_config import TrainConfig
from eyediff.votes.simulate import SimulationSettings
from eyediff.weights import containers

BLACK = np.zeros((8, 8, 3), np.uint8)


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
    """Control characters in a file name are escaped exactly once, where the message is created."""
    path = tmp_path / "two\nlines\x1b[31m"
    if what == "weights that are written":
        path.touch()
    with pytest.raises(EyediffError) as caught:
        CALLS[what](path)
    assert str(caught.value).isprintable() and r"two\nlines\x1b[31m" in str(caught.value)


def test_the_library_names_no_option_of_the_command_line() -> None:
    """Outside `cli` and the pytest plugin, no word in a string of the code starts with -- or is -o.

    Docstrings are excluded.
    """
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
    """The library writes a setting as a Python argument, and the command line writes an option.

    A pickle keeps the setting.
    """
    error = UsageError("they differ; use ", Setting("map_format", "npy"), " or ", Setting("metrics"))
    assert str(error) == "they differ; use map_format='npy' or metrics"
    assert error.spelled(spell_option) == "they differ; use --map-format npy or --metric"
    assert pickle.loads(pickle.dumps(error)).settings == error.settings  # noqa: S301  # our own


@pytest.mark.parametrize("count", [0, -1])
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("threads", lambda count: eyediff.Metric("ssim", threads=count)),
        ("threads", lambda count: eyediff.Metric("psnr", threads=count)),
        ("workers", lambda count: eyediff.compare("a", "b", "psnr", workers=count)),
        ("workers", lambda count: folders.prepare("lpips", "refuse", "cpu", count)),
        ("workers", lambda count: votes.find_problems("a", "2afc", workers=count)),
        ("max_pixels", lambda count: eyediff.compare("a", "b", "psnr", max_pixels=count)),
        ("k", lambda count: eyediff.nearest("a", "b", count)),
        ("batch", lambda count: TrainConfig(batch=count)),
        ("batch", lambda count: DistillationRecipe(batch=count)),
    ],
)
def test_a_number_of_threads_or_images_is_at_least_1(name: str, call: Callable[[int], object], count: int) -> None:
    """One rule for all numbers of threads, workers and images. Before, some calls used the default for 0."""
    with pytest.raises(UsageError, match=f"^{name}={count} is too small; expected at least 1$") as caught:
        call(count)
    assert caught.value.spelled(spell_option).startswith(f"{'-' if name == 'k' else '--'}{name.replace('_', '-')} ")


def test_no_number_of_threads_means_the_default() -> None:
    assert eyediff.Metric("lpips", threads=None).smallest > 1
    assert ComparisonOptions().loader().workers == defaults.workers()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), -0.5])
@pytest.mark.parametrize(
    "call",
    [
        lambda value: DistillationRecipe(minutes=value),
        lambda value: DistillationRecipe(rate=value),
        lambda value: TrainConfig(rate=value),
        lambda value: TrainConfig(dropout=value),
        lambda value: DescentSettings(rate=value),
        lambda value: read_votes(Path("votes.csv"), value, 0),
        lambda value: folders.duplicates(".", value),
        lambda value: SimulationSettings(noise=value).check(),
    ],
)
def test_settings_refuse_numbers_that_are_not_finite(call: Callable[[float], object], value: float) -> None:
    """NaN, infinity and numbers below the range are refused before any work, and the message has the number."""
    with pytest.raises(UsageError, match=f"{value:g}.*expected"):
        call(value)


@pytest.mark.parametrize("memory", [0, -1, "1MB", "9" * 400 + "GB"])
def test_a_memory_limit_that_is_no_limit_is_refused(memory: int | str) -> None:
    with pytest.raises(UsageError, match=r"a memory limit of .* is too low|is not an amount of memory"):
        eyediff.Metric("ssim", memory=memory)


@pytest.mark.parametrize(
    ("call", "kinds"),
    [
        (lambda: eyediff.distance(BLACK, 3, "psnr"), (errors.ArgumentTypeError, TypeError)),
        (lambda: eyediff.distance(BLACK, BLACK, "nothing"), (UsageError, ValueError)),
        (lambda: eyediff.distance(BLACK, BLACK[1:], "psnr"), (errors.SizeError, ValueError)),
        (lambda: nn.LPIPS("nothing"), (UsageError, ValueError)),
        (lambda: nn.SSIM()(np.zeros((1, 3, 16, 16)), torch.zeros(1, 3, 16, 16)), (errors.ArgumentTypeError, TypeError)),
        (lambda: nn.SSIM()(torch.zeros(1, 2, 16, 16), torch.zeros(1, 2, 16, 16)), (errors.RangeError, ValueError)),
        (lambda: LPIPS(net="nothing"), (UsageError, ValueError)),
    ],
)
def test_a_wrong_argument_is_what_callers_catch(call: Callable[[], object], kinds: tuple[type[Exception], ...]) -> None:
    """A wrong value raises a ValueError and a wrong type raises a TypeError, as in Python and other libraries."""
    for kind in (*kinds, EyediffError):
        with pytest.raises(kind):
            call()


def every_error(kind: type[errors.EyediffError] = errors.EyediffError) -> Iterator[type[errors.EyediffError]]:
    """Yield a class of errors and all classes that derive from it."""
    yield kind
    for each in kind.__subclasses__():
        yield from every_error(each)


@pytest.mark.parametrize("kind", sorted(set(every_error()), key=lambda kind: kind.__name__))
def test_every_error_reaches_another_process(kind: type[errors.EyediffError]) -> None:
    """A copy has the message and the attributes. In an earlier version, TooSmallError made a pool of processes hang."""
    error = kind.__new__(kind, "too small; use ", errors.Setting("size", "resize"))
    error.__dict__["smallest"] = 11
    for copied in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):  # noqa: S301
        assert (type(copied), str(copied), copied.settings) == (kind, str(error), error.settings)
        assert copied.smallest == 11


def test_an_error_of_a_small_image_keeps_its_sizes() -> None:
    """The error can be raised again by the receiving process."""
    error = pickle.loads(pickle.dumps(errors.TooSmallError("ssim", 11, 5, 9)))  # noqa: S301
    assert (error.metric, error.smallest, error.width, error.height) == ("ssim", 11, 5, 9)
    assert "5x9" in str(error)
