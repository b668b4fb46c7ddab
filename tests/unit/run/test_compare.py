"""Pairs to rows: the order, the batches, the memory, and each way in which one pair or the whole run can fail."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eyediff import defaults
from eyediff.errors import OutputError, UsageError
from eyediff.run import compare
from eyediff.values import Crossing, Image, Numbers, Pair, Pixels, Unmatched

from .fakes import Engine, Kept, Reader, expected, fit, header, job, pairs


def mixed(path: Path) -> tuple[int, int]:
    """Three sizes, so that buckets fill at different rates."""
    return [(4, 4), (4, 6), (300, 400)][int(path.stem[1:]) % 3]


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_rows_come_in_input_order(workers: int) -> None:
    """Whatever file is read first and whatever batch is full first, row i is pair i, with its own score."""
    found, sink = pairs(100), Kept()
    summary = compare(job(found, Reader(mixed, delay=0.004), workers=workers), [sink])
    assert sink.names == [pair.name for pair in found]
    assert sink.scores == [{"mse": expected(pair)} for pair in found]
    assert (summary.count, summary.failed, summary.interrupted) == (100, 0, False)
    assert sink.summary == summary


def test_batches_follow_from_the_order_of_pairs_alone() -> None:
    """Random delays and other numbers of workers change neither which pairs share a batch nor their order."""
    seen = []
    for workers, delay in ((1, 0.0), (4, 0.003), (8, 0.006)):
        engine = Engine()
        compare(job(pairs(80), Reader(mixed, delay), workers=workers, engines={"mse": engine}))
        seen.append(engine.batches)
    assert seen[0] == seen[1] == seen[2]
    assert max(shape[0] for shape in seen[0]) > 1


def test_batches_are_bounded_by_pixels() -> None:
    """No call of an engine gets more than BATCH_PIXELS, both sides counted, unless a single pair has more."""
    engine = Engine()
    compare(job(pairs(40), Reader(lambda path: (200, 300)), engines={"mse": engine}))
    assert sum(shape[0] for shape in engine.batches) == 40
    assert max(2 * n * h * w for n, h, w, _ in engine.batches) <= defaults.BATCH_PIXELS
    engine = Engine()
    compare(job(pairs(3), Reader(lambda path: (1000, 1000)), engines={"mse": engine}))
    assert engine.batches == [(1, 1000, 1000, 3)] * 3


def test_memory_does_not_grow_with_the_number_of_pairs() -> None:
    """Of 400 pairs whose number nobody knows, never more than the window's images are alive, and none at the end.

    Bound: WINDOW pairs of two images, the pair that is handed over, and the last two files that a next pair may share.
    """
    reader = Reader(mixed, delay=0.001)
    summary = compare(job(iter(pairs(400)), reader))
    assert summary.count == 400
    assert reader.most <= 2 * (defaults.WINDOW + 1) + 2
    assert reader.alive == 0


def test_large_images_are_not_decoded_ahead_without_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one pair fills the bytes of the window, only the one that is computed and the one ahead are alive."""
    monkeypatch.setattr(defaults, "WINDOW_BYTES", 2 * 1000 * 1000 * 3)
    reader = Reader(lambda path: (1000, 1000))
    compare(job(pairs(20), reader, workers=1))
    assert reader.most <= 2 * 2 + 2


def test_one_reference_for_all_is_read_once() -> None:
    """A file against a folder: it is decoded for the first pair and kept for the rest."""
    reader, sink = Reader(delay=0.002), Kept()
    found = [Pair(f"p{i}.png", Path("one.png"), Path(f"b/p{i}.png")) for i in range(50)]
    compare(job(found, reader), [sink])
    assert reader.seen.count(Path("one.png")) == 1
    assert len(reader.seen) == 51
    assert sink.scores == [{"mse": expected(pair)} for pair in found]


def test_pairs_are_taken_as_they_are_needed() -> None:
    """A generator of pairs is not run ahead of the window."""
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
    """Called at 0 and after every row, with the length where there is one and None where there is not."""
    calls: list[tuple[int, int | None]] = []
    compare(job(pairs(3)), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 3), (1, 3), (2, 3), (3, 3)]
    calls.clear()
    compare(job(iter(pairs(1))), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, None), (1, None)]


def test_no_pairs_is_an_empty_summary() -> None:
    """Nothing to do is no error here: who pairs files says what is wrong with that."""
    summary = compare(job([]))
    assert (summary.count, summary.failed, dict(summary.metrics)) == (0, 0, {})


def test_a_file_that_cannot_be_read_is_one_row() -> None:
    """Stage "read", with the reader's own words; its neighbours have their scores."""
    found = pairs(5)
    found[2] = replace(found[2], candidate=Path("b/broken.png"))
    sink = Kept()
    summary = compare(job(found), [sink])
    (failure,) = sink.failures
    assert (failure.pair, failure.stage) == (found[2], "read")
    assert failure.message == "b/broken.png: truncated after 12 of 40 rows"
    assert (summary.count, summary.failed) == (5, 1)
    assert [scores is None for scores in sink.scores] == [False, False, True, False, False]


def test_an_error_that_is_not_ours_is_one_row_on_one_line() -> None:
    """A decoder may raise anything; the row names the kind of error, and has no line breaks."""

    def reader(path: Path) -> Image:
        raise RuntimeError("two\nlines") if "p01" in path.name else RuntimeError

    sink = Kept()
    compare(job(pairs(2), reader), [sink])
    assert [failure.message for failure in sink.failures] == ["RuntimeError", "RuntimeError: two lines"]


def test_different_sizes_are_one_row() -> None:
    """Stage "size", with the words of whoever fits images."""
    sink = Kept()
    compare(job(pairs(2), Reader(lambda path: (4, 4) if path.parts[1] == "a" else (4, 5))), [sink])
    assert [(failure.stage, failure.message) for failure in sink.failures] == [
        ("size", "x/a/p00.png and x/b/p00.png differ in size"),
        ("size", "x/a/p01.png and x/b/p01.png differ in size"),
    ]


def test_images_smaller_than_a_metric_takes_are_one_row() -> None:
    """Stage "size"; the message names the metric, what it needs and what it got; the row has the size."""
    sink = Kept()
    compare(job(pairs(1), Reader(lambda path: (10, 40)), engines={"mse": Engine(), "sim": Engine(True, 11)}), [sink])
    (failure,) = sink.failures
    assert (failure.stage, failure.width, failure.height) == ("size", 40, 10)
    assert failure.message == "sim needs sides of at least 11 pixels, these are 40x10; leave it out"


class Picky(Engine):
    """Cannot do a batch that holds one particular pair."""

    def __init__(self, poison: float, error: Exception) -> None:
        super().__init__()
        self.poison, self.error = poison, error

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        found = super().distances(a, b)
        if self.poison in found:
            raise self.error
        return found


@pytest.mark.parametrize("error", [MemoryError(), ValueError("no kernel for this")])
def test_an_engine_that_raises_costs_one_pair(error: Exception) -> None:
    """The batch is done again pair by pair; the row that fails is the one that was wrong, at stage "score"."""
    found, sink = pairs(12), Kept()
    poison = expected(found[5])
    assert [expected(pair) for pair in found].count(poison) == 1
    compare(job(found, engines={"mse": Picky(poison, error)}), [sink])
    (failure,) = sink.failures
    assert (failure.pair, failure.stage, failure.width) == (found[5], "score", 4)
    assert failure.message.startswith(f"mse: {type(error).__name__}")
    assert sum(scores is not None for scores in sink.scores) == 11


def test_a_score_that_is_no_number_is_a_failure() -> None:
    """NaN never stands in a row as a score."""

    class Nothing(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            return np.full(len(a), np.nan)

    sink = Kept()
    compare(job(pairs(2), engines={"mse": Engine(), "sim": Nothing()}), [sink])
    assert [failure.message for failure in sink.failures] == ["sim: the score is not a number"] * 2


def test_scores_of_another_number_are_a_failure() -> None:
    """An engine that answers for fewer pairs than asked is not believed."""

    class Short(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            return super().distances(a, b)[:0]

    sink = Kept()
    compare(job(pairs(2), engines={"mse": Short()}), [sink])
    assert [failure.message for failure in sink.failures] == ["mse: 1 pairs gave scores of shape (0,)"] * 2


@pytest.mark.parametrize("both", [True, False])
def test_transparent_images_get_the_worse_of_two_scores(both: bool) -> None:
    """Over black the two differ by 10, over white by 30 (100 where one alone is transparent): the larger difference
    counts, by each metric's direction, and a transparent pair does not disturb the opaque ones in its batch."""

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
    worse = 900.0 if both else 10_000.0
    assert sink.scores == [{"mse": 0, "sim": 0}, {"mse": worse, "sim": -worse}, {"mse": 0, "sim": 0}]


def test_notes_say_which_image_they_are_about() -> None:
    """A note on both images stands once; one on a single image names the side."""

    def reader(path: Path) -> Image:
        notes = ("frame 1 of 3", *(("turned",) if path.parts[1] == "a" else ()))
        return Image(str(path), np.zeros((4, 4, 3), np.uint8), notes=notes)

    sink = Kept()
    compare(job(pairs(1), reader), [sink])
    assert sink.rows[0].notes == ("frame 1 of 3", "reference: turned")  # type: ignore[union-attr]


def test_limits_are_reported_not_refused() -> None:
    """Scores above a maximum or below a minimum are crossings; a score on the limit is not."""
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
        ({"header": header(["sim"])}, "the header speaks of"),
    ],
)
def test_a_job_that_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(UsageError, match=message):
        job(pairs(1), **changes)


def test_what_is_unmatched_is_in_the_summary() -> None:
    """It comes with the job and goes to the sinks."""
    alone = Unmatched("candidate", Path("b/x.png"))
    assert compare(job([], unmatched=[alone])).unmatched == (alone,)


def threads() -> set[str]:
    """Names of the reading threads that are alive. Engines keep theirs, and are other tests' affair."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("eyediff-read")}


def test_a_sink_that_fails_ends_the_run() -> None:
    """OutputError passes on; the other sinks keep their rows and are closed as interrupted; no thread lives on."""
    other, failing = Kept(), Kept(fail_at=5, error=OutputError("disk full"))
    with pytest.raises(OutputError, match="disk full"):
        compare(job(pairs(60), Reader(delay=0.002)), [other, failing])
    assert len(other.rows) == 6
    assert other.summary is not None and other.summary.interrupted
    assert failing.summary is not None
    assert threads() == set()


def test_a_sink_that_cannot_be_opened_ends_the_run_before_it_begins() -> None:
    """No file is read; what was opened is closed."""

    class Shut(Kept):
        def open(self, header: object) -> None:
            raise OutputError("cannot write")

    reader, first = Reader(), Kept()
    with pytest.raises(OutputError):
        compare(job(pairs(3), reader), [first, Shut()])
    assert reader.seen == []
    assert first.summary is not None and first.summary.interrupted


def test_an_error_in_the_pairs_ends_the_run() -> None:
    """An iterable that raises is a bug of the caller's: it passes, sinks are closed, no thread lives on."""

    def some() -> Iterator[Pair]:
        yield from pairs(3)
        raise LookupError("the list broke off")

    sink = Kept()
    with pytest.raises(LookupError):
        compare(job(some()), [sink])
    assert sink.summary is not None and sink.summary.interrupted
    assert threads() == set()


class Stopping(Engine):
    """Ctrl-C comes while it computes its third batch."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def distances(self, a: Pixels, b: Pixels) -> Numbers:
        if len(self.batches) == 2:
            if self.how == "raised":
                raise KeyboardInterrupt
            signal.raise_signal(signal.SIGINT)
        return super().distances(a, b)


@pytest.mark.parametrize("how", ["signal", "raised"])
def test_ctrl_c_keeps_what_is_done(how: str) -> None:
    """The batch under way is finished (where it is a signal), every row that is done is written, the rest is not begun,
    the summary says so, Python's own handler is back, and no thread lives on."""
    sink = Kept()
    summary = compare(job(pairs(90), Reader(delay=0.001), engines={"mse": Stopping(how)}), [sink])
    assert summary.interrupted
    done = 3 if how == "signal" else 2
    assert summary.count == len(sink.rows) == done * (defaults.WINDOW // 2)
    assert sink.names == [pair.name for pair in pairs(90)][: summary.count]
    assert sink.summary == summary
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert threads() == set()


def test_ctrl_c_writes_rows_that_wait_behind_others() -> None:
    """A row whose turn had not come, since one before it was not computed, is not thrown away."""
    sink = Kept()
    engine = Stopping("signal")

    def size(path: Path) -> tuple[int, int]:  # pair 0 alone in its bucket; the others fill one batch each
        return (4, 4) if path.stem == "p00" else (800, 800)

    summary = compare(job(pairs(10), Reader(size), engines={"mse": engine}), [sink])
    assert summary.interrupted
    assert sink.names == ["p01.png", "p02.png", "p03.png"]


def test_ctrl_c_after_the_last_pair_interrupts_nothing() -> None:
    """All was done: the run is whole."""
    sink = Kept()

    def tell(done: int, total: int | None) -> None:
        if done == total:
            signal.raise_signal(signal.SIGINT)

    assert not compare(job(pairs(4)), [sink], progress=tell).interrupted
    assert len(sink.rows) == 4


def test_a_second_ctrl_c_does_not_wait() -> None:
    """It is KeyboardInterrupt where it strikes; the sinks are closed all the same."""

    class Twice(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not reached")

    sink = Kept()
    summary = compare(job(pairs(3), engines={"mse": Twice()}), [sink])
    assert (summary.interrupted, sink.rows, sink.summary) == (True, [], summary)


def test_a_handler_of_the_application_is_left_alone() -> None:
    """Who handles Ctrl-C himself keeps doing so."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        summary = compare(job(pairs(90), engines={"mse": Stopping("signal")}))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (summary.interrupted, summary.count, seen) == (False, 90, [signal.SIGINT])


def test_it_runs_outside_the_main_thread() -> None:
    """Where no signal handler can be set, none is."""
    counts = []
    thread = threading.Thread(target=lambda: counts.append(compare(job(pairs(20))).count))
    thread.start()
    thread.join()
    assert counts == [20]


def test_fit_decides_what_is_compared() -> None:
    """The images that `fit` gives back are scored, and their size is the row's."""

    def halved(a: Image, b: Image) -> tuple[Image, Image]:
        return fit(*(replace(image, pixels=image.pixels[:2]) for image in (a, b)))

    sink = Kept()
    compare(job(pairs(1), fit=halved), [sink])
    assert (sink.rows[0].width, sink.rows[0].height) == (4, 2)
