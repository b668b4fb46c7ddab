"""Tests of viewers, which receive the pixels and the map of every pair with scores.

Each pair is seen once, before its row is written, also if the row comes from an earlier run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as PILImage

from eyediff.records import Failure, Image, Pair, Pixels, View
from eyediff.run import ComparisonOptions, ResumableSink, compare
from eyediff.run.viewers import create_observer
from eyediff.scoring.batches import score_pairs

from .fakes import Kept, Reader, job, level, pairs
from .folders import Folder


class Watching(Kept):
    """A viewer that keeps its views, and checks that each pair is seen once, before its row is written."""

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, View] = {}

    def see(self, view: View) -> None:
        name = view.row.pair.name
        assert name not in self.views and name not in self.names
        self.views[name] = view


class Mapper:
    """A mapper that returns the absolute difference at each pixel.

    It fails for candidates with the gray level `bad`.
    """

    map_identity = 0.0

    def __init__(self, bad: int | None = None) -> None:
        self.bad = bad

    def maps(self, a: Pixels, b: Pixels) -> npt.NDArray[np.float32]:
        if self.bad is not None and (b == self.bad).any():
            raise MemoryError("no room for 8 GB")
        return np.abs(a.astype(np.float32) - b).mean(-1)


def test_views_are_of_the_pixels_and_their_map() -> None:
    """The reference, candidate, map and row of a view belong together, in every batch. Failures have no view."""
    found = pairs(40)
    broken = type(found[0])("broken.png", Path("x/a/broken.png"), Path("x/b/broken.png"))
    viewer = Watching()
    compare(job([*found, broken]), viewers=[viewer], mapper=Mapper())
    assert set(viewer.views) == {pair.name for pair in found}
    for pair in found:
        view = viewer.views[pair.name]
        a, b = level(pair.reference), level(pair.candidate)
        assert (view.reference == a).all() and (view.candidate == b).all()
        assert view.map is not None and view.map.shape == (4, 4) and (view.map == abs(a - b)).all()
        assert view.row.scores["mse"] == (a - b) ** 2 and view.trouble is None
    assert len(viewer.rows) == 41 and viewer.summary is not None


def test_without_a_mapper_there_are_no_maps() -> None:
    """Without a mapper, no map is computed, and no view reports a problem."""
    viewer = Watching()
    compare(job(pairs(2)), viewers=[viewer])
    assert all(view.map is None and view.trouble is None for view in viewer.views.values())


def test_a_mapper_that_gives_up_leaves_the_scores() -> None:
    """If the mapper fails, the row is complete, and the view says why there is no map."""
    found = pairs(3)
    viewer = Watching()
    compare(job(found), viewers=[viewer], mapper=Mapper(bad=level(found[1].candidate)))
    view = viewer.views[found[1].name]
    assert view.map is None and view.trouble == "MemoryError: no room for 8 GB"
    assert not viewer.failures and viewer.views[found[2].name].map is not None


def test_transparent_pairs_are_seen_where_they_differ_more() -> None:
    """A transparent pair is seen on the background on which it differs more.

    A black shape is invisible on black, so the view is on white.
    """
    shape = np.zeros((4, 4, 3), np.uint8)
    images = {"a": Image("a", shape, shape), "b": Image("b", shape, shape + 255)}
    for mapper in (None, Mapper()):
        viewer = Watching()
        compare(job(pairs(1), lambda path: images[path.parent.name]), viewers=[viewer], mapper=mapper)
        (view,) = viewer.views.values()
        assert (view.candidate == 255).all() and view.row.scores["mse"] == 255**2


def test_recalled_rows_are_seen_too(tmp_path: Path) -> None:
    """Pairs with a row from an earlier run are read again, but not scored again.

    If a file cannot be read any more, its row stays.
    """
    folder, output = Folder(tmp_path, 4), tmp_path / "x.csv"
    folder.compare(output, "csv", resume=False, stop_after=3)
    gone = folder.pairs[0]
    viewer, engine_calls = Watching(), []

    class Counting:
        description, smallest = "fake 1.0 cpu", 1

        def distances(self, a: Pixels, b: Pixels) -> npt.NDArray[np.float64]:
            engine_calls.append(len(a))
            return ((a.astype(float) - b) ** 2).mean((1, 2, 3))

    def read(path: Path) -> Image:
        if path == gone.candidate:
            raise OSError("moved away meanwhile")
        return folder.reader(path)

    todo = job(folder.pairs, read, engines={"mse": Counting()})
    compare(todo, viewers=[viewer], mapper=Mapper(), journal=ResumableSink(output, "csv", resume=True))
    assert sum(engine_calls) < 4 and not viewer.failures
    assert set(viewer.views) == {pair.name for pair in folder.pairs[1:]}
    assert viewer.names == [pair.name for pair in folder.pairs]
    assert all(view.map is not None for view in viewer.views.values())


def test_viewers_do_not_hold_images_in_memory() -> None:
    """A viewer that keeps no images does not change the window: 32 pairs, and the files that are being read."""
    reader = Reader()

    class Passing(Watching):
        def see(self, view: View) -> None:
            self.count = getattr(self, "count", 0) + 1

    viewer = Passing()
    compare(job(pairs(300), reader), viewers=[viewer], mapper=Mapper())
    assert viewer.count == 300 and reader.most <= 2 * 34 and reader.alive <= 2


def test_a_viewer_that_fails_ends_the_run() -> None:
    """An error of a viewer ends the run, as for any sink.

    At the first row the other sinks are abandoned, because nothing was written.
    """

    class Failing(Watching):
        def see(self, view: View) -> None:
            raise RuntimeError("full")

    other, viewer = Kept(), Failing()
    with pytest.raises(RuntimeError, match="full"):
        compare(job(pairs(3)), [other], viewers=[viewer])
    assert other.abandoned and other.summary is None


def test_a_pair_that_is_refused_for_its_size_is_seen(tmp_path: Path) -> None:
    """A pair that is refused for its size is seen as two padded images, without a map.

    A pair with an unreadable file is not seen.
    """
    for name, size in (("a.png", (40, 30)), ("b.png", (30, 50))):
        PILImage.new("RGB", size, (9, 9, 9)).save(tmp_path / name)
    (tmp_path / "torn.png").write_text("no image")
    viewer, options = Watching(), ComparisonOptions()
    found = [Pair(name, tmp_path / "a.png", tmp_path / name) for name in ("b.png", "torn.png")]
    observe = create_observer([viewer], Mapper())
    rows = list(score_pairs(found, options.build_metrics(["l2"]), options.loader(), observe=observe))
    assert [row.stage for row in rows if isinstance(row, Failure)] == ["size", "read"]
    assert list(viewer.views) == ["b.png"] and viewer.views["b.png"].row is rows[0]
    view = viewer.views["b.png"]
    assert view.map is None and view.reference.shape == view.candidate.shape == (50, 40, 3)
    assert view.extents == ((40, 30), (30, 50))
