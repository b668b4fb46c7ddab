"""The published linear weights in the package."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from eyediff.errors import UsageError, WeightsError
from eyediff.metrics.backbones import trunk
from eyediff.weights import canonical_sha256, containers, load_heads, metric_sha256, package_files
from eyediff.weights.hashing import file_sha256

from ..scripts import load_script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return scripts/import_heads.py as a module. The script is not part of the package."""
    return load_script("import_heads")


# Sums of each feature layer. Those of 0.1 are published in the list of traps of LPIPS. Those of 0.0 are computed from
# the official files.
SUMS = {
    ("0.1", "alex"): (2.349532, 16.143027, 39.268439, 27.197178, 20.317177),
    ("0.1", "vgg"): (6.925992, 8.858334, 17.515006, 51.521323, 47.034854),
    ("0.1", "squeeze"): (5.690101, 1.185279, 16.326565, 71.012624, 37.370723, 24.262872, 17.590553),
    ("0.0", "alex"): (2.565887, 10.257388, 22.434314, 16.313913, 13.934519),
    ("0.0", "vgg"): (3.641608, 1.960115, 1.123096, 20.106263, 25.689573),
    ("0.0", "squeeze"): (5.301839, 1.145214, 8.885090, 38.112480, 22.990481, 15.438675, 13.054787),
}


@pytest.mark.parametrize(("version", "name"), SUMS)
def test_the_six_heads(version: str, name: str) -> None:
    """Each feature layer has one weight for each channel, and none is negative.

    Their sums equal the published sums, to half of the last digit.
    """
    found = load_heads(name, version)
    assert tuple(head.shape[0] for head in found) == trunk(name).taps
    assert all(head.ndim == 1 and head.dtype == np.float32 and (head >= 0).all() for head in found)
    np.testing.assert_allclose([head.sum(dtype=np.float64) for head in found], SUMS[version, name], rtol=0, atol=6e-7)


def test_sizes() -> None:
    """There are 1152, 1472 and 2240 weights. The default version is 0.1."""
    sizes = {name: sum(head.size for head in load_heads(name)) for name in ("alex", "vgg", "squeeze")}
    assert sizes == {"alex": 1152, "vgg": 1472, "squeeze": 2240}


def test_unknown_names() -> None:
    """The errors list the known names."""
    with pytest.raises(UsageError, match="alex"):
        load_heads("resnet")
    with pytest.raises(UsageError, match="vgg19"):
        load_heads("vgg19")
    with pytest.raises(UsageError, match=r"version '0\.2'; the versions are 0\.1, 0\.0"):
        load_heads("alex", "0.2")


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file and a file with one changed bit are refused. The code has the hash of the file."""
    content = bytearray(package_files.HEADS.path.read_bytes())
    content[-1] ^= 1
    monkeypatch.setattr(package_files, "PACKAGE", tmp_path)
    with pytest.raises(WeightsError, match="install eyediff again"):
        load_heads("alex")
    (tmp_path / "heads.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"heads\.safetensors: this is not the file of the package"):
        load_heads("alex")


def test_the_hash_of_a_metric_covers_trunk_and_heads() -> None:
    """The hash depends on all linear weights and their order. Without them, it is the hash of the backbone."""
    parameters = {"features.0.weight": np.ones((2, 2), np.float32)}
    a, b = np.ones(3, np.float32), np.zeros(3, np.float32)
    found = [metric_sha256(parameters, chosen) for chosen in (None, (a, b), (b, a), (a,), (a, a))]
    assert len(set(found)) == 5
    assert found[0] == canonical_sha256(parameters)


def test_the_script_makes_the_shipped_file(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script makes exactly the file of the package from the official package, if that is installed."""
    spec = importlib.util.find_spec("lpips")
    if spec is None or spec.origin is None:
        pytest.skip("the package lpips 0.1.4 is not installed")
    shipped = package_files.HEADS.path.read_bytes()
    monkeypatch.setattr(package_files, "PACKAGE", tmp_path)
    assert script.main([str(Path(spec.origin).parents[1])]) == 0
    assert (tmp_path / "heads.safetensors").read_bytes() == shipped


def test_the_script_refuses_other_files(script: ModuleType, tmp_path: Path) -> None:
    """The script refuses other files by their hashes, and does not change the file of the package."""
    for key in script.OFFICIAL:
        path = tmp_path / "lpips" / "weights" / f"v{key}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        containers.write(path, {"lin0.model.1.weight": np.ones((1, 64, 1, 1), np.float32)})
    before = file_sha256(package_files.HEADS.path)
    with pytest.raises(SystemExit, match="expected df73285e35b22355"):
        script.main([str(tmp_path)])
    assert file_sha256(package_files.HEADS.path) == before
