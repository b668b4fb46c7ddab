"""Metric files: they are read as written, equal metrics have equal bytes, and no other file is overwritten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from eyediff import weights
from eyediff.errors import MissingWeightsError, UsageError, WeightsError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import MINI, SQUEEZE
from eyediff.weights import MetricFile, canonical_sha256, read_metric, write_metric

from .conftest import Weights

MADE = {"data": "a study", "seed": 3, "nested": {"steps": [1, 2]}}
HEADS = tuple(np.full(channels, 0.25, np.float32) for channels in SQUEEZE.taps)


def written(path: Path, **changes: object) -> MetricFile:
    """Write a metric file with linear weights for the backbone of lpips-mini."""
    mini = weights.load_trunk(MINI.name)
    usual = {"trunk": MINI.name, "mode": "head", "provenance": MADE}
    usual |= {"heads": weights.load_heads(MINI.name), "trunk_sha256": mini.sha256}
    return write_metric(path, **(usual | changes))


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("held", ["heads", "trunk", "both"])
def test_what_is_written_is_read(tmp_path: Path, squeeze: Weights, held: str, scaled: bool) -> None:
    """Linear weights, a backbone or both are read exactly as written, and so is the description."""
    heads, parameters = HEADS if held != "trunk" else None, squeeze if held != "heads" else None
    sha256 = canonical_sha256(squeeze)
    options = {"trunk": "squeeze", "mode": "tune", "provenance": MADE, "scaled": scaled}
    path = tmp_path / "new" / "x.safetensors"
    said = write_metric(path, **options, heads=heads, parameters=parameters, trunk_sha256=sha256)
    found = read_metric(path)
    assert (
        found.description == said.description
        and found.sha256 == said.sha256
        and dict(found.description.provenance) == MADE
    )
    assert (found.description.trunk_sha256, found.version) == (sha256, "0.1" if scaled else "0.0")
    assert (found.heads is None, found.parameters is None) == (heads is None, parameters is None)
    for one, other in zip(found.heads or (), heads or (), strict=True):
        np.testing.assert_array_equal(one, other)
    if parameters is not None:
        assert canonical_sha256(found.parameters) == sha256 and list(found.parameters) == list(SQUEEZE.shapes)
        assert found.network().scaled is scaled


def test_the_same_is_the_same_bytes(tmp_path: Path) -> None:
    """The bytes do not depend on the order of the provenance. An existing metric file is replaced."""
    path = tmp_path / "x.safetensors"
    written(path)
    before = path.read_bytes()
    written(path, provenance=dict(reversed(MADE.items())))
    assert path.read_bytes() == before
    one, other = read_metric(path), written(path, provenance={"data": "another"}, mode="scratch")
    assert path.read_bytes() != before and one.sha256 == other.sha256  # the scores are the same
    assert written(path, heads=None, parameters=weights.load_trunk("mini").parameters).sha256 != one.sha256
    assert sorted(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    """A link stays a link, and its target is replaced."""
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "x.safetensors")
    written(tmp_path / "link.safetensors")
    assert (tmp_path / "link.safetensors").is_symlink() and read_metric(tmp_path / "x.safetensors").heads is not None


@pytest.mark.parametrize("content", [b"", b"my notes", b"tensors"])
def test_nothing_of_others_is_overwritten(tmp_path: Path, squeeze: Weights, content: bytes) -> None:
    """An empty file, a text file, and tensors that are no metric are not overwritten."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    if content == b"tensors":
        save_file(squeeze, path)
    before = path.read_bytes()
    with pytest.raises(WeightsError, match="exists and is not a metric of eyediff; give another path"):
        written(path)
    assert path.read_bytes() == before and sorted(tmp_path.iterdir()) == [path]


def test_without_a_trunk_the_official_one_is_used(
    squeeze: Weights, official: Callable[..., None], tmp_path: Path
) -> None:
    """A metric without a backbone uses the official weights, from the usual folders or from a given file.

    A metric with its own backbone refuses such a file.
    """
    official()
    path = tmp_path / "x.safetensors"
    about = {"trunk": "squeeze", "mode": "head", "provenance": {}, "heads": HEADS}
    found = write_metric(path, **about, trunk_sha256=canonical_sha256(squeeze))
    with pytest.raises(MissingWeightsError, match="EYEDIFF_OFFLINE"):
        found.network()
    save_file(squeeze, tmp_path / "trunk.safetensors")
    weights.add(tmp_path / "trunk.safetensors")
    for network in (found.network(), found.network(tmp_path / "trunk.safetensors")):
        assert canonical_sha256(network.parameters) == canonical_sha256(squeeze) and network.heads is not None
    assert found.network(head=False).heads is None
    whole = write_metric(path, **about, parameters=squeeze)
    with pytest.raises(UsageError, match="contains its backbone; leave out"):
        whole.network(tmp_path / "trunk.safetensors")


def test_heads_of_another_trunk_are_refused(squeeze: Weights, official: Callable[..., None], tmp_path: Path) -> None:
    """Linear weights are refused if the weights of the backbone are not those for which they were made."""
    official()
    save_file(squeeze, tmp_path / "trunk.safetensors")
    weights.add(tmp_path / "trunk.safetensors")
    other = {name: figures + 1 for name, figures in squeeze.items()}
    save_file(other, tmp_path / "other.safetensors")
    about = {"trunk": "squeeze", "mode": "head", "provenance": {}, "heads": HEADS}
    found = write_metric(tmp_path / "x.safetensors", **about, trunk_sha256=canonical_sha256(other))
    said = f"x.safetensors: .*made for another backbone: squeeze with the sha256 {canonical_sha256(other)[:16]}; "
    with pytest.raises(WeightsError, match=said + f".* has the sha256 {canonical_sha256(squeeze)[:16]}; "):
        found.network()
    assert isinstance(found.network(tmp_path / "other.safetensors"), lpips.Network)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"heads": [-head for head in weights.load_heads("mini")]}, "heads.0 has numbers that are negative"),
        (
            {"heads": [weights.load_heads("alex")[0], *weights.load_heads("mini")[1:]]},
            r"heads.0 has the shape \(64,\); expected \(32,\)",
        ),
        ({"heads": weights.load_heads("mini")[:3]}, f"lacks heads.3 .{len(MINI.taps) - 3} of {len(MINI.taps)} tensors"),
        ({"heads": None}, "has neither linear weights nor a backbone"),
        ({"trunk": "resnet"}, "its trunk 'resnet' is unknown; expected alex, vgg, squeeze, mini or module:NAME"),
        (
            {"trunk": "module:x"},
            "its description must have taps if the trunk is module:NAME, and no taps otherwise",
        ),
        ({"trunk_sha256": None}, "must be a sha256 of 64 digits"),
        ({"mode": "two\nlines"}, "must all be text of 1 to 200 printable characters"),
        ({"provenance": {"loss": float("nan")}}, "its provenance is not strict JSON"),
        ({"provenance": {"path": Path("x")}}, "its provenance is not strict JSON"),
        ({"provenance": {"log": "x" * 600_000}}, "its description takes 600,"),
    ],
)
def test_what_would_not_be_read_is_not_written(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    """A metric that could not be read is refused, and no file is written."""
    with pytest.raises(
        WeightsError, match=f"^{re.escape(str(tmp_path))}/x.safetensors: the file was not written: .*{said}"
    ):
        written(tmp_path / "x.safetensors", **changes)
    assert not list(tmp_path.iterdir())


def test_a_module_brings_its_own_code(tmp_path: Path) -> None:
    """Linear weights for a torch module can be stored. The code that such a file names is never run."""
    heads = [np.ones(5, np.float32), np.ones(7, np.float32)]
    about = {"trunk": "module:os.system", "mode": "head", "provenance": {}, "taps": ["a", "b.c"]}
    found = write_metric(tmp_path / "x.safetensors", **about, heads=heads, trunk_sha256="0" * 64)
    assert [len(head) for head in read_metric(found.path).heads] == [5, 7] and found.description.taps == ("a", "b.c")
    with pytest.raises(
        UsageError, match=r"the backbone module:os.system, whose code is not in the file; .*from_module"
    ):
        found.network()


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *[
            (name, True)
            for name in ("./x", "a/x", "/x", "..\\x", "C:\\a\\x.safetensors", "x.safetensors", "X.SafeTensors")
        ],
        *[(name, False) for name in ("lpips", "ssim@skimage", "x.pth", "lpips-alex@0.0", "")],
    ],
)
def test_names_of_files(name: str, is_one: bool) -> None:
    """The name of a metric file has a path separator of any system, or the suffix."""
    assert weights.is_file_name(name) is is_one


def test_its_description_is_one_string(tmp_path: Path) -> None:
    """The description is a single string, because safetensors writes several strings in any order. It is JSON."""
    strings = weights.containers.metadata(written(tmp_path / "x.safetensors").path)
    assert list(strings) == ["eyediff.metric"]
    about = json.loads(strings["eyediff.metric"])
    assert (about["format"], about["trunk"], about["mode"], about["provenance"]) == (1, "mini", "head", MADE)
