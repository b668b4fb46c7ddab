"""The catalogue of published weights."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.metrics.backbones import ALL_TRUNKS
from eyediff.weights import PUBLISHED, canonical_sha256, containers, published


def test_entries_are_consistent() -> None:
    """The address uses https, the official name has the first 8 digits of the hash, and the patterns find this name."""
    assert list(PUBLISHED) == ["alex", "vgg", "squeeze", "vgg19"] and PUBLISHED.keys() <= ALL_TRUNKS.keys()
    for entry in PUBLISHED.values():
        name = entry.url.rsplit("/", 1)[1]
        assert entry.url.startswith("https://download.pytorch.org/models/")
        assert name.endswith(f"-{entry.sha256[:8]}.pth") and len(entry.sha256) == 64
        assert name in entry.hub_names
        assert any(fnmatch(name, pattern) for pattern in entry.patterns)
        assert entry.patterns[0] == entry.cached_name == f"{entry.trunk}.safetensors"


@pytest.mark.parametrize("name", ["vgg16_bn-6c64b313.pth", "vgg19_bn-c79401a0.pth", "squeezenet1_0-b66bff10.pth"])
def test_files_of_other_networks_are_not_taken_for_ours(name: str) -> None:
    """Files of other networks, which may be in the same folder, do not match the patterns."""
    assert not any(fnmatch(name, pattern) for entry in PUBLISHED.values() for pattern in entry.patterns)


@pytest.mark.parametrize(("trunk", "file"), [("alex", "alexnet_features"), ("squeeze", "squeezenet1_1_features")])
def test_the_canonical_hashes_are_those_of_the_official_weights(shared: Path, trunk: str, file: str) -> None:
    """The canonical hashes are those of files that give the published scores."""
    path = shared / "weights" / f"{file}.pth"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/weights")
    assert canonical_sha256(containers.read(path, lambda _: True)) == PUBLISHED[trunk].canonical_sha256


def test_an_unknown_name_lists_the_known_ones() -> None:
    """The error for an unknown name lists the known names."""
    with pytest.raises(
        UsageError, match="there are no weights for 'resnet'; expected one of alex, vgg, squeeze, vgg19"
    ):
        published("resnet")
