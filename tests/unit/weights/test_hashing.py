"""The canonical hash, which is the same for the same weights in every file format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from eyediff.weights import canonical_sha256, containers

TENSORS = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.array(1.5, np.float32)}


def test_is_what_its_description_says() -> None:
    """The hash equals one that is computed by hand, so the hashes in the catalogue and in headers stay valid."""
    stream = b'["a", "float32", []]\n' + np.array(1.5, "<f4").tobytes()
    stream += b'["b", "float32", [2, 3]]\n' + np.arange(6, dtype="<f4").tobytes()
    assert canonical_sha256(TENSORS) == hashlib.sha256(stream).hexdigest()


def test_order_strides_and_byte_order_do_not_matter() -> None:
    """Only the values count. The order of tensors, strides and the byte order do not."""
    whole = canonical_sha256(TENSORS)
    assert canonical_sha256(dict(reversed(TENSORS.items()))) == whole
    assert canonical_sha256({**TENSORS, "b": np.asfortranarray(TENSORS["b"])}) == whole
    assert canonical_sha256({**TENSORS, "b": TENSORS["b"].astype(">f4")}) == whole  # type: ignore[dict-item]


def test_names_shapes_and_figures_matter() -> None:
    """A change of a name, a shape, a value or the sign of a zero changes the hash."""
    changed = [
        {**TENSORS, "b": TENSORS["b"].reshape(3, 2)},
        {**TENSORS, "b": TENSORS["b"] + 1},
        {**TENSORS, "b": -0.0 * TENSORS["b"]},
        {**TENSORS, "b": 0.0 * TENSORS["b"]},
        {"a": TENSORS["a"], "c": TENSORS["b"]},
        {"a": TENSORS["a"]},
        TENSORS,
    ]
    assert len({canonical_sha256(tensors) for tensors in changed}) == len(changed)


def test_is_the_same_in_every_container(tmp_path: Path) -> None:
    """Both formats of .pth files and safetensors give the same hash."""
    state = {name: torch.from_numpy(figures.copy()) for name, figures in TENSORS.items()}
    torch.save(state, tmp_path / "zip.pth")
    torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(TENSORS, tmp_path / "x.safetensors")
    found = {canonical_sha256(containers.read(path, lambda _: True)) for path in tmp_path.iterdir()}
    assert found == {canonical_sha256(TENSORS)}
