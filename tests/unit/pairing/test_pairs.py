"""Pairs from two paths: matched files, unmatched files, and wrong calls."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import pytest

from eyediff.pairing import pair_up
from eyediff.records import Pair, Unmatched

from .made import files, names, told


def test_two_files_are_one_pair(left: Path, right: Path) -> None:
    """The pair has the name of the candidate. Any suffix is accepted, because the content decides."""
    files(right, "render.out")
    assert list(pair_up(left / "a.png", right / "b.png").pairs) == [Pair("b.png", left / "a.png", right / "b.png")]
    assert names(pair_up(left / "a.png", right / "render.out")) == ["render.out"]


def test_two_folders_by_relative_path(left: Path, right: Path) -> None:
    """Folders are searched recursively. Pairs are sorted, and their names have forward slashes."""
    found = pair_up(left, right)
    assert list(found.pairs) == [
        Pair("a.png", left / "a.png", right / "a.png"),
        Pair("b.png", left / "b.png", right / "b.png"),
        Pair("deep/er/c.JPG", left / "deep/er/c.JPG", right / "deep/er/c.JPG"),
    ]
    assert list(found.unmatched) == []
    assert (found.ignored, found.hints) == (0, ())


def test_order_is_that_of_names_and_not_of_the_file_system(tmp_path: Path) -> None:
    """The order does not depend on the order in which the files were made."""
    made = ["z.png", "10.png", "9.png", "a/b.png", "a.png", "B.png"]
    left, right = files(tmp_path / "l", *made), files(tmp_path / "r", *reversed(made))
    assert names(pair_up(left, right)) == ["9.png", "10.png", "B.png", "a.png", "a/b.png", "z.png"]


def test_one_file_against_a_folder(left: Path, right: Path) -> None:
    """Every image of the folder is paired with the file. The name of a pair is the path below the folder."""
    found = pair_up(left / "a.png", right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert {pair.reference for pair in found.pairs} == {left / "a.png"}
    assert found.pairs[2].candidate == right / "deep/er/c.JPG"


def test_what_has_no_partner_is_listed_with_its_side(left: Path, right: Path) -> None:
    """A file without a partner is listed with its side, and does not change the other pairs."""
    files(left, "0.png", "x.png")
    files(right, "y.png")
    found = pair_up(left, right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert list(found.unmatched) == [
        Unmatched("reference", left / "0.png"),
        Unmatched("reference", left / "x.png"),
        Unmatched("candidate", right / "y.png"),
    ]


def test_what_is_no_image_is_counted(left: Path, right: Path) -> None:
    """Hidden files, other suffixes and hidden folders are skipped and counted. A hidden folder counts as one entry."""
    files(left, "notes.txt", ".DS_Store", ".hidden/a.png", ".hidden/b.png")
    files(right, "._a.png", "README", "png", ".png")
    found = pair_up(left, right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert found.ignored == 3 + 4


def test_suffixes_in_any_case_and_known_but_unread_formats_count(tmp_path: Path) -> None:
    """Suffixes may have any case.

    A file in a known format that cannot be read, such as .exr, gives a row with the reason, and is not skipped.
    """
    made = ["a.PNG", "b.Tiff", "c.webp", "d.exr", "e.HEIC"]
    found = pair_up(files(tmp_path / "l", *made), files(tmp_path / "r", *made))
    assert names(found) == made
    assert found.ignored == 0


def test_matching_by_stem(tmp_path: Path) -> None:
    """Only the suffix is left out; folders and inner dots count. The pair has the name that both files share."""
    left = files(tmp_path / "l", "a.png", "sub/b.v2.png", "c.png", "same.png")
    right = files(tmp_path / "r", "a.jpg", "sub/b.v2.webp", "sub/c.jpg", "same.png")
    found = pair_up(left, right, "stem")
    assert list(found.pairs) == [
        Pair("a", left / "a.png", right / "a.jpg"),
        Pair("same", left / "same.png", right / "same.png"),
        Pair("sub/b.v2", left / "sub/b.v2.png", right / "sub/b.v2.webp"),
    ]
    assert list(found.unmatched) == [
        Unmatched("reference", left / "c.png"),
        Unmatched("candidate", right / "sub/c.jpg"),
    ]


def test_an_ambiguous_stem_is_refused(tmp_path: Path) -> None:
    """Several files with one stem in one folder are refused on either side. The message lists the first of them."""
    left = files(tmp_path / "l", "a.png", "sub/b.png")
    right = files(tmp_path / "r", "a.png", "a.jpg", "sub/b.png", "sub/b.webp")
    for one, other in ((left, right), (right, left)):
        assert (
            f"{right}: several files have the same name apart from the suffix: "
            "a.jpg and a.png, sub/b.png and sub/b.webp;"
        ) in told(one, other, "stem")
    assert names(pair_up(left, right)) == ["a.png", "sub/b.png"]


def test_a_missing_path(left: Path, tmp_path: Path) -> None:
    """A missing path on either side is an error. A broken link is a missing path, too."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for gone in (tmp_path / "gone", tmp_path / "link"):
        assert told(left, gone).startswith(f"{gone}: no such file or folder")
        assert told(gone, left).startswith(f"{gone}: no such file or folder")


def test_paths_that_cannot_be_looked_at(left: Path, tmp_path: Path) -> None:
    """A link to itself, and a path with a NUL character, cannot be read."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in told(left, tmp_path / "loop")
    assert "\\x00b cannot be read" in told(left, Path("a\0b"))


def test_an_empty_folder(left: Path, tmp_path: Path) -> None:
    """A folder without images is refused on either side, also if the reference is a file. Other files are counted."""
    empty, bare = files(tmp_path / "empty", "a.txt", "b/c.md", ".d.png"), tmp_path / "bare"
    bare.mkdir()
    said = "has no images, but other files: 1 .md, 1 .txt, 1 hidden; check the path"
    for folder, why in ((empty, said), (bare, "has no images: it is empty; check the path")):
        for reference, candidate in ((left, folder), (folder, left), (left / "a.png", folder)):
            assert told(reference, candidate) == f"{folder} {why}"


def test_the_same_twice(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal paths are refused, because the scores would have no meaning.

    Another spelling, a link and a hard link of the same path are refused, too.
    """
    (tmp_path / "link").symlink_to(left)
    os.link(left / "a.png", tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for other in (left, Path("before"), Path(f"{left}/"), left / ".." / "before", tmp_path / "link"):
        assert "are the same" in told(left, other)
    assert "are the same" in told(left / "a.png", tmp_path / "hard.png")


def test_a_folder_against_a_file(left: Path, right: Path) -> None:
    """A folder as reference and a file as candidate are refused. The message gives the correct order."""
    assert "is a folder, but" in (message := told(left, right / "a.png"))
    assert "give the file first" in message


def test_nothing_in_common(tmp_path: Path) -> None:
    """The error has examples from both sides, and a hint if matching by stem would give pairs."""
    left, right = files(tmp_path / "l", "a.png", "b.png", "c.png"), files(tmp_path / "r", "a.jpg", "b.jpg")
    message = told(left, right)
    assert "the first folder has a.png, b.png and 1 more; the second has a.jpg, b.jpg;" in message
    assert "only in their suffix, which matching by stem ignores: 2, such as a.png and a.jpg" in message
    assert "the same name" in told(left, files(tmp_path / "s", "x.png"))


def test_names_that_are_nearly_the_same_are_hinted_at(tmp_path: Path) -> None:
    """A hint is given for names that differ only in case or in the Unicode form of an accent.

    macOS decomposes an accent (NFD), and Linux does not (NFC).
    """
    accent = "caf\u00e9.png"
    left = files(tmp_path / "l", "same.png", "Photo.png", unicodedata.normalize("NFC", accent))
    right = files(tmp_path / "r", "same.png", "photo.PNG", unicodedata.normalize("NFD", accent))
    if len(list(right.iterdir())) < 3:
        pytest.skip("this file system takes such names for one")
    found = pair_up(left, right)
    assert names(found) == ["same.png"]
    assert len(found.unmatched) == 4
    assert [re.sub(r".* only in (.*), such as .*", r"\1", hint) for hint in found.hints] == [
        "the Unicode form of their letters: 1",
        "upper and lower case: 1",
    ]


def test_names_that_are_no_text(left: Path, right: Path) -> None:
    """Names that are not valid UTF-8 are matched like other names, and are escaped in messages."""
    odd = os.fsdecode(b"\xff.png")
    files(left, odd, "line\nbreak.png")
    files(right, odd, "line\nbreak.png")
    assert odd in names(pair_up(left, right))
    other = files(right.parent / "other", "z.png")
    assert "a.png, b.png and 3 more" in told(left, other)
    assert "\\udcff.png" in told(files(right.parent / "odd", odd), other)


def test_pairs_are_a_sequence(left: Path, right: Path) -> None:
    """The pairs have a length, slices and negative indices, but are not all made in advance."""
    pairs = pair_up(left, right).pairs
    assert len(pairs) == 3
    assert pairs[-1] == list(pairs)[2]
    assert list(pairs[1:]) == list(pairs)[1:]
    with pytest.raises(IndexError):
        pairs[3]
    assert "a.png" in repr(pairs)
