"""Two paths to pairs: what matches, what is left over, and which calls are wrong."""

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
    """Named by the candidate; the suffix need not be an image's, since the content decides."""
    files(right, "render.out")
    assert list(pair_up(left / "a.png", right / "b.png").pairs) == [Pair("b.png", left / "a.png", right / "b.png")]
    assert names(pair_up(left / "a.png", right / "render.out")) == ["render.out"]


def test_two_folders_by_relative_path(left: Path, right: Path) -> None:
    """Recursive, sorted, in posix form."""
    found = pair_up(left, right)
    assert list(found.pairs) == [
        Pair("a.png", left / "a.png", right / "a.png"),
        Pair("b.png", left / "b.png", right / "b.png"),
        Pair("deep/er/c.JPG", left / "deep/er/c.JPG", right / "deep/er/c.JPG"),
    ]
    assert list(found.unmatched) == []
    assert (found.ignored, found.hints) == (0, ())


def test_order_is_that_of_names_and_not_of_the_file_system(tmp_path: Path) -> None:
    """Whatever order the entries were made in."""
    made = ["z.png", "10.png", "9.png", "a/b.png", "a.png", "B.png"]
    left, right = files(tmp_path / "l", *made), files(tmp_path / "r", *reversed(made))
    assert names(pair_up(left, right)) == ["9.png", "10.png", "B.png", "a.png", "a/b.png", "z.png"]


def test_one_file_against_a_folder(left: Path, right: Path) -> None:
    """Every image of the folder with the file, named by the path below the folder."""
    found = pair_up(left / "a.png", right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert {pair.reference for pair in found.pairs} == {left / "a.png"}
    assert found.pairs[2].candidate == right / "deep/er/c.JPG"


def test_what_has_no_partner_is_listed_with_its_side(left: Path, right: Path) -> None:
    """A missing file must not shift the others."""
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
    """Hidden files, other suffixes and hidden folders (as one each) are passed over, and never in silence."""
    files(left, "notes.txt", ".DS_Store", ".hidden/a.png", ".hidden/b.png")
    files(right, "._a.png", "README", "png", ".png")
    found = pair_up(left, right)
    assert names(found) == ["a.png", "b.png", "deep/er/c.JPG"]
    assert found.ignored == 3 + 4


def test_suffixes_in_any_case_and_known_but_unread_formats_count(tmp_path: Path) -> None:
    """A folder of .exr gives rows that say why, rather than being passed over."""
    made = ["a.PNG", "b.Tiff", "c.webp", "d.exr", "e.HEIC"]
    found = pair_up(files(tmp_path / "l", *made), files(tmp_path / "r", *made))
    assert names(found) == made
    assert found.ignored == 0


def test_matching_by_stem(tmp_path: Path) -> None:
    """The suffix alone is left out: folders and inner dots count. The pair is named by what both share."""
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
    """Two files of one stem in one folder: all are listed up to a few, on whichever side."""
    left = files(tmp_path / "l", "a.png", "sub/b.png")
    right = files(tmp_path / "r", "a.png", "a.jpg", "sub/b.png", "sub/b.webp")
    for one, other in ((left, right), (right, left)):
        assert (
            f"{right}: several files have the same name apart from the suffix: "
            "a.jpg and a.png, sub/b.png and sub/b.webp;"
        ) in told(one, other, "stem")
    assert names(pair_up(left, right)) == ["a.png", "sub/b.png"]


def test_a_missing_path(left: Path, tmp_path: Path) -> None:
    """On either side, a broken link included."""
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for gone in (tmp_path / "gone", tmp_path / "link"):
        assert told(left, gone).startswith(f"{gone}: no such file or folder")
        assert told(gone, left).startswith(f"{gone}: no such file or folder")


def test_paths_that_cannot_be_looked_at(left: Path, tmp_path: Path) -> None:
    """A link to itself, and a NUL."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in told(left, tmp_path / "loop")
    assert "\\x00b cannot be read" in told(left, Path("a\0b"))


def test_an_empty_folder(left: Path, tmp_path: Path) -> None:
    """No images at all, on either side, for files too; what else lies there is counted."""
    empty, bare = files(tmp_path / "empty", "a.txt", "b/c.md", ".d.png"), tmp_path / "bare"
    bare.mkdir()
    said = "has no images, but other files: 1 .md, 1 .txt, 1 hidden; check the path"
    for folder, why in ((empty, said), (bare, "has no images: it is empty; check the path")):
        for reference, candidate in ((left, folder), (folder, left), (left / "a.png", folder)):
            assert told(reference, candidate) == f"{folder} {why}"


def test_the_same_twice(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by another spelling, a link or a hard link: the scores would say nothing."""
    (tmp_path / "link").symlink_to(left)
    os.link(left / "a.png", tmp_path / "hard.png")
    monkeypatch.chdir(tmp_path)
    for other in (left, Path("before"), Path(f"{left}/"), left / ".." / "before", tmp_path / "link"):
        assert "are the same" in told(left, other)
    assert "are the same" in told(left / "a.png", tmp_path / "hard.png")


def test_a_folder_against_a_file(left: Path, right: Path) -> None:
    """Refused, with the order that works."""
    assert "is a folder, but" in (message := told(left, right / "a.png"))
    assert "give the file first" in message


def test_nothing_in_common(tmp_path: Path) -> None:
    """With examples of both sides, and the hint that stems would match."""
    left, right = files(tmp_path / "l", "a.png", "b.png", "c.png"), files(tmp_path / "r", "a.jpg", "b.jpg")
    message = told(left, right)
    assert "the first folder has a.png, b.png and 1 more; the second has a.jpg, b.jpg;" in message
    assert "only in their suffix, which matching by stem ignores: 2, such as a.png and a.jpg" in message
    assert "the same name" in told(left, files(tmp_path / "s", "x.png"))


def test_names_that_are_nearly_the_same_are_hinted_at(tmp_path: Path) -> None:
    """Case, and the two ways in which Unicode writes an accent (macOS unpacks one, Linux the other)."""
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
    """Bytes that are no UTF-8 pair up like others, and are escaped in messages."""
    odd = os.fsdecode(b"\xff.png")
    files(left, odd, "line\nbreak.png")
    files(right, odd, "line\nbreak.png")
    assert odd in names(pair_up(left, right))
    other = files(right.parent / "other", "z.png")
    assert "a.png, b.png and 3 more" in told(left, other)
    assert "\\udcff.png" in told(files(right.parent / "odd", odd), other)


def test_pairs_are_a_sequence(left: Path, right: Path) -> None:
    """Length, slices and negative indices, without making every pair of paths in advance."""
    pairs = pair_up(left, right).pairs
    assert len(pairs) == 3
    assert pairs[-1] == list(pairs)[2]
    assert list(pairs[1:]) == list(pairs)[1:]
    with pytest.raises(IndexError):
        pairs[3]
    assert "a.png" in repr(pairs)
