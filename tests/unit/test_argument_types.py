"""Tests of the types of arguments, which are checked before any work, and of closed streams of the command line."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.argument_types import check_argument_types
from eyediff.errors import ArgumentTypeError, EyediffError, UsageError

BEFORE, AFTER = (str(Path(__file__).parents[2] / "examples" / side) for side in ("before", "after"))

VALUES: tuple[object, ...] = (None, 3, 2.5, "x", b"x", True, [], [3], {}, {3}, object(), len, np.zeros(2), np.int64(3))


@check_argument_types
def sample(
    number: float = 1.0,
    count: int | None = None,
    kind: Literal["a", "b"] = "a",
    names: Sequence[str] = (),
    levels: tuple[float, float] | None = None,
    path: str | Path = "x",
    flag: bool = False,
    call: Callable[[int], None] | None = None,
    anything: Any = None,
) -> str:
    """Stand for every annotation of the public functions."""
    return "done"


GOOD: dict[str, tuple[object, ...]] = {
    "number": (1, 2.5, np.float32(1), np.int64(1)),
    "count": (None, 3, np.int64(3)),
    "kind": ("a", "b"),
    "names": (["x"], ("x", "y"), []),
    "levels": (None, (0, 1), [0, 1.5]),
    "path": ("x", Path("x")),
    "flag": (True, np.bool_(False)),
    "call": (None, len, str),
    "anything": VALUES,
}


@pytest.mark.parametrize("name", GOOD)
def test_arguments_of_every_kind(name: str) -> None:
    """Arguments of the right type are accepted, including numpy numbers and lists for tuples.

    An error names the argument.
    """
    for value in GOOD[name]:
        assert sample(**{name: value}) == "done"  # type: ignore[arg-type]
    accepted = [repr(value) for value in GOOD[name]]
    for value in VALUES:
        if repr(value) in accepted or (name, type(value)) in (("number", np.int64), ("names", list), ("path", str)):
            continue
        try:
            assert sample(**{name: value}) == "done"  # type: ignore[arg-type]
        except ArgumentTypeError as error:
            assert f"sample: {name} is " in str(error) and "expected" in str(error)
        except UsageError as error:
            assert name == "kind" and str(error) == f"kind={value!r} is not valid; expected one of 'a', 'b'"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("number", "1"),
        ("number", True),
        ("count", 1.5),
        ("kind", 3),
        ("names", "x"),
        ("names", [3]),
        ("levels", (1,)),
        ("levels", 5),
        ("path", 3),
        ("path", b"x"),
        ("flag", 1),
        ("call", 3),
    ],
)
def test_wrong_types_are_refused(name: str, value: object) -> None:
    """A value of a wrong type raises a TypeError that is also an EyediffError.

    The message states the argument, its value and the expected type.
    """
    with pytest.raises(TypeError, match=f"sample: {name} is .*; expected ") as caught:
        sample(**{name: value})  # type: ignore[arg-type]
    assert isinstance(caught.value, EyediffError)


@pytest.mark.parametrize("kind", ["c", "", "A"])
def test_a_value_that_a_literal_does_not_list_is_refused(kind: str) -> None:
    """The message has the value and the listed values."""
    with pytest.raises(UsageError, match=f"kind='{kind}' is not valid; expected one of 'a', 'b'"):
        sample(kind=kind)  # type: ignore[arg-type]


def test_arguments_that_are_missing_or_unknown() -> None:
    """The message for an unknown argument lists the parameters. The decorator keeps the signature and the docstring."""
    with pytest.raises(ArgumentTypeError, match=r"unexpected keyword argument 'nmber'.*number, count"):
        sample(nmber=3)  # type: ignore[call-arg]
    assert next(iter(inspect.signature(sample).parameters)) == "number"
    assert (sample.__doc__ or "").startswith("Stand for")


FUNCTIONS = (
    *(
        "distance",
        "compare",
        "scores",
        "explain",
        "table",
        "read_table",
        "matrix",
        "nearest",
        "duplicates",
        "diversity",
        "export",
    ),
)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_misuse_of_public_functions(name: str, value: object, tmp_path: Path) -> None:
    """Each parameter in turn gets a value of every type.

    Every exception that the function raises is an EyediffError.
    """
    function = getattr(eyediff, name)
    parameters = inspect.signature(function).parameters
    missing = str(tmp_path / "none")
    right: dict[str, object] = {"a": missing, "b": missing, "metric": "psnr", "below": 0.5}
    for tried in parameters:
        if name == "export" and tried == "path" and isinstance(value, str):
            continue  # `export` would write a file of this name
        call = {key: right.get(key, missing) for key, each in parameters.items() if each.default is each.empty}
        with pytest.raises(EyediffError):
            function(**call | {tried: value})
            raise EyediffError("it was taken")


def test_results_check_their_arguments(tmp_path: Path) -> None:
    """`table`, `scores` and the results of `table` and `explain` refuse unknown names and values of wrong types."""
    for name, level in (("gt", 0), ("one", 9)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (16, 16), (level,) * 3).save(tmp_path / name / "a.png")
    truth, folder = tmp_path / "gt", str(tmp_path / "one")
    found: Any = eyediff.table(truth, {"one": folder}, "psnr")
    assert found == eyediff.table(truth, {"one": folder}, ["psnr"])
    table: Any = eyediff.table
    calls: dict[str, Callable[[], object]] = {
        "methods is .*; expected a mapping of str to str or Path": lambda: table(truth, [folder]),
        "methods is {'one': 3}": lambda: table(truth, {"one": 3}),
        "format='docx' is not valid; expected one of 'text', 'markdown'": lambda: found.render("docx"),
        "format is 3": lambda: found.render(3),
        "no method 'two'; expected one of: one": lambda: found.mean("two", "psnr"),
        "no metric 'ssim'; expected one of: psnr": lambda: found.mean("one", "ssim"),
        "no group 'scene'": lambda: found.mean("one", "psnr", "scene"),
        "method is 3": lambda: found.mean(3, "psnr"),
    }
    for said, call in calls.items():
        with pytest.raises(EyediffError, match=said):
            call()
    gray: Any = np.full((200, 200, 3), 100, np.uint8)
    explained: Any = eyediff.explain(gray, gray + 1)
    with pytest.raises(ArgumentTypeError, match="value is 'x'"):
        explained.nearest("psnr", "x")
    scores: Any = eyediff.scores
    with pytest.raises(ArgumentTypeError, match="protocol is 3"):
        scores(gray, gray, protocol=3)


def test_two_storage_types_are_brought_to_the_wider() -> None:
    """A uint8 batch and a uint16 batch are compared in the wider type.

    Earlier, they raised an exception of another library.
    """
    dark, light = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 257 * 9, np.uint16)
    metric = eyediff.Metric("psnr")
    assert metric.distances(dark, light) == metric.distances(dark, (light // 257).astype(np.uint8))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes streams")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    """A closed stream causes no traceback, and an output file is complete.

    Rows for a closed standard output are an error.
    """
    for index, name in enumerate(("a.ppm", "b.ppm")):
        (tmp_path / name).write_bytes(b"P6 16 16 255\n" + bytes([index * 40]) * 768)
    call = f"{sys.executable} -m eyediff compare a.ppm b.ppm -m psnr"
    for more, code in (("", 2 if ">&-" in closed.replace("2>&-", "") else 0), (" -o out.csv", 0), (" -m none", 2)):
        done = subprocess.run(
            ["sh", "-c", f"{call}{more} {closed}"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert (tmp_path / "out.csv").read_text().startswith("pair,") and len((tmp_path / "out.csv").read_text()) < 300


@pytest.mark.parametrize(
    "call",
    [
        lambda: eyediff.compare("", AFTER),
        lambda: eyediff.compare(BEFORE, AFTER, mask=""),
        lambda: eyediff.compare(pairs=[("", f"{AFTER}/cat.png")]),
        lambda: eyediff.compare(BEFORE, AFTER, groups=""),
        lambda: eyediff.table(BEFORE, {"one": ""}),
        lambda: eyediff.diversity(""),
        lambda: eyediff.distance("", f"{AFTER}/cat.png"),
    ],
)
def test_an_empty_path(call: Callable[[], object]) -> None:
    """An empty path is refused. `Path("")` is the current folder, so its images would be compared."""
    with pytest.raises(UsageError, match="empty"):
        call()
