"""The published layout of BAPPS.

Files are matched by name, the dataset and each of its parts can be read, and all problems are listed.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import StudyError, UsageError
from eyediff.votes import find_problems, read_study

from .studies import bapps, picture, vote

TWO = {"cnn": [(110, 90, 0.2), (120, 100, 1.0)], "traditional": [(101, 130, 0.0)]}


def test_a_dataset_and_each_of_its_parts(tmp_path: Path) -> None:
    """The dataset, `2afc`, `2afc/val` and a subset give their triplets. Subsets are in the order of the paper."""
    root = bapps(tmp_path, TWO)
    whole = read_study(root, "2afc")
    assert whole.subsets == ("traditional", "cnn")
    assert [item.name for item in whole.triplets] == ["traditional/000000", "cnn/000000", "cnn/000001"]
    assert [item.share for item in whole.triplets] == [0, pytest.approx(np.float32(0.2), abs=1e-12), 1]
    assert whole.triplets[1].b == root / "2afc/val/cnn/p1/000000.png"
    for part in ("2afc", "2afc/val"):
        assert read_study(root / part, "2afc").items == whole.items
    assert read_study(root / "2afc/val/cnn", "2afc").items == whole.items[1:]


def test_likenesses_and_the_training_split(tmp_path: Path) -> None:
    """JND pairs have the share of people who saw no difference.

    JND has no training split. The training split of 2AFC is read by its name.
    """
    bapps(tmp_path, {"cnn": [(110, 110, 1 / 3)]}, "jnd")
    bapps(tmp_path, {"mix": [(110, 110, 0.5)]}, split="train")
    (pair,) = read_study(tmp_path, "jnd").jnd_pairs
    assert pair.share == pytest.approx(np.float32(1 / 3)) and pair.a.parts[-2:] == ("p0", "000000.png")
    assert read_study(tmp_path, "2afc", split="train").subsets == ("mix",)
    with pytest.raises(StudyError, match="no split 'train'; expected one of val"):
        read_study(tmp_path, "jnd", split="train")
    with pytest.raises(
        StudyError,
        match=r"has no 2afc votes; expected a table, or a folder of the layout 2afc/val/SUBSET/\{ref,p0,p1,judge\}",
    ):
        read_study(tmp_path, "2afc", split="val")


def test_a_split_of_a_folder_that_is_another_part(tmp_path: Path) -> None:
    """A split that is not the split of the folder is refused with both names, and is not ignored.

    A folder that is the split itself is accepted.
    """
    root = bapps(tmp_path, TWO)
    for part in ("2afc/val", "2afc/val/cnn"):
        with pytest.raises(UsageError, match=rf"{part} belongs to the split val, but split=.train. was given"):
            read_study(root / part, "2afc", split="train")
        assert read_study(root / part, "2afc", split="val").items == read_study(root / part, "2afc").items
    (root / "2afc/val").rename(root / "mine")
    with pytest.raises(UsageError, match=r"mine has no splits, but split=.val. was given"):
        read_study(root / "mine", "2afc", split="val")
    assert len(read_study(root / "mine", "2afc", default="train").items) == 3


def test_a_missing_file_shifts_no_vote(tmp_path: Path) -> None:
    """Files are matched by name. A missing file is reported, and the other items keep their own votes."""
    root = bapps(tmp_path, {"cnn": [(110, 90, number / 4) for number in range(5)]})
    (root / "2afc/val/cnn/p0/000001.png").unlink()
    study, problems = find_problems(root, "2afc")
    assert [(item.name[-1], item.share) for item in study.triplets] == [("0", 0), ("2", 0.5), ("3", 0.75), ("4", 1)]
    assert (
        len(problems) == 1
        and "p0/000001.png: missing: there is no such file, but there is one in ref, p1, judge" in problems[0]
    )


def test_all_that_is_wrong_is_listed(tmp_path: Path) -> None:
    """Every problem has its kind and its file. The error counts the problems in one line, and no study is returned."""
    folder = bapps(tmp_path, {"cnn": [(110, 90, 0.5)] * 7}) / "2afc/val/cnn"
    (folder / "ref/000000.png").unlink()
    (folder / "judge/000001.npy").unlink()
    shutil.copy(folder / "p0/000002.png", folder / "p0/000002.PNG")
    vote(folder / "judge/000003.npy", [0.5, 0.5])
    vote(folder / "judge/000004.npy", [1.5])
    vote(folder / "judge/000005.npy", [np.nan])
    (folder / "p1/000006.png").write_bytes(b"")
    with pytest.raises(StudyError) as caught:
        read_study(tmp_path, "2afc")
    line = str(caught.value)
    assert "(1 doubled, 2 missing, 1 wrong shape, 2 out of range, 1 unreadable)" in line and "\n" not in line
    assert "`eyediff eval check` lists 4 more" in line
    problems = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 7
    assert "judge/000003.npy: wrong shape: the shape is (2,); expected (1,) or ()" in problems
    assert "judge/000004.npy: out of range: the fraction of votes is 1.5; expected 0 to 1" in problems
    assert "p1/000006.png: unreadable: the file is empty" in problems


def hostile() -> dict[str, bytes]:
    """Return vote files that an attacker could make."""
    pickled, huge, text = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(pickled, np.array([object], object), allow_pickle=True)
    np.save(text, np.array(["0.5"]))
    np.lib.format.write_array_header_1_0(huge, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)})
    deep = b"\x93NUMPY\x01\x00" + (2000).to_bytes(2, "little") + b"(" * 2000
    return {
        "pickle": pickled.getvalue(),
        "announces a petabyte": huge.getvalue(),
        "text": text.getvalue(),
        "nested header": deep,
        "too long": b"\x93NUMPY" + bytes(5000),
        "cut": pickled.getvalue()[:20],
        "zip": b"PK\x03\x04" + bytes(100),
        "empty": b"",
    }


@pytest.mark.parametrize("what", hostile())
def test_hostile_votes(tmp_path: Path, what: str) -> None:
    """A hostile vote file is not unpickled, allocated or used. It is one problem with the name of the file."""
    root = bapps(tmp_path, {"cnn": [(110, 90, 0.5)]})
    (root / "2afc/val/cnn/judge/000000.npy").write_bytes(hostile()[what])
    with pytest.raises(StudyError, match=r"judge/000000\.npy: (unreadable|wrong shape): "):
        read_study(root, "2afc")


@pytest.mark.parametrize("stored", [np.float64(0.25), np.float32([0.25]), np.array([0.25], ">f8"), np.array([1], "u1")])
def test_every_form_of_one_number(tmp_path: Path, stored: np.ndarray) -> None:
    """A share is read in any number type and byte order, from an array with one value and from a scalar."""
    root = bapps(tmp_path, {"cnn": [(110, 90, 0.5)]})
    np.save(root / "2afc/val/cnn/judge/000000.npy", stored)
    assert read_study(root, "2afc").triplets[0].share == float(np.ravel(stored)[0])


def test_the_whole_check_decodes(tmp_path: Path) -> None:
    """`find_problems` decodes all images, and finds a truncated file and two sizes in one item.

    The first bytes of the files do not show these problems, and `read_study` accepts the files.
    """
    folder = bapps(tmp_path, {"cnn": [(110, 90, 0.5)] * 2}) / "2afc/val/cnn"
    cut = folder / "p0/000000.png"
    cut.write_bytes(cut.read_bytes()[:60])
    picture(folder / "p1/000001.png", side=32)
    assert len(read_study(tmp_path, "2afc").items) == 2
    _, problems = find_problems(tmp_path, "2afc", workers=2)
    assert len(problems) == 2
    assert "p0/000000.png: unreadable: " in problems[0]
    assert "p1/000001.png: wrong shape: the image is 32x32, but 000001.png is 64x64" in problems[1]
