"""Weights of other projects: the backbone is found under any prefix of its names, or the error gives the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from eyediff import weights
from eyediff.errors import WeightsError
from eyediff.metrics.backbones import SQUEEZE
from eyediff.weights import canonical_sha256, read_checkpoint, read_metric
from tests.unit.weights import files

from .conftest import Weights
from .test_commands import run


def renamed(squeeze: Weights, prefix: str) -> Weights:
    return {prefix + name.removeprefix("features."): figures for name, figures in squeeze.items()}


@pytest.mark.parametrize(
    "prefix", ["features.", "", "module.features.", "features.module.", "module.encoder_q.features.", "encoder."]
)
@pytest.mark.parametrize("container", ["safetensors", "pth", "checkpoint"])
def test_a_trunk_is_found_behind_its_prefix(tmp_path: Path, squeeze: Weights, prefix: str, container: str) -> None:
    """The backbone is found in every file format, among other tensors. Parameters have the order of the backbone."""
    path = tmp_path / "x"
    tensors = renamed(squeeze, prefix) | {"queue": np.ones(3, np.float32), "fc.0.weight": np.ones((2, 2), np.float32)}
    if container == "safetensors":
        save_file(tensors, path)
    else:
        state = {name: torch.from_numpy(figures) for name, figures in tensors.items()}
        torch.save({"state_dict": state, "epoch": 3} if container == "checkpoint" else state, path)
    found = read_checkpoint(path, SQUEEZE)
    assert found.prefix == prefix and list(found.parameters) == list(SQUEEZE.shapes)
    assert canonical_sha256(found.parameters) == canonical_sha256(squeeze)


def test_of_two_one_must_be_named(tmp_path: Path, squeeze: Weights) -> None:
    """If a file has a backbone twice, as files of momentum contrast do, the prefix must be given."""
    two = renamed(squeeze, "encoder_q.") | renamed({name: 2 * each for name, each in squeeze.items()}, "encoder_k.")
    save_file(two, tmp_path / "x")
    with pytest.raises(
        WeightsError,
        match=r"SqueezeNet 1.1 2 times, with the prefixes 'encoder_k.', 'encoder_q.'; choose one with prefix",
    ):
        read_checkpoint(tmp_path / "x", SQUEEZE)
    assert canonical_sha256(read_checkpoint(tmp_path / "x", SQUEEZE, "encoder_q.").parameters) == canonical_sha256(
        squeeze
    )


def spoilt(squeeze: Weights, name: str, figures: np.ndarray | None) -> Weights:
    changed = squeeze | ({name: figures} if figures is not None else {})
    return {key: each for key, each in changed.items() if figures is not None or key != name}


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (None, "the prefix 'features.', 12.expand3x3.bias is missing .1 of 50 tensors .*; .* batch normalisation"),
        (
            np.ones(9, np.float32),
            r"the prefix 'features.', features.12.expand3x3.bias has the shape \(9,\); expected \(256,\)",
        ),
        (np.full(256, np.nan, np.float32), "features.12.expand3x3.bias has numbers that are not finite"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, squeeze: Weights, figures: np.ndarray | None, said: str) -> None:
    """The error describes the prefix that fits best, in a line with the name of the file."""
    save_file(spoilt(squeeze, "features.12.expand3x3.bias", figures), tmp_path / "x")
    with pytest.raises(WeightsError, match=f"x: .*{said}"):
        read_checkpoint(tmp_path / "x", SQUEEZE)
    with pytest.raises(WeightsError, match=r"no tensor has the name of one of its layers with the prefix 'nowhere.'"):
        read_checkpoint(tmp_path / "x", SQUEEZE, "nowhere.")


def test_the_command_makes_a_metric(tmp_path: Path, squeeze: Weights) -> None:
    """The command writes a metric without linear weights, and records the file. It refuses to replace other files.

    A malicious pickle is refused, and the existing output stays.
    """
    save_file(renamed(squeeze, "module.encoder."), tmp_path / "moco.safetensors")
    output = tmp_path / "x.safetensors"
    said = run("import", tmp_path / "moco.safetensors", "--trunk", "squeeze", "-o", output, "--note", "CC BY-NC 4.0")
    assert said.stdout == f"{output}\n" and f"sha256 {canonical_sha256(squeeze)}" in said.stderr
    metric = read_metric(output)
    assert metric.heads is None and metric.description.mode == "imported" and metric.network().scaled
    provenance = metric.description.provenance
    assert (provenance["file"], provenance["prefix"], provenance["note"]) == (
        "moco.safetensors", "module.encoder.", "CC BY-NC 4.0"
    )  # fmt: skip
    assert provenance["file_sha256"] == weights.file_sha256(tmp_path / "moco.safetensors")
    before, canary = output.read_bytes(), tmp_path / "canary"
    bad = files.write_zip(tmp_path / "bad.pth", files.call(files.name("os", "mkdir"), files.text(str(canary))))
    with pytest.raises(WeightsError, match=r"bad.pth: "):
        run("import", bad, "--trunk", "squeeze", "-o", output)
    assert output.read_bytes() == before and not canary.exists()
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(WeightsError, match="notes exists and is not a metric"):
        run("import", tmp_path / "moco.safetensors", "--trunk", "squeeze", "-o", tmp_path / "notes")
