"""Reading weights files in every format, and writing them completely or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from eyediff.errors import WeightsError
from eyediff.weights import containers


def everything(name: str) -> bool:
    return True


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    """Written tensors and metadata strings are read back, and missing folders are created.

    Transposed arrays are also written correctly, although safetensors itself saves them wrongly.
    """
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.float32(2) * np.ones((), np.float32)}
    path = tmp_path / "new" / "x.safetensors"
    containers.write(path, tensors, {"note": "hello"})
    found = containers.read(path, everything)
    assert sorted(found) == ["a", "b"]
    for name, figures in tensors.items():
        np.testing.assert_array_equal(found[name], figures, strict=True)
    assert containers.metadata(path) == {"note": "hello"}
    assert [entry.name for entry in path.parent.iterdir()] == ["x.safetensors"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_what_is_written_others_may_read(tmp_path: Path) -> None:
    """A written file gets the mode of the user's umask, because several users may share a cache."""
    path = tmp_path / "x.safetensors"
    old = os.umask(0o022)
    try:
        containers.write(path, {"a": np.ones(2, np.float32)})
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full during the write, the old file stays complete, and no other file stays."""
    path = tmp_path / "x.safetensors"
    containers.write(path, {"a": np.ones(2, np.float32)})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match=r"x\.safetensors: the file cannot be written \(No space left on device\)"):
        containers.write(path, {"a": np.zeros(2, np.float32)})
    assert containers.read(path, everything)["a"].tolist() == [1, 1]
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_lies_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The written bytes are read back and compared before they replace a file."""
    monkeypatch.setattr(containers, "save", lambda tensors, strings: b"\x02" + bytes(7) + b"{}")
    with pytest.raises(WeightsError, match="the disk returned other bytes"):
        containers.write(tmp_path / "x.safetensors", {"a": np.ones(2, np.float32)})
    assert list(tmp_path.iterdir()) == []


def test_reads_the_float_types_of_safetensors(tmp_path: Path) -> None:
    """float16 is converted exactly, and float64 is rounded. Integers are refused only if they are requested."""
    kinds = (np.float16, np.float32, np.float64)
    save_file({kind.__name__: np.array([0.1], kind) for kind in kinds} | {"n": np.ones(1, np.int64)}, tmp_path / "x")
    found = containers.read(tmp_path / "x", lambda name: name != "n")
    assert {name: figures.tolist() for name, figures in found.items()} == {
        kind.__name__: [float(np.float32(kind(0.1)))] for kind in kinds
    }
    with pytest.raises(WeightsError, match="'n' has the type I64"):
        containers.read(tmp_path / "x", everything)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", r"begins with b'<!DOCTYPE html><'"),
        (b"version https://git-lfs", "begins with b'version https://'"),
        (b"PK\x03\x04", "its directory is missing"),
        (b"\x80", "damaged or cut short"),
        (b"\x80\x02K\x01.", "not from torch"),
    ],
)
def test_what_is_no_file_of_weights_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    """A web page, a Git LFS pointer and a few bytes are refused with one line that names the file."""
    path = tmp_path / "alexnet.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason) as caught:
        containers.read(path, everything)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    """A missing file, a folder and a pipe without a writer are errors at once. The program does not wait."""
    cases = {"missing": "no such file", "folder": "not a regular file"}
    (tmp_path / "folder").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        cases["pipe"] = "not a regular file"
    for name, reason in cases.items():
        with pytest.raises(WeightsError, match=f"{name}: .*{reason}"):
            containers.read(tmp_path / name, everything)
