"""`eyediff weights ...`: stdout is data, stderr is talk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

from eyediff.cli.weights import app
from eyediff.errors import MissingWeightsError, UsageError, WeightsError
from eyediff.weights import cache_folder, canonical_sha256, package_files, store

from .conftest import Weights


def run(*arguments: object) -> Result:
    """The command, whose expected errors come through for the caller to turn into exit code 2."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def file(tmp_path: Path, squeeze: Weights, official: Callable[..., None]) -> Path:
    """An official file, brought by hand."""
    official()
    save_file(squeeze, tmp_path / "brought.safetensors")
    return tmp_path / "brought.safetensors"


def test_list_says_what_is_there_and_what_is_not(file: Path) -> None:
    """For scripts: a line a trunk with tabs, whole paths."""
    assert [line.split("\t")[:4] for line in run("list").stdout.splitlines()] == [
        ["alex", "AlexNet", "missing", ""],
        ["vgg", "VGG16", "missing", ""],
        ["squeeze", "SqueezeNet 1.1", "missing", ""],
        ["vgg19", "VGG19", "missing", ""],
    ]
    run("add", file)
    line = run("list").stdout.splitlines()[2].split("\t")
    assert line == ["squeeze", "SqueezeNet 1.1", "cache", str(cache_folder() / "squeeze.safetensors"), "5 MB", line[5]]
    assert line[5].startswith("BSD-3-Clause")


def test_add_prints_where_and_says_what(file: Path, squeeze: Weights) -> None:
    """The path alone on stdout."""
    for said in ("added", "was in the cache already"):
        result = run("add", file)
        assert result.stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"
        assert f"SqueezeNet 1.1, official, {said}: sha256 {canonical_sha256(squeeze)}" in result.stderr


def test_add_passes_errors_on(file: Path) -> None:
    """A trunk that there is not, a file that is another one's."""
    with pytest.raises(UsageError, match="resnet"):
        run("add", file, "--trunk", "resnet")
    with pytest.raises(WeightsError, match="AlexNet"):
        run("add", file, "--trunk", "alex")


def test_get_fetches_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it prints where the file lies; is_offline it is the error that names the ways out."""
    with pytest.raises(MissingWeightsError):
        run("get", "squeeze")
    monkeypatch.delenv("EYEDIFF_OFFLINE")
    monkeypatch.setattr(store, "download", lambda url, to, size, sha256, progress: shutil.copy(file, to))
    assert run("get", "squeeze").stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    assert run("get", "squeeze").stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"


def test_verify_exits_with_2_where_something_is_wrong(file: Path) -> None:
    """And says what on stderr, while the table is whole."""
    run("add", file)
    path = cache_folder() / "squeeze.safetensors"
    good = [f"squeeze\tcache\t{path}\tok", *(f"{one.path.stem}\tpackage\t{one.path}\tok" for one in package_files.ALL)]
    result = run("verify")
    assert (result.exit_code, result.stdout.splitlines(), result.stderr) == (0, good, "")
    path.write_bytes(path.read_bytes()[:-1])
    result = run("verify")
    assert (result.exit_code, result.stdout.splitlines()) == (2, [good[0].replace("\tok", "\twrong"), *good[1:]])
    assert str(path) in result.stderr


def test_where_prints_the_folders_in_order() -> None:
    """The cache, where downloads go, among them."""
    lines = [line.split("\t") for line in run("where").stdout.splitlines()]
    assert [kind for kind, _ in lines] == ["package", "cache", "torch hub"]
    assert lines[1][1] == str(cache_folder())
