"""A study of the user as a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eyediff.errors import StudyError
from eyediff.votes import read_study

from .studies import picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write three images, and return the folder for the table."""
    for level, name in enumerate(("r", "x", "y")):
        picture(tmp_path / "images" / f"{name}.png", 100 + level)
    return tmp_path


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_json_lines_say_the_same(folder: Path) -> None:
    """Paths are relative to the table. Counts of votes are kept. The subset and the name are optional."""
    table = written(
        folder / "votes.csv",
        "\ufeffreference,a,b,votes_a,votes_b,subset,note\n"
        "images/r.png,images/x.png,images/y.png,1,4,blur,=1+1\n"
        "images/r.png,images/y.png,images/x.png,3,0,,\n",
    )
    first, second = read_study(table, "2afc").triplets
    assert (first.votes_a, first.votes_b, first.share, first.subset, first.name) == (1, 4, 0.8, "blur", "2")
    assert (second.share, second.subset, second.a) == (0, "all", folder / "images/y.png")
    rows = [
        {"reference": "images/r.png", "a": "images/x.png", "b": "images/y.png", "votes_a": 1, "votes_b": 4,
         "subset": "blur", "name": "2"},
        {"reference": "images/r.png", "a": "images/y.png", "b": "images/x.png", "votes_a": 3, "votes_b": 0,
         "name": "3"},
    ]  # fmt: skip
    lines = written(folder / "votes.jsonl", "\n\n".join(map(json.dumps, rows)))
    assert read_study(lines, "2afc").items == (first, second)


def test_likenesses_and_opinions(folder: Path) -> None:
    """The kinds `jnd` and `mos` have their own columns."""
    table = written(folder / "jnd.csv", "a,b,same,total\nimages/r.png,images/x.png,2,3\n")
    (pair,) = read_study(table, "jnd").jnd_pairs
    assert pair.share == pytest.approx(2 / 3)
    table = written(folder / "mos.csv", "reference,candidate,mos\nimages/r.png,images/x.png,-3.5\n")
    (opinion,) = read_study(table, "mos").opinions
    assert opinion.mos == -3.5 and opinion.images == (folder / "images/r.png", folder / "images/x.png")


HEAD = "reference,a,b,votes_a,votes_b\n"
GOOD = "images/r.png,images/x.png,images/y.png,1,4\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEAD + GOOD.replace(",1,4", ",-1,4"), "1 out of range"),
        (HEAD + GOOD.replace(",1,4", ",0,0"), "votes_a 0 and votes_b 0 were given; expected numbers of votes"),
        (HEAD + GOOD.replace(",1,4", ",nan,4"), "votes_a is 'nan'; expected a number"),
        (HEAD + GOOD.replace(",1,4", ",1"), "line 2: wrong shape: the row has 4 cells; expected 5"),
        (HEAD + GOOD.replace("x.png", "z.png"), r"z\.png: missing: there is no such image"),
        (HEAD + GOOD + GOOD, "line 3: doubled: line 2 has the same question; add up the votes"),
        (HEAD + GOOD + "images/r.png,images/y.png,images/x.png,4,1\n", "1 doubled"),
        (
            HEAD.replace("votes_b", "votesb") + GOOD,
            "the row has no votes_b; a row of 2afc votes needs reference, a, b, votes_a, vot",
        ),
        (HEAD, "has no rows; expected the columns reference, a, b, votes_a, votes_b"),
        (HEAD.replace("votes_b", "votes_a") + GOOD, "has the column votes_a twice"),
        (HEAD + '"' + GOOD, "not valid CSV in UTF-8"),
    ],
)
def test_bad_tables(folder: Path, text: str, told: str) -> None:
    """The error is one line that says what is wrong and where. No study is returned."""
    table = written(folder / "votes.csv", text)
    with pytest.raises(StudyError, match=told) as caught:
        read_study(table, "2afc")
    assert "\n" not in str(caught.value)


def test_bad_json_lines_and_other_files(folder: Path) -> None:
    """Lines that are not JSON objects are counted in the error. Other kinds of files are refused by name."""
    table = written(folder / "votes.jsonl", '{"a":\n[1]\n' + "[" * 100_000 + '\n{"a": true}\n')
    with pytest.raises(StudyError, match="2 unreadable, 1 wrong shape, 1 missing"):
        read_study(table, "2afc")
    with pytest.raises(StudyError, match=r"a name ending in \.csv or \.jsonl"):
        read_study(written(folder / "votes.xlsx", ""), "2afc")
    with pytest.raises(StudyError, match="no such file or folder"):
        read_study(folder / "none", "2afc")
    with pytest.raises(StudyError, match="opinion scores are read from a table"):
        read_study(folder, "mos")
