"""The folders in which weights are searched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eyediff.errors import WeightsError
from eyediff.weights import PUBLISHED, cache_folder, candidate_files, is_offline, search_folders


def test_the_order_of_the_folders(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EYEDIFF_WEIGHTS comes first, in its own order. The package, the cache and the folder of torch hub follow."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("EYEDIFF_WEIGHTS", os.pathsep.join(["", str(tmp_path / "b"), str(tmp_path / "a")]))
    assert [(place.kind, place.folder) for place in search_folders()] == [
        ("EYEDIFF_WEIGHTS", tmp_path / "b"),
        ("EYEDIFF_WEIGHTS", tmp_path / "a"),
        ("package", tmp_path / "package"),
        ("cache", home / "weights"),
        ("torch hub", tmp_path / "torch" / "hub" / "checkpoints"),
    ]


def test_defaults_are_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without EYEDIFF_HOME, the cache is in the platform's cache folder. torch's folder follows torch's rules."""
    monkeypatch.delenv("EYEDIFF_HOME")
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "weights" and "eyediff" in cache_folder().parts and cache_folder().is_absolute()
    assert search_folders()[-1].folder == tmp_path / "torch" / "hub" / "checkpoints"


def test_a_folder_that_is_none_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A typing error in EYEDIFF_WEIGHTS is an error, and does not cause a download."""
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "tpyo"))
    with pytest.raises(WeightsError, match=r"EYEDIFF_WEIGHTS is '.*tpyo', which is not a folder"):
        search_folders()


def test_files_are_found_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best name comes first, and each file is found once. Folders and files of other networks are ignored."""
    for name in (
        "alexnet_features.pth",
        "alex.safetensors",
        "alexnet-x.safetensors",
        "vgg16_bn-6c64b313.pth",
        "resnet.pth",
    ):
        (tmp_path / name).touch()
    (tmp_path / "alexnet-folder.pth").mkdir()
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path))
    found = {name: [path.name for _, path in candidate_files(entry)] for name, entry in PUBLISHED.items()}
    assert found == {
        "alex": ["alex.safetensors", "alexnet-x.safetensors", "alexnet_features.pth"],
        "vgg": [],
        "squeeze": [],
        "vgg19": [],
    }


def test_in_torch_hubs_folder_only_official_names_count(tmp_path: Path) -> None:
    """In the folder of torch hub, only official names count, because other programs write a different vgg16 there."""
    hub = tmp_path / "torch" / "hub" / "checkpoints"
    hub.mkdir(parents=True)
    for name in ("vgg16-00b39a1b.pth", "vgg16-397923af.pth"):
        (hub / name).touch()
    assert [path.name for _, path in candidate_files(PUBLISHED["vgg"])] == ["vgg16-397923af.pth"]


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("yes", True), ("", False), ("0", False), ("False", False), ("off", False)]
)
def test_offline(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any value that does not mean no forbids downloads, because an unwanted download is worse than a missing one."""
    monkeypatch.setenv("EYEDIFF_OFFLINE", value)
    assert is_offline() is expected
