"""Adding the weights of a backbone to the cache."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from eyediff.errors import WeightsError
from eyediff.metrics.backbones import SQUEEZE
from eyediff.weights import add, cache_folder, canonical_sha256, containers, find, load_trunk
from eyediff.weights.hashing import file_sha256

from .conftest import Declare, Weights
from .made import REFUSING, changed, convolutions, remount, whole_network


@pytest.mark.parametrize("zipped", [True, False])
def test_add_keeps_the_convolutions(tmp_path: Path, squeeze: Weights, official: Declare, zipped: bool) -> None:
    """The cache gets the convolutions as safetensors. Adding them again changes nothing. The given file stays."""
    official()
    path = whole_network(tmp_path / "any name", squeeze, zipped)
    added = add(path)
    assert (added.trunk, added.path, added.official) == ("squeeze", cache_folder() / "squeeze.safetensors", True)
    assert not added.already and added.sha256 == canonical_sha256(squeeze)
    assert list(containers.read(added.path, lambda _: True).keys()) == sorted(SQUEEZE.shapes)
    written = added.path.stat().st_mtime_ns
    assert add(path, "squeeze").already and added.path.stat().st_mtime_ns == written
    assert path.exists() and load_trunk("squeeze").source == added.path
    assert list(cache_folder().iterdir()) == [added.path]


def test_add_refuses_what_it_does_not_recognise(tmp_path: Path, squeeze: Weights, official: Declare) -> None:
    """Other networks, other backbones than the named one, and weights that are not official are refused.

    The last is also true if the weights are trusted.
    """
    official()
    path = convolutions(tmp_path / "x.safetensors", {"features.0.weight": np.ones((3, 3), np.float32)})
    with pytest.raises(
        WeightsError, match=r"x\.safetensors: .* fit none of these backbones: AlexNet, VGG16, SqueezeNet 1\.1"
    ):
        add(path)
    path = convolutions(tmp_path / "x.safetensors", squeeze)
    with pytest.raises(WeightsError, match=r"x\.safetensors: .*AlexNet"):
        add(path, "alex")
    path = convolutions(tmp_path / "x.safetensors", changed(squeeze))
    with pytest.raises(WeightsError, match="the cache accepts only official weights"):
        add(path, trust=True)
    assert not cache_folder().exists()


@pytest.mark.parametrize("state", REFUSING)
def test_add_into_a_cache_that_takes_nothing(
    tmp_path: Path,
    squeeze: Weights,
    official: Declare,
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    """If the disk is full or read-only, adding fails and leaves no file."""
    official()
    path = convolutions(tmp_path / "x.safetensors", squeeze)
    remount(small, state)
    monkeypatch.setenv("EYEDIFF_HOME", str(small))
    with pytest.raises(WeightsError, match=rf"cannot be written \({REFUSING[state]}\)"):
        add(path)
    assert not [path for path in small.rglob("*") if path.is_file()]


def test_add_replaces_a_damaged_file(tmp_path: Path, squeeze: Weights, official: Declare) -> None:
    """A truncated file in the cache is an error on loading, and `add` replaces it."""
    official()
    path = whole_network(tmp_path / "x.pth", squeeze)
    target = add(path).path
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"squeeze\.safetensors"):
        load_trunk("squeeze")
    assert not add(path).already
    assert load_trunk("squeeze").sha256 == canonical_sha256(squeeze)


class TestWithoutAKnownHash:
    """Backbones like VGG16: the hash of the official file is known, but not the hash of its convolutions.

    The tests use SqueezeNet in the place of VGG16.
    """

    @pytest.fixture
    def file(self, tmp_path: Path, squeeze: Weights, official: Declare) -> Path:
        path = whole_network(tmp_path / "official.pth", squeeze)
        official(canonical_sha256=None, sha256=file_sha256(path))
        return path

    def test_the_official_file_is_recognised(self, file: Path, squeeze: Weights) -> None:
        """The official file is recognised by its own hash. The cache then records that its weights are official."""
        assert load_trunk("squeeze", file=file).official
        assert add(file).official
        loaded = load_trunk("squeeze")
        assert loaded.official and loaded.source.parent == cache_folder()

    def test_other_files_need_the_users_word(self, file: Path, tmp_path: Path, squeeze: Weights) -> None:
        """Other weights are added only with `trust`, and are not called official. The official file replaces them."""
        path = convolutions(tmp_path / "x.safetensors", squeeze)
        with pytest.raises(WeightsError, match="if you trust the file, `eyediff weights add` accepts it") as caught:
            add(path)
        assert file_sha256(path) in str(caught.value) and file_sha256(file) in str(caught.value)
        assert not add(path, trust=True).official
        assert not load_trunk("squeeze").official
        assert add(path, trust=True).already
        assert not add(file).already
        assert load_trunk("squeeze").official
        again = add(path, trust=True)  # these weights equal the official ones, which stay in the cache
        assert again.already and again.official

    def test_a_changed_cache_is_noticed(self, file: Path, squeeze: Weights) -> None:
        """A changed file in the cache is refused, because its record has the hash of the weights that were added."""
        path = add(file).path
        save_file(changed(squeeze), path, containers.metadata(path))
        with pytest.raises(WeightsError, match=r"damaged: it has the sha256 .*, but states "):
            load_trunk("squeeze")

    @pytest.mark.parametrize("record", ["", "[]", "{", "{}", '{"file_sha256": 1}', "[" * 100_000])
    def test_a_cache_without_a_sound_record_is_not_believed(self, file: Path, squeeze: Weights, record: str) -> None:
        """A file in the cache with no valid record is refused, because a user may have put it there."""
        cache_folder().mkdir(parents=True)
        save_file(squeeze, cache_folder() / "squeeze.safetensors", {"eyediff": record})
        with pytest.raises(WeightsError, match=r"squeeze\.safetensors: .*not have the official"):
            load_trunk("squeeze")

    def test_a_record_elsewhere_is_not_believed(
        self, file: Path, tmp_path: Path, squeeze: Weights, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A record counts only in the cache, because anybody can write one."""
        record = {"canonical_sha256": canonical_sha256(squeeze), "file_sha256": file_sha256(file)}
        (tmp_path / "mine").mkdir()
        save_file(squeeze, tmp_path / "mine" / "squeeze.safetensors", {"eyediff": json.dumps(record)})
        monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
        with pytest.raises(WeightsError, match="not have the official"):
            load_trunk("squeeze")

    def test_torch_hubs_file_is_hashed_once(self, file: Path, tmp_path: Path) -> None:
        """The file of torch hub is hashed only once, because it may have half a gigabyte.

        Its convolutions are added to the cache, from which they are loaded later.
        """
        hub = tmp_path / "torch" / "hub" / "checkpoints"
        hub.mkdir(parents=True)
        shutil.copy(file, hub / "squeezenet1_1-b8a52dc0.pth")
        assert load_trunk("squeeze").source.parent == hub
        assert load_trunk("squeeze").source.parent == cache_folder()


def test_processes_that_add_at_once_do_not_break_each_other(tmp_path: Path, shared: Path) -> None:
    """While three processes add weights, this one reads only complete files. No other file is left."""
    source = shared / "weights" / "squeezenet1_1_features.pth"
    if not source.exists():
        pytest.skip(f"{source.name} is not in ../shared/weights")
    program = """
import sys
from pathlib import Path
from eyediff.weights import store, validate
source, target = map(Path, sys.argv[1:])
for _ in range(5):
    validate.write_cached(store.PUBLISHED["squeeze"], store.load_trunk("squeeze", file=source), target)
"""
    target = cache_folder() / "squeeze.safetensors"
    running = [subprocess.Popen([sys.executable, "-c", program, source, target]) for _ in range(3)]
    reads = 0
    while any(process.poll() is None for process in running):
        if find("squeeze") is not None:
            assert load_trunk("squeeze").official
            reads += 1
    assert [process.returncode for process in running] == [0, 0, 0]
    assert reads > 0 and list(cache_folder().iterdir()) == [target]
