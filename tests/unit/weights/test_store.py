"""A trunk's weights: found, checked, kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from eyediff.errors import FetchError, MissingWeightsError, UsageError, WeightsError
from eyediff.trunks import SQUEEZE
from eyediff.weights import add, cache, canonical_sha256, containers, find, load_trunk, store, verify
from eyediff.weights.hashing import file_sha256

from .conftest import Weights

Declare = Callable[..., None]


def whole_network(path: Path, weights: Weights, zipped: bool = True) -> Path:
    """What torchvision would save: the convolutions and what classifies."""
    state = {name: torch.from_numpy(figures) for name, figures in weights.items()}
    state["classifier.1.weight"] = torch.zeros(10, 512, 1, 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    return path


def convolutions(path: Path, weights: Weights) -> Path:
    """The same without."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def changed(weights: Weights) -> Weights:
    """One figure differs."""
    name = next(iter(weights))
    return {**weights, name: weights[name] + np.eye(1, *weights[name].shape[-1:], dtype=np.float32)}


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
def test_a_file_in_any_container_is_the_trunk(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    """Found in EYEDIFF_WEIGHTS by its name, recognised by content; parameters in the trunk's order, nothing else."""
    official()
    if container == "safetensors":
        path = convolutions(tmp_path / "mine" / "squeezenet1_1.safetensors", squeeze)
    else:
        path = whole_network(tmp_path / "mine" / "squeezenet1_1-b8a52dc0.pth", squeeze, zipped=container == "zip")
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
    loaded = load_trunk("squeeze")
    assert loaded.source == path and loaded.official
    assert loaded.sha256 == canonical_sha256(squeeze)
    assert {name: figures.shape for name, figures in loaded.parameters.items()} == SQUEEZE.shapes
    assert list(loaded.parameters) == list(SQUEEZE.shapes)
    for name, figures in squeeze.items():
        np.testing.assert_array_equal(loaded.parameters[name], figures, strict=True)


def test_folders_of_the_users_come_first(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EYEDIFF_WEIGHTS before the cache, the cache before torch hub's folder."""
    official()
    places = [tmp_path / "mine", cache(), tmp_path / "torch" / "hub" / "checkpoints"]
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(places[0]))
    for folder in places:
        whole_network(folder / "squeezenet1_1-b8a52dc0.pth", squeeze)
    for folder in places:
        assert load_trunk("squeeze").source.parent == folder
        (folder / "squeezenet1_1-b8a52dc0.pth").unlink()


def test_other_content_under_the_right_name_is_an_error(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never passed over for the good file in the next folder: the error names the file and both hashes."""
    official()
    path = convolutions(tmp_path / "mine" / "squeeze.safetensors", changed(squeeze))
    whole_network(cache() / "squeezenet1_1-b8a52dc0.pth", squeeze)
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
    with pytest.raises(WeightsError, match="not the official weights of SqueezeNet") as caught:
        load_trunk("squeeze")
    for fact in (str(path), canonical_sha256(squeeze), canonical_sha256(changed(squeeze))):
        assert fact in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not load_trunk("squeeze", trust=True).official


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: {name: w[name] for name in list(w)[1:]}, "lacks features.0.weight"),
        (lambda w: {**w, "features.99.weight": w["features.0.bias"]}, "features.99.weight"),
        (lambda w: {**w, "features.0.bias": w["features.0.bias"][1:]}, r"features.0.bias is \(63,\), expected \(64,\)"),
        (lambda w: {**w, "features.0.bias": w["features.0.bias"] * np.float32(np.nan)}, "not finite"),
    ],
)
def test_names_shapes_and_figures_are_checked_strictly(
    tmp_path: Path, squeeze: Weights, change: Callable[[Weights], Weights], reason: str
) -> None:
    """Trusted or not: a name that is missing, one too many, a shape, a figure that is not finite."""
    path = convolutions(tmp_path / "own.safetensors", change(squeeze))
    with pytest.raises(WeightsError, match=reason) as caught:
        load_trunk("squeeze", file=path, trust=True)
    assert str(caught.value).startswith(f"{path}: ")


def test_weights_of_your_own_need_your_word(tmp_path: Path, squeeze: Weights) -> None:
    """A file that is named is used as it is when trusted; else it must be the official one."""
    path = convolutions(tmp_path / "own.safetensors", squeeze)
    with pytest.raises(
        WeightsError, match=r"own\.safetensors: not the official .* trust=True takes weights of your own"
    ):
        load_trunk("squeeze", file=path)
    loaded = load_trunk("squeeze", file=path, trust=True)
    assert (loaded.official, loaded.source, loaded.sha256) == (False, path, canonical_sha256(squeeze))


def test_missing_weights_name_the_three_ways_out() -> None:
    """Offline and nowhere: fetch, add by hand from the official url, or a folder of weights."""
    with pytest.raises(MissingWeightsError) as caught:
        load_trunk("alex")
    message = str(caught.value)
    assert "\n" not in message and "EYEDIFF_OFFLINE" in message
    for way in ("eyediff weights get alex", "eyediff weights add FILE", "EYEDIFF_WEIGHTS", "alexnet-owt-7be5be79.pth"):
        assert way in message


def test_no_trunk_of_that_name(tmp_path: Path) -> None:
    """The call is wrong, not the weights."""
    with pytest.raises(UsageError, match="alex, vgg, squeeze"):
        load_trunk("resnet")


@pytest.mark.parametrize("zipped", [True, False])
def test_add_keeps_the_convolutions(tmp_path: Path, squeeze: Weights, official: Declare, zipped: bool) -> None:
    """As safetensors in the cache; a second time there is nothing to do; the file that was given is left alone."""
    official()
    path = whole_network(tmp_path / "any name", squeeze, zipped)
    added = add(path)
    assert (added.trunk, added.path, added.official) == ("squeeze", cache() / "squeeze.safetensors", True)
    assert not added.already and added.sha256 == canonical_sha256(squeeze)
    assert list(containers.read(added.path, lambda _: True).keys()) == sorted(SQUEEZE.shapes)
    written = added.path.stat().st_mtime_ns
    assert add(path, "squeeze").already and added.path.stat().st_mtime_ns == written
    assert path.exists() and load_trunk("squeeze").source == added.path
    assert list(cache().iterdir()) == [added.path]


def test_add_refuses_what_it_does_not_recognise(tmp_path: Path, squeeze: Weights, official: Declare) -> None:
    """Another network, another trunk than was said, weights that are not official even on the user's word."""
    official()
    path = convolutions(tmp_path / "x.safetensors", {"features.0.weight": np.ones((3, 3), np.float32)})
    with pytest.raises(WeightsError, match=r"x\.safetensors: .* fit none of AlexNet, VGG16, SqueezeNet 1\.1"):
        add(path)
    path = convolutions(tmp_path / "x.safetensors", squeeze)
    with pytest.raises(WeightsError, match=r"x\.safetensors: not AlexNet"):
        add(path, "alex")
    path = convolutions(tmp_path / "x.safetensors", changed(squeeze))
    with pytest.raises(WeightsError, match="the cache takes no other"):
        add(path, trust=True)
    assert not cache().exists()


def test_add_replaces_a_damaged_file(tmp_path: Path, squeeze: Weights, official: Declare) -> None:
    """A torn file in the cache is an error on loading, and `add` heals it."""
    official()
    path = whole_network(tmp_path / "x.pth", squeeze)
    target = add(path).path
    target.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"squeeze\.safetensors"):
        load_trunk("squeeze")
    assert not add(path).already
    assert load_trunk("squeeze").sha256 == canonical_sha256(squeeze)


class TestWithoutAKnownHash:
    """VGG16's case, played by SqueezeNet: the official file is recognised, its convolutions alone are not."""

    @pytest.fixture
    def file(self, tmp_path: Path, squeeze: Weights, official: Declare) -> Path:
        path = whole_network(tmp_path / "official.pth", squeeze)
        official(canonical_sha256=None, sha256=file_sha256(path))
        return path

    def test_the_official_file_is_recognised(self, file: Path, squeeze: Weights) -> None:
        """By its own hash; the cache then remembers what it kept."""
        assert load_trunk("squeeze", file=file).official
        assert add(file).official
        loaded = load_trunk("squeeze")
        assert loaded.official and loaded.source.parent == cache()

    def test_other_files_need_the_users_word(self, file: Path, tmp_path: Path, squeeze: Weights) -> None:
        """Given once, on adding; what was taken on it is not called official. The official file then replaces it."""
        path = convolutions(tmp_path / "x.safetensors", squeeze)
        with pytest.raises(WeightsError, match="--trust") as caught:
            add(path)
        assert file_sha256(path) in str(caught.value) and file_sha256(file) in str(caught.value)
        assert not add(path, trust=True).official
        assert not load_trunk("squeeze").official
        assert add(path, trust=True).already
        assert not add(file).already
        assert load_trunk("squeeze").official
        again = add(path, trust=True)  # equal to the official ones, which stay
        assert again.already and again.official

    def test_a_changed_cache_is_noticed(self, file: Path, squeeze: Weights) -> None:
        """The record holds the hash of what was kept."""
        path = add(file).path
        save_file(changed(squeeze), path, containers.metadata(path))
        with pytest.raises(WeightsError, match=r"damaged, with sha256 .* recorded"):
            load_trunk("squeeze")

    @pytest.mark.parametrize("record", ["", "[]", "{", "{}", '{"file_sha256": 1}', "[" * 100_000])
    def test_a_cache_without_a_sound_record_is_not_believed(self, file: Path, squeeze: Weights, record: str) -> None:
        """Somebody put the file there by hand."""
        cache().mkdir(parents=True)
        save_file(squeeze, cache() / "squeeze.safetensors", {"eyediff": record})
        with pytest.raises(WeightsError, match=r"squeeze\.safetensors: not the official"):
            load_trunk("squeeze")

    def test_a_record_elsewhere_is_not_believed(
        self, file: Path, tmp_path: Path, squeeze: Weights, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Anybody can write one: it counts in the cache alone."""
        record = {"canonical_sha256": canonical_sha256(squeeze), "file_sha256": file_sha256(file)}
        (tmp_path / "mine").mkdir()
        save_file(squeeze, tmp_path / "mine" / "squeeze.safetensors", {"eyediff": json.dumps(record)})
        monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
        with pytest.raises(WeightsError, match="not the official"):
            load_trunk("squeeze")

    def test_torch_hubs_file_is_hashed_once(self, file: Path, tmp_path: Path) -> None:
        """Half a gigabyte: its convolutions go to the cache, which is searched first from then on."""
        hub = tmp_path / "torch" / "hub" / "checkpoints"
        hub.mkdir(parents=True)
        shutil.copy(file, hub / "squeezenet1_1-b8a52dc0.pth")
        assert load_trunk("squeeze").source.parent == hub
        assert load_trunk("squeeze").source.parent == cache()


def test_verify_checks_every_file(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that would not be used; and the heads."""
    official()
    add(whole_network(tmp_path / "x.pth", squeeze))
    bad = convolutions(tmp_path / "mine" / "squeeze.safetensors", changed(squeeze))
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
    checked = list(verify())
    assert [(one.what, one.place.kind, one.problem is None) for one in checked] == [
        ("squeeze", "EYEDIFF_WEIGHTS", False),
        ("squeeze", "cache", True),
        ("heads", "package", True),
    ]
    assert str(bad) in str(checked[0].problem)


def test_processes_that_add_at_once_do_not_break_each_other(tmp_path: Path, shared: Path) -> None:
    """Three add while this one reads: whatever is there is whole at any time, and nothing is left over."""
    source = shared / "weights" / "squeezenet1_1_features.pth"
    if not source.exists():
        pytest.skip(f"{source.name} is not in ../shared/weights")
    program = """
import sys
from pathlib import Path
from eyediff.weights import store
source, target = map(Path, sys.argv[1:])
for _ in range(5):
    store.keep(store.published("squeeze"), store.load_trunk("squeeze", file=source), target)
"""
    target = cache() / "squeeze.safetensors"
    running = [subprocess.Popen([sys.executable, "-c", program, source, target]) for _ in range(3)]
    reads = 0
    while any(process.poll() is None for process in running):
        if find("squeeze") is not None:
            assert load_trunk("squeeze").official
            reads += 1
    assert [process.returncode for process in running] == [0, 0, 0]
    assert reads > 0 and list(cache().iterdir()) == [target]


class TestFetching:
    """What happens around a download, which is played by a copy."""

    @pytest.fixture
    def origin(self, tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch) -> Path:
        official()
        monkeypatch.delenv("EYEDIFF_OFFLINE")
        path = whole_network(tmp_path / "origin.pth", squeeze)
        monkeypatch.setattr(store, "download", lambda url, to, size, sha256, progress: shutil.copy(path, to))
        return path

    def test_only_the_convolutions_stay(self, origin: Path, squeeze: Weights) -> None:
        """Fetched on the first use; found on the second; nothing else lies in the cache."""
        loaded = load_trunk("squeeze")
        assert loaded.official and loaded.source == cache() / "squeeze.safetensors"
        assert list(cache().iterdir()) == [loaded.source]
        origin.unlink()
        assert load_trunk("squeeze").sha256 == canonical_sha256(squeeze)

    def test_offline_never_fetches(self, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nor does it make the folder."""
        monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
        with pytest.raises(MissingWeightsError):
            load_trunk("squeeze")
        assert not cache().exists()

    def test_a_failed_download_says_what_to_do(self, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """One line: what failed, and the ways around it. Nothing is left over."""

        def fail(*_: object, **__: object) -> None:
            raise FetchError("cannot fetch https://x (no route)")

        monkeypatch.setattr(store, "download", fail)
        with pytest.raises(
            FetchError, match=r"SqueezeNet 1\.1 .*no route.*`eyediff weights add FILE`.*EYEDIFF_WEIGHTS"
        ):
            load_trunk("squeeze")
        assert list(cache().iterdir()) == []

    def test_a_cache_that_cannot_be_made_is_named(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the way to another one."""
        (tmp_path / "file").touch()
        monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path / "file"))
        with pytest.raises(FetchError, match=r"cannot be written .*EYEDIFF_HOME"):
            load_trunk("squeeze")

    def test_what_a_killed_download_left_is_swept_away(self, origin: Path) -> None:
        """After a day; a younger one may still be running."""
        for name, age in (("old", store.STALE + 60), ("young", 0)):
            left = cache() / f".fetch-{name}"
            left.mkdir(parents=True)
            (left / "squeezenet1_1-b8a52dc0.pth").touch()
            os.utime(left, (time.time() - age,) * 2)
        load_trunk("squeeze")
        assert sorted(path.name for path in cache().iterdir()) == [".fetch-young", "squeeze.safetensors"]


@pytest.mark.parametrize(("trunk", "file"), [("alex", "alexnet_features"), ("squeeze", "squeezenet1_1_features")])
def test_the_real_weights(shared: Path, monkeypatch: pytest.MonkeyPatch, trunk: str, file: str) -> None:
    """The official convolutions are recognised where they lie, and again from the cache."""
    path = shared / "weights" / f"{file}.pth"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/weights")
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(path.parent))
    assert load_trunk(trunk).official and load_trunk(trunk).source == path
    assert add(path).trunk == trunk
    monkeypatch.delenv("EYEDIFF_WEIGHTS")
    assert load_trunk(trunk).official and load_trunk(trunk).source.parent == cache()
