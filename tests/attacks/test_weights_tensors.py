"""Tensors of .pth files with false positions and sizes, and files that are cut or changed at any place."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from eyediff.errors import WeightsError
from eyediff.weights import containers, pth
from tests.unit.weights import files
from tests.unit.weights.files import dictionary, integer, storage, tensor, text, tuple_of

from .refused import refuse

OUTSIDE = {
    "an offset behind the end": {"offset": 1},
    "a shape beyond the end": {"shape": (5,)},
    "a stride beyond the end": {"shape": (2,), "strides": (4,)},
    "a negative offset": {"offset": -1},
    "a negative stride": {"offset": 3, "strides": (-1,)},
    "a negative side": {"shape": (-4,)},
    "two negative sides": {"shape": (-2, -2), "strides": (2, 1)},
    "a stride of 0, to 2**40 figures": {"shape": (2**40,), "strides": (0,)},
    "a stride of 0, to a few more": {"shape": (5,), "strides": (0,)},
    "sides whose product overflows": {"shape": (2**32, 2**32), "strides": (0, 0)},
    "nothing times 2**60": {"shape": (0, 2**60), "strides": (1, 1)},
    "nothing times 2**40 times 2**40": {"shape": (0, 2**40, 2**40), "strides": (1, 1, 1)},
    "a stride of 2**2000": {"shape": (1,), "strides": (2**2000,)},
    "more strides than sides": {"strides": (1, 1)},
    "a hundred sides": {"shape": (1,) * 100, "strides": (1,) * 100},
}


@pytest.mark.parametrize("attack", OUTSIDE)
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_tensors_stay_within_their_storage(tmp_path: Path, attack: str, write: Callable[[Path, bytes], Path]) -> None:
    """A tensor is refused if it reads outside its storage of four values, or has more values than its storage."""
    refuse(write(tmp_path / "x.pth", dictionary(a=tensor(**OUTSIDE[attack]))))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [2**20, 2**40, 2**62, 2**2000, -1])
@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_a_storage_is_as_large_as_it_says(tmp_path: Path, size: int, write: Callable[[Path, bytes], Path]) -> None:
    """A storage is refused before memory is allocated if its stated size is not that of its bytes."""
    refuse(write(tmp_path / "x.pth", dictionary(a=tensor(storage(size=size)))))


@pytest.mark.parametrize("view", [(2, 3), (5, 0), (2**47, 2**47), (-1, 2)])
def test_views_of_storages_stay_within_them(tmp_path: Path, view: tuple[int, int]) -> None:
    """A view outside its storage is refused.

    A tensor outside its view is also refused, although the storage continues after the view.
    """
    start, length = view
    parts = tuple_of(text("v"), integer(start), integer(length))
    refuse(files.write_legacy(tmp_path / "x.pth", dictionary(a=tensor(storage(view=parts), shape=(1,)))))
    inside = tuple_of(text("v"), integer(1), integer(2))
    refuse(files.write_legacy(tmp_path / "x.pth", dictionary(a=tensor(storage(view=inside), offset=1, shape=(2,)))))


@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_one_storage_cannot_stand_for_a_thousand_tensors(tmp_path: Path, write: Callable[[Path, bytes], Path]) -> None:
    """A storage of 4 MiB that a thousand tensors share is refused. It would take 4 GiB in memory."""
    one = tensor(storage(size=1 << 20), shape=(1 << 20,))
    body = dictionary(**{f"a{index}": one for index in range(1000)})
    refuse(write(tmp_path / "x.pth", body, {"0": bytes(4 << 20)}), "its tensors take")  # type: ignore[call-arg]


@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_a_small_view_does_not_bring_a_huge_storage(tmp_path: Path, write: Callable[[Path, bytes], Path]) -> None:
    """Four values of a storage of slightly more than 256 MiB are refused.

    The size is checked before the storage is read, and before it is found to be missing.
    """
    size = pth.MAX_BYTES // 4 + 1
    path = write(tmp_path / "x.pth", dictionary(a=tensor(storage(size=size))))
    if write is files.write_legacy:  # the file has the full length, but takes no space on the disk
        content = path.read_bytes()[:-24]
        path.write_bytes(content + struct.pack("<q", size))
        os.truncate(path, len(content) + 8 + 4 * size)
    refuse(path, "its tensors take")


def test_a_storage_that_is_shorter_than_its_tensors_say(tmp_path: Path) -> None:
    """A file is refused if its two sizes of a storage differ.

    The older format states each size twice, the second time before the values.
    """
    path = files.write_legacy(tmp_path / "x.pth", dictionary(a=tensor()))
    content = path.read_bytes()
    for count in (0, 3, 5, 2**63):
        path.write_bytes(content[:-24] + struct.pack("<Q", count) + content[-16:])
        refuse(path, "does not have the length that its tensors state")


@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, write: Callable[[Path, bytes], Path]) -> None:
    """A file that is cut after any of its bytes is refused."""
    whole = write(tmp_path / "whole.pth", dictionary(a=tensor(), b=tensor(shape=(2, 2), strides=(1, 2)))).read_bytes()
    path = tmp_path / "x.pth"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refuse(path)


@pytest.mark.parametrize("write", [files.write_zip, files.write_legacy])
def test_damage_anywhere_is_refused_or_harmless(tmp_path: Path, write: Callable[[Path, bytes], Path]) -> None:
    """Three changed bytes give tensors or a WeightsError, and never another exception.

    The changes have a fixed seed.
    """
    whole = write(tmp_path / "whole.pth", dictionary(a=tensor(), b=tensor(shape=(2, 2), strides=(1, 2)))).read_bytes()
    path = tmp_path / "x.pth"
    dice = random.Random(5)
    outcomes = set()
    for _ in range(500):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            found = containers.read(path, lambda _: True)
        except WeightsError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
        else:
            assert all(figures.nbytes <= 64 for figures in found.values())
            outcomes.add("read")
    assert outcomes == {"refused", "read"}
