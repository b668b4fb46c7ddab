"""Hostile safetensors files: tests of the checks in the format's own library, and of those that eyediff adds."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from eyediff.errors import WeightsError
from eyediff.weights import containers

from .refused import refuse


def write(path: Path, header: object, content: bytes = bytes(16), length: int | None = None) -> Path:
    """Write a file with any header, which is an object for JSON, or bytes."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded) if length is None else length) + encoded + content)
    return path


def entry(kind: str = "F32", shape: object = (4,), offsets: object = (0, 16)) -> dict[str, object]:
    """Return the header entry of a tensor."""
    return {"dtype": kind, "shape": shape, "data_offsets": offsets}


HEADERS = {
    "not JSON": b"{oops}",
    "a list": b"{" + b"[" * 50,
    "nested a million deep": b'{"a":' + b"[" * 1_000_000,
    "no offsets": {"a": {"dtype": "F32", "shape": [4]}},
    "offsets behind the end": {"a": entry(offsets=(16, 32))},
    "offsets the wrong way round": {"a": entry(offsets=(16, 0))},
    "negative offsets": {"a": entry(offsets=(-16, 0))},
    "a shape that does not fit": {"a": entry(shape=(5,))},
    "a shape that overflows": {"a": entry(shape=(2**40, 2**40))},
    "a negative shape": {"a": entry(shape=(-2, -2))},
    "an unknown type": {"a": entry("F31")},
    "a string for a shape": {"a": entry(shape="4")},
    "two tensors over each other": {"a": entry(), "b": entry()},
    "a hole between two": {"a": entry(shape=(1,), offsets=(0, 4)), "b": entry(shape=(1,), offsets=(12, 16))},
    "bytes behind the last": {"a": entry(shape=(1,), offsets=(0, 4))},
    "metadata that are not strings": {"__metadata__": {"a": 1}, "a": entry()},
    "one name twice": json.dumps({"a": entry(shape=(2,), offsets=(0, 8)), "b": entry(shape=(2,), offsets=(8, 16))})
    .replace('"b"', '"a"')
    .encode(),
    "integers": {"a": entry("I32")},
    "complex figures": {"a": entry("C64", (2,))},
}


@pytest.mark.parametrize("attack", HEADERS)
def test_headers_that_lie(tmp_path: Path, attack: str) -> None:
    """A file with a false header is refused as a whole, in one line with the file's name."""
    refuse(write(tmp_path / "x.safetensors", HEADERS[attack]))


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**31, 2**63, 2**64 - 1])
def test_headers_of_a_false_length(tmp_path: Path, length: int) -> None:
    """A header length is refused if it is more than the file or the format allows, or less than the header."""
    refuse(write(tmp_path / "x.safetensors", {"a": entry()}, length=length))


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    """A file that is cut after any of its bytes is refused."""
    whole = save({"a": np.arange(4, dtype=np.float32)})
    path = tmp_path / "x.safetensors"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refuse(path)


def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path) -> None:
    """Two changed bytes give tensors or a WeightsError, and never another exception. The changes have a fixed seed."""
    whole = save({"a": np.arange(4, dtype=np.float32), "b": np.ones((2, 2), np.float16)})
    path = tmp_path / "x.safetensors"
    dice = random.Random(5)
    outcomes = set()
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(2):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            containers.read(path, lambda _: True)
        except WeightsError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert outcomes == {"refused", "read"}
