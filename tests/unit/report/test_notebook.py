"""The display of results and maps in notebooks, and the conversion to pandas."""

from __future__ import annotations

import io
import math
import pickle
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.comparison import Result
from eyediff.errors import UsageError
from eyediff.records import Failure, Pair, ScoredPair, Statistics, Summary
from eyediff.report import notebook
from eyediff.report.colormap import table
from tests.unit.output.samples import HEADER, ROWS, SUMMARY

HOSTILE = "<img src=x onerror=alert(1)>\n&.png"


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """Return a result with a good pair, a failed pair, and a pair whose files are missing. One name is HTML."""
    for name in ("a.png", "b.png"):
        Image.new("RGB", (300, 200), (10, 200, 30)).save(tmp_path / name)
    there = Pair(HOSTILE, tmp_path / "a.png", tmp_path / "b.png")
    gone = Pair("gone.png", tmp_path / "none.png", tmp_path / "none.png")
    rows = [
        ScoredPair(there, 300, 200, {"lpips": 0.25, "psnr": math.inf}),
        Failure(there, "read", HOSTILE, 300, 200),
        ScoredPair(gone, 300, 200, {"lpips": 0.5, "psnr": 20.0}),
    ]
    mean = Statistics(0.375, 0.375, 0.1, 0.25, 0.5, None, (), 2)
    return Result(HEADER, rows, Summary(3, 1, {"lpips": mean}, SUMMARY.unmatched))


class Tags(HTMLParser):
    """The tags of a page. Each tag must be closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_result_is_a_table_with_thumbnails(result: Result) -> None:
    """The table has one row for each pair, the mean, and the failed pairs.

    Thumbnails are inline, and none is loaded from another place. Names are text, and not markup.
    """
    page = result._repr_html_()
    tags = Tags(page)
    assert tags.open == [] and [tag for tag, _ in tags.seen].count("tr") == 5
    pictures = [attributes for tag, attributes in tags.seen if tag == "img"]
    assert len(pictures) == 4 and all(str(found["src"]).startswith("data:image/webp;base64,") for found in pictures)
    assert {(found["width"], found["height"]) for found in pictures} == {("96", "64")}
    assert not any("onerror" in attributes for _, attributes in tags.seen)
    assert "&lt;img src=x onerror=alert(1)&gt;\\n&amp;.png failed (read)" in page
    assert "lpips &darr;" in page and "psnr &uarr;" in page and "0.37500" in page and "inf" in page
    assert "2 pairs compared, 1 failed, 2 files without a partner" in page


def test_a_long_result_stays_short(result: Result) -> None:
    """A long result shows its first rows and the number of all pairs."""
    page = Result(HEADER, [result.rows[2]] * 50, Summary(50, 0, {}))._repr_html_()
    assert page.count("<tr>") == 1 + notebook.SHOWN and f"50 pairs compared, the first {notebook.SHOWN}" in page


def test_rows_in_pandas() -> None:
    """The columns are those of CSV.

    Scores are floats, and may be infinite or NaN. The width and the height may be missing.
    """
    frame = Result(HEADER, ROWS, SUMMARY).to_pandas()
    assert ",".join(frame.columns) == "pair,reference,candidate,width,height,lpips,psnr,error,notes"
    assert frame.notes[1] == "frame 1 of 3" and frame.notes.isna().sum() == 4
    assert [str(frame.dtypes[name]) for name in ("width", "lpips", "psnr")] == ["Int64", "float64", "float64"]
    assert frame.psnr[1] == math.inf and math.isnan(frame.lpips[2]) and frame.lpips[0] == 0.1 + 0.2
    assert frame.error[2] == "read: after/torn.png: truncated: 12 of 40 rows" and frame.error.isna().sum() == 3
    assert list(Result(HEADER, [], SUMMARY).to_pandas().columns) == list(frame.columns)


def test_without_pandas_one_line_says_so(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        result.to_pandas()


def test_a_map_is_a_picture() -> None:
    """A map is shown as a PNG file of its size, with black for 0 and pale yellow for the largest value.

    A single row of a map, and an empty map, have no picture.
    """
    found = notebook.as_map(np.linspace(0, 0.3, 12, dtype=np.float32).reshape(3, 4))
    png = found._repr_png_()
    assert png is not None
    with Image.open(io.BytesIO(png)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (3, 4, 3)
    assert pixels[0, 0].tolist() == table()[0].tolist() and pixels[2, 3].tolist() == table()[255].tolist()
    assert found[0]._repr_png_() is None and found[:, :0]._repr_png_() is None
    assert found[1:]._repr_png_() is not None
    assert notebook.as_map(np.zeros((2, 2), np.float32))._repr_png_() is not None


def test_a_map_is_an_array() -> None:
    """Results of computations with a map are plain arrays. A map can be changed in place, copied and pickled."""
    plain = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = notebook.as_map(plain.copy())
    for value in (found * 2, 1 - found, np.sqrt(found), found > 2, found + found):
        assert type(value) is np.ndarray
    assert isinstance(found.mean(), np.floating) and found.max() == 5 and float(np.percentile(found, 50)) == 2.5
    np.testing.assert_array_equal(found, plain)
    same = found
    found += 1
    assert found is same and isinstance(found, notebook.Map)
    np.testing.assert_array_equal(found, plain + 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)), plain + 1)  # noqa: S301 - our own
    assert np.asarray(found).dtype == np.float32 and found.shape == (2, 3)
