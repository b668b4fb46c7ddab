"""Tests of `compare`: the order of rows, the batches, the memory and the summary."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.errors import UsageError
from eyediff.records import Crossing, Image, Numbers, Pair, Pixels, Unmatched
from eyediff.run import compare

from .fakes import Engine, Kept, Reader, expected, fit, header, job, pairs


def mixed(path: Path) -> tuple[int, int]:
    """Return one of three sizes, so that the batches fill at different rates."""
    return [(4, 4), (4, 6), (300, 400)][int(path.stem[1:]) % 3]


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_rows_come_in_input_order(workers: int) -> None:
    """Row i is that of pair i and has its score, whichever file is read first and whichever batch is full first."""
    found, sink = pairs(100), Kept()
    summary = compare(job(found, Reader(mixed, delay=0.004), workers=workers), [sink])
    assert sink.names == [pair.name for pair in found]
    assert sink.scores == [{"mse": expected(pair)} for pair in found]
    assert (summary.count, summary.failed, summary.interrupted) == (100, 0, False)
    assert sink.summary == summary


def test_batches_follow_from_the_order_of_pairs_alone() -> None:
    """The batches and their order depend only on the order of the pairs.

    Random delays and the number of workers have no influence.
    """
    seen = []
    for workers, delay in ((1, 0.0), (4, 0.003), (8, 0.006)):
        engine = Engine()
        compare(job(pairs(80), Reader(mixed, delay), workers=workers, engines={"mse": engine}))
        seen.append(engine.batches)
    assert seen[0] == seen[1] == seen[2]
    assert max(shape[0] for shape in seen[0]) > 1


def test_batches_are_bounded_by_pixels() -> None:
    """A call of an engine has at most BATCH_PIXELS pixels, both images counted, unless a single pair has more."""
    engine = Engine()
    compare(job(pairs(40), Reader(lambda path: (200, 300)), engines={"mse": engine}))
    assert sum(shape[0] for shape in engine.batches) == 40
    assert max(2 * n * h * w for n, h, w, _ in engine.batches) <= defaults.BATCH_PIXELS
    engine = Engine()
    compare(job(pairs(3), Reader(lambda path: (1000, 1000)), engines={"mse": engine}))
    assert engine.batches == [(1, 1000, 1000, 3)] * 3


def test_memory_does_not_grow_with_the_number_of_pairs() -> None:
    """For 400 pairs from an iterator, at most the images of one window are in memory, and none at the end.

    The bound is WINDOW pairs of two images, the pair that is passed on, and the last two files, which a next pair may
    share.
    """
    reader = Reader(mixed, delay=0.001)
    summary = compare(job(iter(pairs(400)), reader))
    assert summary.count == 400
    assert reader.most <= 2 * (defaults.WINDOW + 1) + 2
    assert reader.alive == 0


def test_large_images_are_not_decoded_ahead_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """If one pair fills the bytes of the window, only the computed pair and the next pair are in memory."""
    monkeypatch.setattr(defaults, "WINDOW_BYTES", 2 * 1000 * 1000 * 3)
    reader = Reader(lambda path: (1000, 1000))
    compare(job(pairs(20), reader, workers=1))
    assert reader.most <= 2 * 2 + 2


def test_one_reference_for_all_is_read_once() -> None:
    """If a file is compared with a folder, the file is decoded for the first pair and kept for the others."""
    reader, sink = Reader(delay=0.002), Kept()
    found = [Pair(f"p{i}.png", Path("one.png"), Path(f"b/p{i}.png")) for i in range(50)]
    compare(job(found, reader), [sink])
    assert reader.seen.count(Path("one.png")) == 1
    assert len(reader.seen) == 51
    assert sink.scores == [{"mse": expected(pair)} for pair in found]


def test_pairs_are_taken_as_they_are_needed() -> None:
    """No more pairs are taken from a generator than the window needs."""
    taken = []

    def endless() -> Iterator[Pair]:
        for pair in pairs(90):
            taken.append(pair)
            yield pair

    class Slow(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            assert len(taken) <= len(sink.rows) + defaults.WINDOW
            return super().distances(a, b)

    sink = Kept()
    compare(job(endless(), engines={"mse": Slow()}), [sink])
    assert (len(sink.rows), sink.failures) == (90, [])


def test_progress_counts_up_to_the_total() -> None:
    """`progress` is called at 0 and after every row. The total is the number of pairs, or None if it is unknown."""
    calls: list[tuple[int, int | None]] = []
    compare(job(pairs(3)), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]
    calls.clear()
    compare(job(iter(pairs(1))), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, None), (1, None)]


def test_no_pairs_is_an_empty_summary() -> None:
    """A plan without pairs is not an error here. The code that pairs the files reports this case."""
    summary = compare(job([]))
    assert (summary.count, summary.failed, dict(summary.metrics)) == (0, 0, {})


@pytest.mark.parametrize("both", [True, False])
def test_transparent_images_get_the_worse_of_two_scores(both: bool) -> None:
    """A transparent pair has the worse of its two scores, by the direction of each metric.

    On black the images differ by 10, and on white by 30.

    The opaque pairs in the same batch are not affected. If only one image is transparent, the pair fails.
    """

    def reader(path: Path) -> Image:
        def flat(gray: int) -> Pixels:
            return np.full((4, 4, 3), gray, np.uint8)

        if path.stem != "p01":
            return Image(str(path), flat(50))
        if path.parts[1] == "a":
            return Image(str(path), flat(60), flat(170))
        return Image(str(path), flat(70), flat(200) if both else None)

    sink = Kept()
    compare(job(pairs(3), reader, engines={"mse": Engine(), "sim": Engine(True)}), [sink])
    equal = {"mse": 0, "sim": 0}
    assert sink.scores == [equal, {"mse": 900, "sim": -900} if both else None, equal]


def test_notes_say_which_image_they_are_about() -> None:
    """A note on both images occurs once. A note on one image names its side."""

    def reader(path: Path) -> Image:
        notes = ("frame 1 of 3", *(("turned",) if path.parts[1] == "a" else ()))
        return Image(str(path), np.zeros((4, 4, 3), np.uint8), notes=notes)

    sink = Kept()
    compare(job(pairs(1), reader), [sink])
    assert sink.rows[0].notes == ("frame 1 of 3", "reference: turned")  # type: ignore[union-attr]


def test_limits_are_reported_not_refused() -> None:
    """Scores above a maximum or below a minimum are crossings. A score on the limit is not."""
    found, sink = pairs(4), Kept()
    scores = [expected(pair) for pair in found]
    limit = sorted(scores)[1]
    engines = {"mse": Engine(), "sim": Engine(True)}
    summary = compare(job(found, engines=engines, maxima={"mse": limit}, minima={"sim": -limit}), [sink])
    above = [(pair.name, score) for pair, score in zip(found, scores, strict=True) if score > limit]
    assert len(above) == 2
    assert list(summary.crossings) == [
        crossing
        for name, score in above
        for crossing in (Crossing(name, "mse", score, limit), Crossing(name, "sim", -score, -limit))
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maxima": {"psnr": 3.0}}, "psnr is not computed here"),
        ({"minima": {"mse": float("nan")}}, "not a number"),
        ({"workers": 0}, "at least 1"),
        ({"header": header(["sim"])}, "the header describes"),
    ],
)
def test_a_job_that_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    """A plan whose parts do not fit together is refused before any file is read."""
    with pytest.raises(UsageError, match=message):
        job(pairs(1), **changes)


def test_what_is_unmatched_is_in_the_summary() -> None:
    """The unmatched files of the plan are in the summary."""
    alone = Unmatched("candidate", Path("b/x.png"))
    assert compare(job([], unmatched=[alone])).unmatched == (alone,)


def test_fit_decides_what_is_compared() -> None:
    """The images that `fit` returns are scored, and the row has their size."""

    def halved(a: Image, b: Image) -> tuple[Image, Image]:
        return fit(*(replace(image, pixels=image.pixels[:2]) for image in (a, b)))

    sink = Kept()
    compare(job(pairs(1), fit=halved), [sink])
    assert (sink.rows[0].width, sink.rows[0].height) == (4, 2)
