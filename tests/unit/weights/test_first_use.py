"""Weights that are downloaded when they are used for the first time."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from eyediff.errors import FetchError, MissingWeightsError
from eyediff.weights import cache_folder, canonical_sha256, load_trunk, store

from .conftest import Declare, Weights
from .made import REFUSING, remount, whole_network


class TestFetching:
    """Downloads on first use. A copy of a local file replaces each download."""

    @pytest.fixture
    def origin(self, tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch) -> Path:
        official()
        monkeypatch.delenv("EYEDIFF_OFFLINE")
        path = whole_network(tmp_path / "origin.pth", squeeze)
        monkeypatch.setattr(store, "download", lambda url, to, size, sha256, progress: shutil.copy(path, to))
        return path

    def test_only_the_convolutions_stay(self, origin: Path, squeeze: Weights) -> None:
        """The first use downloads the weights, and the second use finds them. The cache has no other file."""
        loaded = load_trunk("squeeze")
        assert loaded.official and loaded.source == cache_folder() / "squeeze.safetensors"
        assert list(cache_folder().iterdir()) == [loaded.source]
        origin.unlink()
        assert load_trunk("squeeze").sha256 == canonical_sha256(squeeze)

    def test_offline_never_fetches(self, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With EYEDIFF_OFFLINE, nothing is downloaded, and the cache folder is not created."""
        monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
        with pytest.raises(MissingWeightsError):
            load_trunk("squeeze")
        assert not cache_folder().exists()

    def test_a_failed_download_says_what_to_do(self, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """If a download fails, one line gives the reason and the alternatives. No file is left."""

        def fail(*_: object, **__: object) -> None:
            raise FetchError("cannot fetch https://x (no route)")

        monkeypatch.setattr(store, "download", fail)
        with pytest.raises(
            FetchError, match=r"SqueezeNet 1\.1 .*no route.*`eyediff weights add FILE`.*EYEDIFF_WEIGHTS"
        ):
            load_trunk("squeeze")
        assert list(cache_folder().iterdir()) == []

    def test_a_cache_that_cannot_be_made_is_named(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """If the cache folder cannot be created, the error says how to choose another one."""
        (tmp_path / "file").touch()
        monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path / "file"))
        with pytest.raises(FetchError, match=r"cannot be written .*EYEDIFF_HOME"):
            load_trunk("squeeze")

    @pytest.mark.parametrize(("state", "why"), REFUSING.items())
    def test_a_cache_that_takes_nothing_is_named(
        self, origin: Path, small: Path, monkeypatch: pytest.MonkeyPatch, state: str, why: str
    ) -> None:
        """If the disk is full or read-only, the error names the reason, and no file is left."""
        remount(small, state)
        monkeypatch.setenv("EYEDIFF_HOME", str(small))
        with pytest.raises(FetchError, match=rf"cannot be written \({why}\); set EYEDIFF_HOME"):
            load_trunk("squeeze")
        assert not [path for path in small.rglob("*") if path.is_file()]

    def test_what_a_killed_download_left_is_swept_away(self, origin: Path) -> None:
        """Files of a killed download are removed after a day. The download of younger files may still run."""
        for name, age in (("old", store.STALE + 60), ("young", 0)):
            left = cache_folder() / f".fetch-{name}"
            left.mkdir(parents=True)
            (left / "squeezenet1_1-b8a52dc0.pth").touch()
            os.utime(left, (time.time() - age,) * 2)
        load_trunk("squeeze")
        assert sorted(path.name for path in cache_folder().iterdir()) == [".fetch-young", "squeeze.safetensors"]
