"""Hostile metric files: each file is refused as a whole, in one line, before any part of it is used."""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

import eyediff
from eyediff import weights
from eyediff.errors import EyediffError, WeightsError
from eyediff.metrics.backbones import MINI
from eyediff.scoring.metric_spec import parse_metric
from eyediff.weights import containers
from eyediff.weights.hashing import canonical_sha256
from tests.unit.weights.files import call, name, text, write_legacy, write_zip

HEADS = {f"heads.{index}": head for index, head in enumerate(weights.load_heads(MINI.name))}
LAYERS = len(HEADS)
TRUNK = {f"trunk.{key}": figures for key, figures in weights.load_trunk(MINI.name).parameters.items()}
ABOUT = {
    "format": 1, "trunk": "mini", "trunk_sha256": weights.load_trunk(MINI.name).sha256, "scaled": True, "mode": "head",
    "taps": [], "provenance": {},
}  # fmt: skip


def content(about: object = None, tensors: dict[str, np.ndarray] = HEADS, **changes: object) -> bytes:
    """Return a metric file whose description or tensors can be replaced."""
    told = about if isinstance(about, str) else json.dumps(ABOUT | changes)
    return save(tensors, {"eyediff.metric": told})


def with_head(head: np.ndarray) -> bytes:
    return content(tensors=HEADS | {"heads.1": head})


def spoilt(value: float) -> np.ndarray:
    head = HEADS["heads.1"].copy()
    head[-1] = value
    return head


FILES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing": (b"", "not a safetensors file"),
    "text": (b"lpips-alex, the best of all metrics", "not a safetensors file"),
    "a pickle": (pickle.dumps({"heads.0": [1.0]}), "a .pth file, another pickle"),
    "a header of exabytes": (b"\xff" * 7 + b"\x7f{" + bytes(64), "the file states a header of 9,223,372"),
    "a header just above the limit": (struct.pack("<Q", (1 << 20) + 1) + b"{" + b" " * (1 << 20), "1,048,577 bytes"),
    "a header that is not JSON": (struct.pack("<Q", 8) + b"{oops!!}", "damaged or cut short"),
    "tensors and no description": (lambda: save(HEADS), "is not a metric of eyediff; `eyediff weights import`"),
    "a description of another program": (lambda: save(HEADS, {"format": "pt"}), "is not a metric of eyediff"),
    "a description that is no JSON": (lambda: content("{"), "not the description of a metric"),
    "a description nested deep": (lambda: content("[" * 100_000), "not the description of a metric"),
    "a list": (lambda: content("[]"), "not the description of a metric"),
    "another future": (lambda: content(format=2), "reads formats up to 1; install a newer version"),
    "a format of 0": (lambda: content(format=0), "not the description of a metric"),
    "a format below 0": (lambda: content(format=-1), "not the description of a metric"),
    "a format that is true": (lambda: content(format=True), "not the description of a metric"),
    "a field too many": (lambda: content(code="import os"), "must have exactly the fields"),
    "a field too few": (lambda: content(json.dumps({"format": 1})), "must have exactly the fields"),
    "a field of another type": (lambda: content(scaled=1), "must have exactly the fields"),
    "an unknown trunk": (lambda: content(trunk="resnet50"), "its trunk 'resnet50' is unknown; expected alex"),
    "a trunk that is a path": (lambda: content(trunk="../../etc/passwd"), "is unknown; expected alex"),
    "a name that moves the cursor": (lambda: content(trunk="\x1b[2Jmini"), "printable characters"),
    "taps of a trunk of ours": (lambda: content(taps=["a"]), "must have taps if the trunk is"),
    "taps that are no text": (lambda: content(trunk="module:x", taps=[{}]), "printable characters"),
    "a hash that is none": (lambda: content(trunk_sha256="G" * 64), "must be a sha256"),
    "nothing to compute with": (lambda: content(tensors={}), "neither linear weights nor a backbone"),
    "a head below 0": (lambda: with_head(spoilt(-1e-9)), "heads.1 has numbers that are negative or not finite"),
    "a head of NaN": (lambda: with_head(spoilt(np.nan)), "heads.1 has numbers that are negative or not finite"),
    "an infinite head": (lambda: with_head(spoilt(np.inf)), "heads.1 has numbers that are negative or not finite"),
    "a head too short": (lambda: with_head(HEADS["heads.1"][:-1]), f"expected .{len(HEADS['heads.1'])},"),
    "a head with corners": (lambda: with_head(HEADS["heads.1"].reshape(2, -1)), r"shape \(2, "),
    "a head without figures": (lambda: with_head(np.zeros(0, np.float32)), r"shape \(0,\)"),
    "heads in double precision": (lambda: with_head(HEADS["heads.1"].astype(np.float64)), "the type F64; expected F32"),
    "heads in half precision": (lambda: with_head(HEADS["heads.1"].astype(np.float16)), "the type F16; expected F32"),
    "a head that is missing": (
        lambda: content(tensors={"heads.0": HEADS["heads.0"]}), f"lacks heads.1 .{LAYERS - 1} of {LAYERS}"
    ),
    "a head too many": (
        lambda: content(tensors=HEADS | {f"heads.{LAYERS}": HEADS["heads.0"]}), f"the file has 'heads.{LAYERS}'"
    ),
    "a tensor that nobody asked for": (lambda: content(tensors=HEADS | {"x": HEADS["heads.0"]}), "the file has 'x'"),
    "half a trunk": (lambda: content(tensors=dict(list(TRUNK.items())[:3])), "lacks trunk."),
    "a trunk of other figures": (
        lambda: content(tensors=TRUNK | {"trunk.features.0.bias": np.ones(32, np.float32)}), "damaged: its backbone has"
    ),
    "a trunk of NaN": (
        lambda: content(tensors=TRUNK | {"trunk.features.0.bias": np.full(32, np.nan, np.float32)}), "not finite"
    ),
    "a module's heads without figures": (
        lambda: content(trunk="module:x", taps=["a"], tensors={"heads.0": np.zeros(0, np.float32)}), r"shape \(0,\)"
    ),
}  # fmt: skip


def refused(path: Path, said: str) -> None:
    """Check that the file, given as in `--metric`, is refused in one line that begins with its name."""
    with pytest.raises(EyediffError, match=said) as caught:
        parse_metric(str(path))
    message = str(caught.value)
    assert isinstance(caught.value, WeightsError)
    assert message.startswith(f"{path}: ") and message.isprintable() and len(message) < len(str(path)) + 400


@pytest.mark.parametrize("attack", FILES)
def test_files_that_lie(tmp_path: Path, attack: str) -> None:
    """A file with false content is refused, and the message gives the reason."""
    made, said = FILES[attack]
    path = tmp_path / "x.safetensors"
    path.write_bytes(made if isinstance(made, bytes) else made())
    refused(path, said)


@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_a_pickle_is_not_even_unpacked(tmp_path: Path, write: Callable[..., Path]) -> None:
    """A pickle that would run code is not unpacked, in either format of torch, under the suffix of a metric."""
    canary = tmp_path / "canary"
    path = write(tmp_path / "x.safetensors", call(name("os", "mkdir"), text(str(canary))))
    refused(path, "not unpacked")
    assert not canary.exists()


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A folder and a missing file are refused. Only regular files are read, because a pipe would never end."""
    (tmp_path / "folder.safetensors").mkdir()
    refused(tmp_path / "folder.safetensors", "not a regular file")
    refused(tmp_path / "nothing.safetensors", "no such file; a metric whose name contains a slash")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """A sparse file of more than 4 GiB is refused before its header is read."""
    path = tmp_path / "x.safetensors"
    path.write_bytes(content())
    with path.open("r+b") as file:
        file.truncate(containers.MAX_FILE + 1)
    refused(path, "the file has 4,294,967,297 bytes; expected at most 4,294,967,296 bytes")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """A metric file that is cut is refused.

    The test cuts at every seventh byte of the header, and at a few places after the header.
    """
    whole = content()
    header = 8 + int.from_bytes(whole[:8], "little")
    path = tmp_path / "x.safetensors"
    for length in [*range(0, header, 7), header, header + 1, len(whole) - 1]:
        path.write_bytes(whole[:length])
        refused(path, ".")
    path.write_bytes(whole)
    assert parse_metric(str(path)).file is not None


def test_damage_is_refused_or_harmless(tmp_path: Path) -> None:
    """A changed byte of the header gives a metric or a WeightsError of one line, and never another exception.

    The changes have a fixed seed.
    """
    whole = content()
    header = 8 + int.from_bytes(whole[:8], "little")
    path, dice = tmp_path / "x.safetensors", np.random.default_rng(5)
    outcomes = set()
    for _ in range(1000):
        damaged = bytearray(whole)
        damaged[dice.integers(header)] = dice.integers(256)
        path.write_bytes(damaged)
        try:
            parse_metric(str(path))
        except WeightsError as error:
            assert str(error).isprintable()
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert outcomes == {"refused", "read"}


def test_a_metric_whose_scores_are_no_numbers(tmp_path: Path) -> None:
    """Each call of a metric raises an error if its finite weights cause an overflow.

    Python returned NaN for a pair that failed on the command line. Both fail now.
    """
    huge = {name: figures * np.float32(1e18) for name, figures in TRUNK.items()}
    sha256 = canonical_sha256({name.removeprefix("trunk."): figures for name, figures in huge.items()})
    path = tmp_path / "huge.safetensors"
    path.write_bytes(content(tensors=HEADS | huge, trunk_sha256=sha256))
    a, b = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 200, np.uint8)
    metric = eyediff.Metric(str(path))
    calls: list[Callable[[], object]] = [
        lambda: metric.distance(a, b),
        lambda: metric.distances([a], [b]),
        lambda: metric.layers(a, b),
        lambda: metric.map(a, b),
        lambda: metric.matrix([a, b]),
        lambda: metric.distance(metric.embed(a), b),
        lambda: metric.distance(metric.embed(a), metric.embed(b)),
    ]
    for call_ in calls:
        with pytest.raises(EyediffError, match="computed values are NaN"):
            call_()
