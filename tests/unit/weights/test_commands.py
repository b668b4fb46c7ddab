"""The commands `eyediff weights ...`: results on standard output, messages on standard error."""

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
    """Run a command. Expected errors are raised, because the caller of the app turns them into exit code 2."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def file(tmp_path: Path, squeeze: Weights, official: Callable[..., None]) -> Path:
    """Write an official file, as a user may have downloaded it."""
    official()
    save_file(squeeze, tmp_path / "brought.safetensors")
    return tmp_path / "brought.safetensors"


def test_list_says_what_is_there_and_what_is_not(file: Path) -> None:
    """`list` prints one line for each backbone, with tabs and complete paths, so that scripts can read it."""
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
    """`add` prints only the path on standard output."""
    for said in ("added", "was in the cache already"):
        result = run("add", file)
        assert result.stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"
        assert f"SqueezeNet 1.1, official, {said}: sha256 {canonical_sha256(squeeze)}" in result.stderr


def test_add_passes_errors_on(file: Path) -> None:
    """An unknown backbone and a file of another backbone are errors."""
    with pytest.raises(UsageError, match="resnet"):
        run("add", file, "--trunk", "resnet")
    with pytest.raises(WeightsError, match="AlexNet"):
        run("add", file, "--trunk", "alex")


def test_get_fetches_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`get` downloads the weights, and then prints their path. If it may not download, it raises an error.

    After the download, it also works with EYEDIFF_OFFLINE.
    """
    with pytest.raises(MissingWeightsError):
        run("get", "squeeze")
    monkeypatch.delenv("EYEDIFF_OFFLINE")
    monkeypatch.setattr(store, "download", lambda url, to, size, sha256, progress: shutil.copy(file, to))
    assert run("get", "squeeze").stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    assert run("get", "squeeze").stdout == f"{cache_folder() / 'squeeze.safetensors'}\n"


def test_verify_exits_with_2_where_something_is_wrong(file: Path) -> None:
    """`verify` prints the complete table. It names a damaged file on standard error, and exits with 2."""
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
    """`where` prints the folders in the order of the search, including the cache, which gets the downloads."""
    lines = [line.split("\t") for line in run("where").stdout.splitlines()]
    assert [kind for kind, _ in lines] == ["package", "cache", "torch hub"]
    assert lines[1][1] == str(cache_folder())
