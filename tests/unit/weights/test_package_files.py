"""The weights files of the package, and the record of their hashes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import WeightsError
from eyediff.metrics.backbones import trunk
from eyediff.weights import cache_folder, containers, hash_cache, load_trunk, package_files, search_path
from eyediff.weights.hashing import canonical_sha256


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the real folder of the package, which is hidden from the other tests of this folder."""
    monkeypatch.setattr(search_path, "PACKAGE", package_files.PACKAGE)


@pytest.mark.parametrize("backbone", ["alex", "squeeze"])
@pytest.mark.usefixtures("package")
def test_no_download_is_needed(backbone: str) -> None:
    """Without internet and with an empty cache, the tensors are exactly those of the catalogue's hash."""
    loaded = load_trunk(backbone)
    assert loaded.official and loaded.source.parent == package_files.PACKAGE
    assert {name: tensor.shape for name, tensor in loaded.parameters.items()} == trunk(backbone).shapes
    assert canonical_sha256(loaded.parameters) == loaded.sha256


@pytest.mark.parametrize("shipped", package_files.ALL, ids=lambda shipped: shipped.name)
def test_mapped_tensors_equal_those_that_safetensors_reads(shipped: package_files.PackageFile) -> None:
    mapped, read = shipped.read(), containers.read(shipped.path, lambda _: True)
    assert mapped.keys() == read.keys()
    for name, tensor in read.items():
        np.testing.assert_array_equal(mapped[name], tensor, strict=True)
        assert not mapped[name].flags.writeable


def test_a_folder_of_the_users_comes_before_the_package(
    package: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    containers.write(tmp_path / "alex.safetensors", load_trunk("alex").parameters)
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path))
    assert load_trunk("alex").source.parent == tmp_path


def test_a_file_is_hashed_once_until_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"1")
    computed = []

    def hash_of() -> str:
        computed.append(file.read_bytes())
        return f"hash {len(computed)}"

    assert [hash_cache.cached_hash("test", [file], hash_of) for _ in range(2)] == ["hash 1"] * 2
    assert hash_cache.cached_hash("another purpose", [file], hash_of) == "hash 2"
    file.write_bytes(b"22")
    assert hash_cache.cached_hash("test", [file], hash_of) == "hash 3"


@pytest.mark.parametrize("record", ["", "[]", "{", '{"test": 1}', "[" * 100_000, json.dumps({"test: x": {"files": 1}})])
def test_a_damaged_record_is_written_anew(tmp_path: Path, record: str) -> None:
    file = tmp_path / "x"
    file.touch()
    cache_folder().parent.mkdir(parents=True)
    (cache_folder().parent / "hashes.json").write_text(record)
    assert hash_cache.cached_hash("test", [file], lambda: "right") == "right"
    assert hash_cache.cached_hash("test", [file], lambda: "not computed again") == "right"


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path / "file"))
    assert [hash_cache.cached_hash("test", [tmp_path / "file"], lambda: "right") for _ in range(2)] == ["right"] * 2


@pytest.mark.parametrize("change", ["missing", "cut", "header", "bit"])
def test_a_damaged_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    content = bytearray(package_files.MINI.path.read_bytes())
    monkeypatch.setattr(package_files, "PACKAGE", tmp_path)
    if change == "header":
        content[8:12] = b"oops"
    elif change == "bit":
        content[-1] ^= 1
    if change != "missing":
        (tmp_path / "mini.safetensors").write_bytes(content[: 100 if change == "cut" else None])
    with pytest.raises(WeightsError, match="install eyediff again"):
        package_files.MINI.read()
