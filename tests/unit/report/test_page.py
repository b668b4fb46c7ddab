"""The page of a report as a file: its security policy, hostile data, its path, and the treatment of earlier pages."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff import defaults
from eyediff.errors import OutputError
from eyediff.records import Summary, View
from eyediff.report import About, PageSink
from eyediff.report.document import SCRIPTS, STYLES, embedded
from eyediff.report.pictures import full_size, pictures, root_difference
from tests.unit.output.samples import HEADER, ROWS, STRANGE, SUMMARY, UNDECODABLE

from .views import scene

END = Summary(count=0, failed=0, metrics={})
PARTS = files("eyediff.report")


def write(
    path: Path, views: list[View], summary: Summary = END, title: str = "a → b", expected: int | None = 3
) -> Path:
    sink = PageSink(path, About(title, expected, "lpips"))
    sink.open(HEADER)
    for view in views:
        sink.see(view)
        sink.write(view.row)
    sink.close(summary)
    return sink.page


def data(page: Path, name: str) -> object:
    """Return a data block of a page. As in a browser, the block ends at the first end of a script element."""
    text = page.read_text("utf-8")
    return json.loads(text.split(f'<script type="application/json" id="{name}">')[1].split("</script>")[0])


@pytest.mark.parametrize("name", [STRANGE, UNDECODABLE, "</script><!--<script>&lt;\u2029", "\x00\x7f\ufeff"])
def test_names_cannot_end_the_data(name: str) -> None:
    """The data are ASCII without <, > and &. JSON gives the same name back."""
    text = embedded({name: name})
    assert text.isascii() and not set("<>&\n\r\x7f\x00") & set(text) - {"\x7f"}
    assert json.loads(text) == {name: name}


def test_the_policy_allows_our_script_alone(tmp_path: Path) -> None:
    """The policy has the hashes of our script and style.

    Nothing else may run, be fetched, embedded or submitted, and no part of the page tries to do so.
    """
    text = write(tmp_path / "x.html", [scene("a.png")]).read_text("utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    for kind, tag in (("script-src", "script"), ("style-src", "style")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert rules[kind] == f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'" and rules["img-src"] == "data:"
    parts = [
        PARTS.joinpath(folder, name).read_text("utf-8")
        for folder, names in (("script", SCRIPTS), ("style", STYLES))
        for name in names
    ]
    assert not [
        word
        for word in ("innerHTML", "insertAdjacentHTML", "eval(", "fetch(", "@import", "url(", "document.write")
        if word in "".join(parts)
    ]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", "".join(parts))


def test_every_part_is_in_the_page() -> None:
    """All files of scripts and styles are listed. An unlisted file would be missing in the page without an error.

    One script and one style belong to `eyediff table`.
    """
    for folder, listed in (("script", {*SCRIPTS, "methods.js"}), ("style", {*STYLES, "methods.css"})):
        assert {path.name for path in PARTS.joinpath(folder).iterdir()} == listed


def test_rows_of_every_kind(tmp_path: Path) -> None:
    """The page has scores, infinities, failures and notes. A row whose pixels were never seen has no picture."""
    sink = PageSink(tmp_path / "x.html", About("t", None, None, {"video": {"rate": 25}}))
    sink.open(HEADER)
    for row in ROWS:
        sink.write(row)
    sink.close(SUMMARY)
    rows = data(sink.page, "rows")
    assert [row[0] for row in rows] == [row.pair.name for row in ROWS]  # type: ignore[attr-defined]
    assert rows[1][5:9] == [[0.0, "inf"], None, ["frame 1 of 3"], None]  # type: ignore[index]
    assert rows[2][5:7] == [None, ["read", "after/torn.png: truncated: 12 of 40 rows"]]  # type: ignore[index]
    found = data(sink.page, "data")
    assert isinstance(found, dict)
    assert found["extras"] == {"video": {"rate": 25}} and found["higher"] == [False, True]
    assert found["summary"]["metrics"]["psnr"]["mean"] == "inf" and len(found["unmatched"]) == 2
    assert data(sink.page, "pictures") == []


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """An undecodable name is escaped, also in the title, which is outside the data. The file is UTF-8."""
    page = write(tmp_path / "x.html", [scene(UNDECODABLE)], title=f"<{UNDECODABLE}>&")
    assert "<title>&lt;caf\\udce9.png&gt;&amp; - eyediff</title>" in page.read_text("utf-8")


def test_pictures_follow_the_room(tmp_path: Path) -> None:
    """For few pairs, the pictures have the exact pixels.

    For many pairs, the pictures are smaller copies within the budget, with the same proportions.
    """
    view = scene("a.png", 3, 240, 360)
    few, many = pictures(view, 1_000_000), pictures(view, 6_000)
    assert few.exact and (np.asarray(Image.open(io.BytesIO(few.reference)).convert("RGB")) == view.reference).all()
    assert not many.exact and many.width < 360 and many.width / many.height == pytest.approx(1.5, abs=0.02)
    assert len(many.reference) < 2 * 6_000
    page = write(tmp_path / "x.html", [view], expected=defaults.PAGE_BYTES // 6_000 // 2)
    assert data(page, "pictures")[0]["size"] == [many.width, many.height]  # type: ignore[index]


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)])
def test_the_difference_is_the_root(dtype: type, white: float) -> None:
    """The difference is 255 sqrt(|a - b| / white) for every storage type and for both orders of the images."""
    a, b = np.zeros((2, 2, 3), dtype), np.zeros((2, 2, 3), dtype)
    b[0, 0], b[1, 1, 2] = white, white / 5
    assert (root_difference(a, b) == root_difference(b, a)).all()
    assert root_difference(a, b)[0, 0].tolist() == [255] * 3 and root_difference(a, b)[1, 1].tolist() == [0, 0, 114]


def test_maps_keep_their_values(tmp_path: Path) -> None:
    """The gray levels of a map times its peak equal the map to half a level. The page has the largest peak."""
    views = [scene("a.png", 1, map_peak=0.3), scene("b.png", 2, map_peak=0.9)]
    page = write(tmp_path / "x.html", views)
    for view, record in zip(views, data(page, "pictures"), strict=True):  # type: ignore[call-overload]
        gray = np.asarray(Image.open(io.BytesIO(base64.b64decode(record["files"][3]))))
        assert view.map is not None
        assert np.abs(gray / 255 * record["peak"] - view.map).max() <= record["peak"] / 510 + 1e-6
    assert data(page, "data")["peak"] == pytest.approx(0.9)  # type: ignore[index]


def test_what_no_page_can_show_is_told(tmp_path: Path) -> None:
    """If a map or a picture could not be made, the row stays in the page, with the reason."""
    views = [
        replace(scene("a.png", map_peak=None), trouble="no room"),
        replace(scene("b.png"), reference=np.zeros((0, 0, 3), np.uint8)),
    ]
    page = write(tmp_path / "x.html", views)
    assert data(page, "rows")[0][7] == ["no map: no room"]  # type: ignore[index]
    assert "trouble" in data(page, "pictures")[1]  # type: ignore[index]


def test_only_our_own_page_is_replaced(tmp_path: Path) -> None:
    """`--report` must replace neither a foreign page nor a folder of photos. The error is raised before any work."""
    notes, photos = tmp_path / "notes.html", tmp_path / "photos"
    notes.write_text("<p>mine</p>")
    photos.mkdir()
    (photos / "a.png").write_bytes(b"mine")
    for path, words in (
        (notes, "not a report of eyediff"),
        (photos, r"not a report of eyediff \(a.png\)"),
        (tmp_path / "no" / "x.html", "cannot write"),
    ):
        with pytest.raises(OutputError, match=words):
            PageSink(path, About("t")).open(HEADER)
    assert notes.read_text() == "<p>mine</p>" and [path.name for path in photos.iterdir()] == ["a.png"]
    page = write(tmp_path / "x.html", [scene("a.png")])
    write(page, [scene("b.png")])
    assert data(page, "rows")[0][0] == "b.png"  # type: ignore[index]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.html", "photos", "x.html"]


def test_a_stopped_run_keeps_the_earlier_page(tmp_path: Path) -> None:
    """An interrupted run writes a complete page that says so. The page of the earlier run is kept beside it."""
    page = write(tmp_path / "x.html", [scene("a.png"), scene("b.png")])
    write(page, [scene("c.png")], replace(END, interrupted=True))
    assert data(page, "data")["summary"]["interrupted"] is True  # type: ignore[index]
    assert [row[0] for row in data(tmp_path / "x.html~", "rows")] == ["a.png", "b.png"]  # type: ignore[attr-defined]


def test_a_folder_holds_full_size_pictures_of_its_own_run(tmp_path: Path) -> None:
    """The pictures are PNG files with the exact pixels.

    The pictures of the next run replace them when the page of that run is complete. No other file stays.
    """
    for name in ("a.png", "b.png"):
        view = scene(name, 1)
        page = write(tmp_path / "report", [view])
        (folder,) = [path for path in page.parent.iterdir() if path.is_dir()]
        assert folder.name == data(page, "data")["folder"]  # type: ignore[index]
        assert sorted(path.name for path in folder.iterdir()) == [
            f"000000-{side}.png" for side in ("candidate", "difference", "reference")
        ]
        assert (np.asarray(Image.open(folder / "000000-candidate.png")) == view.candidate).all()
        assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", folder.name]


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full at the end, the earlier page stays unchanged, and no part of the new page is left."""
    page = write(tmp_path / "report", [scene("a.png")])
    before, old = page.read_bytes(), sorted(path.name for path in page.parent.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sink = PageSink(tmp_path / "report", About("t", 1))
    sink.open(HEADER)
    sink.see(scene("b.png"))
    monkeypatch.setattr("eyediff.report.page_files.Appender.write", full)
    with pytest.raises(OutputError, match="No space left"):
        sink.close(END)
    assert page.read_bytes() == before and sorted(path.name for path in page.parent.iterdir()) == old


def test_what_an_image_lacks_is_hatched() -> None:
    """In the pictures of full size, gray stripes replace the pixels that padding added."""
    view = scene("a.png", height=20, width=30, map_peak=None)
    sides = full_size(replace(view, extents=((30, 12), None)))
    reference, candidate = (np.asarray(Image.open(io.BytesIO(sides[side]))) for side in ("reference", "candidate"))
    assert (reference[:12] == view.reference[:12]).all() and (candidate == view.candidate).all()
    assert {tuple(colour) for colour in reference[12:].reshape(-1, 3)} == {(150, 150, 150), (200, 200, 200)}
