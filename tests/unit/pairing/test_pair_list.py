"""Lists of pairs: CSV, JSON lines and Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from eyediff.errors import UsageError
from eyediff.locations import Url
from eyediff.pairing import list_pairs, read_pairs
from eyediff.records import Pair


def written(folder: Path, text: str, name: str = "pairs.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_json_lines_say_the_same(tmp_path: Path) -> None:
    """Paths are relative to the table. Name and group may be empty. Other columns are ignored."""
    table = written(tmp_path, "reference,candidate,name,group,seed\na.png,sub/b.png,first,lego,1\n/x/a.png,c.png,,,2\n")
    expected = [
        Pair("first", tmp_path / "a.png", tmp_path / "sub/b.png", group="lego"),
        Pair("c.png", Path("/x/a.png"), tmp_path / "c.png"),
    ]
    assert list(read_pairs(table)) == expected
    rows = [
        {"reference": "a.png", "candidate": "sub/b.png", "name": "first", "group": "lego"},
        {"reference": "/x/a.png", "candidate": "c.png", "name": None},
    ]
    lines = written(tmp_path, "\n".join(map(json.dumps, rows)), "pairs.jsonl")
    assert list(read_pairs(lines)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reference,candidate\n", "has no pairs; expected rows with the columns reference and candidate"),
        ("before,after\na,b\n", "line 2: there is no column reference; the columns are: before, after; correct"),
        ("reference;candidate\na;b\n", "line 2: there is no column reference; the columns are: reference;candidate"),
        ("reference,candidate\n,b\n", "line 2: the reference is missing; expected a path or a URL"),
        ("reference,candidate,masks\na,b,c\n", "line 2: the column masks is unknown; rename it to mask, or leave it"),
        ("reference,candidate,Group\na,b,c\n", "line 2: the column Group is unknown; rename it to group"),
        (
            "reference,candidate\na\nb,c\nd,\n",
            "line 2: the row has 1 cells; expected 2; line 4: the candidate is missing",
        ),
        ("reference,candidate\na,b\nc,b\n", "two pairs have the name b; give each pair a different name"),
        ("reference,reference\na,b\n", "has the column reference twice"),
    ],
)
def test_a_list_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    """The error is one line that names the wrong rows. It is raised before any image is read."""
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        read_pairs(written(tmp_path, text))
    assert str(caught.value).isprintable()


def test_a_misspelled_key_in_python() -> None:
    """A misspelled key is refused, because its masks would not be used."""
    with pytest.raises(UsageError, match="the column Mask is unknown; rename it to mask"):
        list_pairs([{"reference": "a", "candidate": "b", "Mask": "c"}])


def test_files_that_are_no_table(tmp_path: Path) -> None:
    """A missing file, a file of another kind, a file that is not UTF-8, and invalid JSON are refused."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_pairs(tmp_path / "gone.csv")
    with pytest.raises(UsageError, match=r"ending in \.csv or \.jsonl"):
        read_pairs(written(tmp_path, "", "pairs.txt"))
    (tmp_path / "latin.csv").write_bytes(b"reference,candidate\n\xff,b\n")
    with pytest.raises(UsageError, match="not valid CSV in UTF-8"):
        read_pairs(tmp_path / "latin.csv")
    with pytest.raises(UsageError, match="line 1: the line is not JSON"):
        read_pairs(written(tmp_path, "{", "pairs.jsonl"))


def test_pairs_in_python() -> None:
    """A pair may be two paths or a mapping. Paths stay as they are given. An empty list is refused."""
    assert list_pairs([("a", "b"), {"reference": "c", "candidate": "d", "name": "n", "group": "g"}]) == [
        Pair("b", Path("a"), Path("b")),
        Pair("n", Path("c"), Path("d"), group="g"),
    ]
    with pytest.raises(UsageError, match="the list of pairs is empty"):
        list_pairs([])


def test_masks_of_pairs(tmp_path: Path) -> None:
    """A mask is a path relative to the table, like the other paths. An empty cell means no mask."""
    found = read_pairs(written(tmp_path, "reference,candidate,mask\na,b,m.png\na,c,\na,d,/m.png\n"))
    assert [pair.mask for pair in found] == [tmp_path / "m.png", None, Path("/m.png")]
    assert list_pairs([{"reference": "a", "candidate": "b", "mask": "m"}])[0].mask == Path("m")


def test_urls_need_what_opens_them(tmp_path: Path) -> None:
    """A URL stays as it is written. A URL with a scheme that cannot be opened is refused before any work."""
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    (pair,) = read_pairs(written(tmp_path, "reference,candidate\nmemory://a.png,b.png\n"))
    assert pair.reference == Url("memory://a.png")
    with pytest.raises(UsageError, match="nothing:// cannot be opened"):
        read_pairs(written(tmp_path, "reference,candidate\nnothing://a.png,b.png\n"))
