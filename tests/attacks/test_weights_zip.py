"""Hostile zip archives with the suffix .pth."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from eyediff.weights import pth
from tests.unit.weights import files
from tests.unit.weights.files import dictionary, storage, tensor

from .refused import refuse

HONEST = dictionary(a=tensor())


@pytest.mark.parametrize("evil", ["../../evil", "/evil", "archive/../../evil", "C:\\evil", "other/data/0", "evil"])
def test_members_with_names_outside_of_their_folder(tmp_path: Path, evil: str) -> None:
    """A file with a member outside its folder is refused, because torch does not write such names.

    Nothing is ever extracted.
    """
    (tmp_path / "in").mkdir()
    path = files.write_zip(tmp_path / "in" / "x.pth", HONEST)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(evil, b"evil")
    refuse(path, "which torch does not write")
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["in", "x.pth"]


@pytest.mark.parametrize("key", ["../data.pkl", "../../../../etc/passwd", "/etc/passwd", "", "0/../0", "1"])
def test_storages_whose_key_leads_elsewhere(tmp_path: Path, key: str) -> None:
    """A key is looked up only among the members of the archive."""
    refuse(files.write_zip(tmp_path / "x.pth", dictionary(a=tensor(storage(key)))), "is missing, or does not have")


def test_a_compressed_member(tmp_path: Path) -> None:
    """A compressed member is refused and never decompressed, because torch never compresses.

    The member has a megabyte of zeros, compressed to a kilobyte.
    """
    path = files.write_zip(tmp_path / "x.pth", HONEST, {"0": bytes(1 << 20)}, compression=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 10_000
    refuse(path, "compressed or encrypted member")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_a_member_that_says_it_is_compressed(tmp_path: Path, method: int) -> None:
    """A member that is marked as compressed is refused, even if its sizes are equal as in a stored member.

    No decompressor reads it.
    """
    path = files.write_zip(tmp_path / "x.pth", HONEST)
    content = bytearray(path.read_bytes())
    for start, field in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        at = content.rindex(start) + field
        content[at : at + 2] = struct.pack("<H", method)
    path.write_bytes(content)
    refuse(path, "compressed or encrypted member")


@pytest.mark.parametrize("field", [20, 24])
def test_a_member_that_lies_about_its_size(tmp_path: Path, field: int) -> None:
    """A member is refused if its two sizes differ, or are more than the archive has."""
    path = files.write_zip(tmp_path / "x.pth", HONEST)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # the last member: the storage
    content[entry + field : entry + field + 4] = struct.pack("<I", 0x7FFFFFFF)
    path.write_bytes(content)
    refuse(path)
    content[entry + 20 : entry + 28] = struct.pack("<II", 0x7FFFFFFF, 0x7FFFFFFF)
    path.write_bytes(content)
    refuse(path, "is missing, or does not have 16 bytes")


def test_members_that_overlap(tmp_path: Path) -> None:
    """The sizes that all storages state are added up, so that overlapping members cannot exceed the limit."""
    size = 1 << 20
    body = dictionary(**{f"a{key}": tensor(storage(str(key), size), shape=(size,)) for key in range(100)})
    path = files.write_zip(tmp_path / "x.pth", body, {str(key): bytes(16) for key in range(100)})
    refuse(path, "its tensors take")


def test_two_members_of_one_name(tmp_path: Path) -> None:
    """A file with two members of one name is refused, because another reader might take either of them."""
    path = files.write_zip(tmp_path / "x.pth", HONEST)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/data/0", bytes(16))
    refuse(path, "two members with the same name")


def test_figures_that_were_changed(tmp_path: Path) -> None:
    """Changed values are detected by the checksum of the archive."""
    path = files.write_zip(tmp_path / "x.pth", HONEST, {"0": b"sixteen bytes..."})
    path.write_bytes(path.read_bytes().replace(b"sixteen", b"Sixteen"))
    refuse(path, "CRC")


def test_an_encrypted_member(tmp_path: Path) -> None:
    """An encrypted member is refused, and no password is requested."""
    path = files.write_zip(tmp_path / "x.pth", HONEST)
    content = bytearray(path.read_bytes())
    for start in (b"PK\x01\x02", b"PK\x03\x04"):
        at = content.rindex(start) + (8 if start == b"PK\x01\x02" else 6)
        content[at] |= 1
    path.write_bytes(content)
    refuse(path, "encrypted")


@pytest.mark.parametrize("wide", [False, True])
def test_a_huge_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wide: bool) -> None:
    """A huge directory is refused before it is read, whichever record states its size.

    The members have names of 60 KB.
    """
    if wide:
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)  # zipfile then writes the 64-bit record
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", files.program(HONEST))
        for index in range(80):
            archive.writestr(f"archive/{index:060000}", b"")
    content = bytearray(path.read_bytes())
    if wide:
        assert content[-98:-94] == b"PK\x06\x06"
        content[-10:-6] = bytes(4)  # the 32-bit record states a size of 0; zipfile uses the other one
        path.write_bytes(content)
        with zipfile.ZipFile(path) as archive:
            assert len(archive.infolist()) == 81
    refuse(path, f"expected at most {pth.MAX_DIRECTORY:,} bytes")


def test_a_pickle_that_is_a_whole_disk(tmp_path: Path) -> None:
    """A huge pickle is refused by its size before it is read."""
    refuse(files.write_zip(tmp_path / "x.pth", files.text("x" * (pth.MAX_PICKLE + 1))), "pickle has more than")


@pytest.mark.parametrize("names", [[], ["data.pkl"], ["a/data.pkl", "b/data.pkl"], ["a/b/data.pkl"]])
def test_archives_that_are_not_torchs(tmp_path: Path, names: list[str]) -> None:
    """A zip file of another program, or of two networks, is refused."""
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "hello")
        for member in names:
            archive.writestr(member, files.program(HONEST))
    refuse(path, "not from torch")
