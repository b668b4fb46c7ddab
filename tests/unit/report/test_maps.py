"""Maps as files.

A run has one colour scale, all files are below the folder, and files of other programs are not replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from eyediff.errors import OutputError
from eyediff.output.unique_names import Names
from eyediff.records import Failure, Row, Summary, View
from eyediff.report.colormap import table, ticks
from eyediff.report.maps import MapsSink
from tests.unit.output.samples import HEADER, pair

from .views import scene

END = Summary(count=0, failed=0, metrics={})


def written(
    folder: Path,
    views: Sequence[View],
    formats: Sequence[str] = ("png", "npy"),
    rows: Sequence[Row] = (),
    end: Summary = END,
) -> dict:
    """Write the maps, and return the index with the number of missing maps."""
    sink = MapsSink(folder, "lpips", formats)
    sink.open(HEADER)
    for view in views:
        sink.see(view)
    for row in [*(view.row for view in views), *rows]:
        sink.write(row)
    sink.close(end)
    found = json.loads((folder / "maps.json").read_text("utf-8"))
    found["missing"] = sink.missing
    return found


def test_colours_are_matplotlibs_inferno() -> None:
    """The colour table equals the published table exactly."""
    assert (table() == np.rint(colormaps["inferno"](np.arange(256))[:, :3] * 255)).all()


def test_one_scale_for_the_run(tmp_path: Path) -> None:
    """A colour has the same meaning in every map of a run.

    The colour of a pixel shows its value on the scale of the run. The value is rounded to 256 steps of the range of its
    own map, with an error of at most 1/510 of this range. The colour on the scale of the run adds another half step.
    Together, the error is at most one of 256 colours.
    """
    views = [scene("a.png", 1, map_peak=0.2), scene("b.png", 2, map_peak=0.8), scene("c.png", 3, map_peak=0.0001)]
    index = written(tmp_path / "maps", views)
    assert index["scale"] == [0, pytest.approx(0.8)] and index["metric"] == "lpips" and index["finished"]
    for view, entry in zip(views, index["maps"], strict=True):
        assert view.map is not None
        shown = np.asarray(Image.open(tmp_path / "maps" / entry["png"]).convert("RGB")).astype(int)
        steps = view.map / 0.8 * 255
        low, high = (table()[np.clip(np.floor(steps) + by, 0, 255).astype(int)].astype(int) for by in (-1, 2))
        assert shown.shape == (24, 36, 3)
        assert (shown >= np.minimum(low, high) - 8).all() and (shown <= np.maximum(low, high) + 8).all()
        brightest = np.unravel_index(view.map.argmax(), view.map.shape)
        assert (shown[brightest] == table()[round(float(view.map.max()) / 0.8 * 255)]).all()


def test_npy_holds_the_map_itself(tmp_path: Path) -> None:
    """An .npy file has the exact float32 values. Only the requested formats are written."""
    view = scene("a/b.jpg", 1)
    index = written(tmp_path / "maps", [view], ["npy"])
    assert (np.load(tmp_path / "maps/a/b.npy") == view.map).all()
    assert sorted(p.name for p in (tmp_path / "maps").rglob("*") if p.is_file()) == ["b.npy", "legend.png", "maps.json"]
    assert index["maps"][0] | {"max": 0, "mean": 0} == {
        "pair": "a/b.jpg",
        "width": 36,
        "height": 24,
        "npy": "a/b.npy",
        "max": 0,
        "mean": 0,
    }


def test_equal_images_give_black_maps(tmp_path: Path) -> None:
    """A map of zeros has a scale that ends at 0, and causes no division by zero."""
    view = replace(scene("a.png"), map=np.zeros((24, 36), np.float32))
    assert written(tmp_path / "maps", [view])["scale"] == [0, 0]
    assert (np.asarray(Image.open(tmp_path / "maps/a.png").convert("RGB")) == table()[0]).all()


def test_the_index_tells_why_a_map_is_missing(tmp_path: Path) -> None:
    """Failed pairs, and pairs without a map, are listed with the reason, in the order of the rows."""
    views = [scene("a.png"), replace(scene("b.png", map_peak=None), trouble="no room")]
    index = written(tmp_path / "maps", views, rows=[Failure(pair("c.png"), "read", "torn")])
    assert [entry.get("error") for entry in index["maps"]] == [None, "no room", "torn"]
    assert index["missing"] == 1


def test_a_stopped_run_leaves_what_it_has(tmp_path: Path) -> None:
    """An interrupted run colours its maps on the scale of these maps. Its index says that the run did not finish."""
    index = written(tmp_path / "maps", [scene("a.png")], end=replace(END, interrupted=True))
    assert not index["finished"] and (tmp_path / "maps/a.png").is_file()
    again = written(tmp_path / "maps", [scene("a.png", map_peak=2.0)])
    assert again["finished"] and again["scale"] == [0, 2.0]
    assert not list((tmp_path / "maps").glob("*.part")) and not list((tmp_path / "maps").glob("*.lock"))


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    """`--maps before/` must not replace photos in this folder."""
    (tmp_path / "photo.png").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"holds files that are not maps"):
        MapsSink(tmp_path, "lpips").open(HEADER)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.png"]


def kept(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_maps_of_an_earlier_run_go_when_the_next_has_ended(tmp_path: Path) -> None:
    """Maps of an earlier run are removed, so that none of them looks like a map of this run.

    They have another scale, and may have other pairs or another format.
    """
    folder = tmp_path / "maps"
    written(folder, [scene("a.png"), scene("deep/b/c.png")])
    index = written(folder, [scene("a.png")], ["png"])
    assert kept(folder) == ["a.png", "legend.png", "maps.json"] and "earlier" not in index


def test_a_stopped_run_costs_no_earlier_map_and_forgets_none(tmp_path: Path) -> None:
    """A killed or interrupted run removes no earlier map, and the next complete run still removes these maps.

    A killed run has written only its first index. An interrupted run has also written its own maps.
    """
    folder = tmp_path / "maps"
    written(folder, [scene("a.png"), scene("b.png")], ["png"])
    killed = MapsSink(folder, "lpips")
    killed.open(HEADER)
    killed._lock.release()  # the end of a process also releases the lock
    assert written(folder, [scene("a.png")], end=replace(END, interrupted=True))["earlier"] == ["b.png"]
    assert kept(folder) == ["a.npy", "a.png", "b.png", "legend.png", "maps.json"]
    written(folder, [scene("c.png")], ["png"])
    assert kept(folder) == ["c.png", "legend.png", "maps.json"]


def test_nothing_but_the_maps_of_an_earlier_run_is_removed(tmp_path: Path) -> None:
    """Only maps that an earlier run wrote are removed.

    These files stay: a file that no index lists, a file that replaced a map, a link, and other files that a manipulated
    index lists.
    """
    folder = tmp_path / "maps"
    index = folder / "maps.json"
    written(folder, [scene(name) for name in ("a.png", "mine.png", "link.png")], ["png"])
    for name in ("notes.png", "notes.txt"):
        (folder / name).write_bytes(b"mine")
    (tmp_path / "out.png").write_bytes(b"mine")
    (folder / "link.png").unlink()
    (folder / "link.png").symlink_to(tmp_path / "out.png")
    (folder / "up").symlink_to(tmp_path)
    found = json.loads(index.read_text())
    outside = ["../out.png", str(tmp_path / "out.png"), "up/out.png", "notes.txt", "a\0.png"]
    index.write_text(json.dumps(found | {"earlier": outside}))
    (folder / "mine.png").write_bytes(b"mine")
    os.utime(folder / "mine.png", ns=(0, index.stat().st_mtime_ns + 1))
    written(folder, [scene("new.png")], ["png"])
    assert kept(folder) == [
        "legend.png",
        "link.png",
        "maps.json",
        "mine.png",
        "new.png",
        "notes.png",
        "notes.txt",
        "up",
    ]
    assert (tmp_path / "out.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"maps": 3}', '{"maps": [3]}', '{"maps": [], "earlier": [[]]}', "[" * 9999]
)
def test_an_index_that_is_none_names_nothing(tmp_path: Path, text: str) -> None:
    """If the index is truncated or made by another program, the run continues and removes nothing."""
    (tmp_path / "maps.json").write_text(text)
    (tmp_path / "a.png").write_bytes(b"mine")
    written(tmp_path, [scene("b.png")], ["png"])
    assert (tmp_path / "a.png").read_bytes() == b"mine"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A link in the folder of maps that leads out of this folder is refused. No file is written at its target."""
    folder, elsewhere = tmp_path / "maps", tmp_path / "elsewhere"
    written(folder, [scene("x.png")])
    elsewhere.mkdir()
    (folder / "a").symlink_to(elsewhere)
    with pytest.raises(OutputError, match="is a link to a place outside"):
        written(folder, [scene("a/b.png")])
    assert not list(elsewhere.iterdir())


HOSTILE = [
    "../up.png",
    "/etc/passwd.png",
    "a/../../up.png",
    "..",
    "...",
    ".",
    "",
    "C:\\x.png",
    "a\x00b.png",
    "x" * 300 + ".png",
    "é" * 150 + ".png",
]


def test_hostile_names_stay_below_the_folder(tmp_path: Path) -> None:
    """Each hostile name gives a different path below the folder, to which a file can be written."""
    names = Names([".png"])
    given = [names.give(name) for name in HOSTILE]
    assert len(set(given)) == len(given)
    for name in given:
        path = (tmp_path / "maps" / (name + ".png")).resolve()
        assert path.is_relative_to(tmp_path / "maps") and path != tmp_path / "maps"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    assert len(list((tmp_path / "maps").rglob("*.png"))) == len(HOSTILE)


def test_names_that_collide_without_their_suffix() -> None:
    """If two names are equal without their suffixes, the second keeps its suffix.

    Names that differ only in case count as equal. A folder and a file never get the same name.
    """
    names = Names([".png"], ["legend.png"])
    assert [names.give(n) for n in ("cat.jpg", "cat.png", "CAT.webp", "cat.jpg.png")] == [
        "cat",
        "cat.png",
        "CAT.webp",
        "cat.jpg",
    ]
    assert names.give("legend.jpg") == "legend.jpg"
    assert names.give("cat.png/x.jpg") == "cat.png-2/x"
    assert names.give("dir.png/x.jpg") == "dir.png/x" and names.give("dir.jpg") == "dir.jpg"


@pytest.mark.parametrize(
    ("peak", "expected"), [(1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (0.37, [0, 0.1, 0.2, 0.3]), (0, [0])]
)
def test_ticks_are_round(peak: float, expected: list[float]) -> None:
    """The steps are 1, 2 or 5 times a power of ten, up to the end of the scale."""
    assert ticks(peak) == expected
