"""The weights of a backbone are found and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import MissingWeightsError, UsageError, WeightsError
from eyediff.metrics.backbones import SQUEEZE
from eyediff.weights import add, cache_folder, canonical_sha256, load_trunk, verify

from .conftest import Declare, Weights
from .made import changed, convolutions, whole_network


@pytest.mark.parametrize("container", ["zip", "legacy", "safetensors"])
def test_a_file_in_any_container_is_the_trunk(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch, container: str
) -> None:
    """A file in EYEDIFF_WEIGHTS is found by its name, and its weights are recognised by their content.

    The parameters have the order of the backbone, and no other tensors are returned.
    """
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
    """EYEDIFF_WEIGHTS comes before the cache, and the cache comes before the folder of torch hub."""
    official()
    places = [tmp_path / "mine", cache_folder(), tmp_path / "torch" / "hub" / "checkpoints"]
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(places[0]))
    for folder in places:
        whole_network(folder / "squeezenet1_1-b8a52dc0.pth", squeeze)
    for folder in places:
        assert load_trunk("squeeze").source.parent == folder
        (folder / "squeezenet1_1-b8a52dc0.pth").unlink()


def test_other_content_under_the_right_name_is_an_error(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with wrong content is an error, even if the next folder has a valid file.

    The error names the file and both hashes.
    """
    official()
    path = convolutions(tmp_path / "mine" / "squeeze.safetensors", changed(squeeze))
    whole_network(cache_folder() / "squeezenet1_1-b8a52dc0.pth", squeeze)
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
    with pytest.raises(WeightsError, match="not have the official weights of SqueezeNet") as caught:
        load_trunk("squeeze")
    for fact in (str(path), canonical_sha256(squeeze), canonical_sha256(changed(squeeze))):
        assert fact in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not load_trunk("squeeze", trust=True).official


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: {name: w[name] for name in list(w)[1:]}, "1 of .* missing: features.0.weight"),
        (lambda w: {**w, "features.99.weight": w["features.0.bias"]}, "features.99.weight"),
        (
            lambda w: {**w, "features.0.bias": w["features.0.bias"][1:]},
            r"features.0.bias has the shape \(63,\). expected \(64,\)",
        ),
        (lambda w: {**w, "features.0.bias": w["features.0.bias"] * np.float32(np.nan)}, "not finite"),
    ],
)
def test_names_shapes_and_figures_are_checked_strictly(
    tmp_path: Path, squeeze: Weights, change: Callable[[Weights], Weights], reason: str
) -> None:
    """A missing name, an additional name, a wrong shape and a value that is not finite are refused, even if trusted."""
    path = convolutions(tmp_path / "own.safetensors", change(squeeze))
    with pytest.raises(WeightsError, match=reason) as caught:
        load_trunk("squeeze", file=path, trust=True)
    assert str(caught.value).startswith(f"{path}: ")


def test_weights_of_your_own_need_your_word(tmp_path: Path, squeeze: Weights) -> None:
    """A given file that is not official is used only if it is trusted."""
    path = convolutions(tmp_path / "own.safetensors", squeeze)
    with pytest.raises(
        WeightsError, match=r"own\.safetensors: .*not have the official .* trust=True accepts other weights"
    ):
        load_trunk("squeeze", file=path)
    loaded = load_trunk("squeeze", file=path, trust=True)
    assert (loaded.official, loaded.source, loaded.sha256) == (False, path, canonical_sha256(squeeze))


def test_missing_weights_name_the_three_ways_out() -> None:
    """Without weights and downloads, the error names three solutions.

    They are `get`, `add` with a file from the official URL, and a folder of weights.
    """
    with pytest.raises(MissingWeightsError) as caught:
        load_trunk("alex")
    message = str(caught.value)
    assert "\n" not in message and "EYEDIFF_OFFLINE" in message
    for way in ("eyediff weights get alex", "eyediff weights add FILE", "EYEDIFF_WEIGHTS", "alexnet-owt-7be5be79.pth"):
        assert way in message


def test_no_trunk_of_that_name(tmp_path: Path) -> None:
    """An unknown backbone is a usage error, not an error of weights."""
    with pytest.raises(UsageError, match="alex, vgg, squeeze"):
        load_trunk("resnet")


def test_verify_checks_every_file(
    tmp_path: Path, squeeze: Weights, official: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify` also checks files that would not be used, and the files of the package."""
    official()
    add(whole_network(tmp_path / "x.pth", squeeze))
    bad = convolutions(tmp_path / "mine" / "squeeze.safetensors", changed(squeeze))
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path / "mine"))
    checked = list(verify())
    assert [(one.what, one.place.kind, one.problem is None) for one in checked] == [
        ("squeeze", "EYEDIFF_WEIGHTS", False),
        ("squeeze", "cache", True),
        *((shipped, "package", True) for shipped in ("alex", "squeeze", "heads", "mini", "dists")),
    ]
    assert str(bad) in str(checked[0].problem)


@pytest.mark.parametrize(("trunk", "file"), [("alex", "alexnet_features"), ("squeeze", "squeezenet1_1_features")])
def test_the_real_weights(shared: Path, monkeypatch: pytest.MonkeyPatch, trunk: str, file: str) -> None:
    """The official convolutions are recognised in their folder, and again in the cache."""
    path = shared / "weights" / f"{file}.pth"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/weights")
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(path.parent))
    assert load_trunk(trunk).official and load_trunk(trunk).source == path
    assert add(path).trunk == trunk
    monkeypatch.delenv("EYEDIFF_WEIGHTS")
    assert load_trunk(trunk).official and load_trunk(trunk).source.parent == cache_folder()
