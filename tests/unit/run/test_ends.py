"""Tests of runs that end early, because of a sink, the pairs or Ctrl-C. No finished row is lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eyediff import defaults
from eyediff.errors import OutputError
from eyediff.records import Numbers, Pair, Pixels
from eyediff.run import compare

from .fakes import Engine, Kept, Reader, job, pairs


def threads() -> set[str]:
    """Return the names of the reading threads that are alive.

    Threads of engines stay alive, and other tests check them.
    """
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("eyediff-read")}


def test_a_sink_that_fails_ends_the_run() -> None:
    """OutputError of a sink ends the run.

    The other sinks keep their rows and are closed as interrupted, and no reading thread stays alive.
    """
    other, failing = Kept(), Kept(fail_at=5, error=OutputError("disk full"))
    with pytest.raises(OutputError, match="disk full"):
        compare(job(pairs(60), Reader(delay=0.002)), [other, failing])
    assert len(other.rows) == 6
    assert other.summary is not None and other.summary.interrupted
    assert failing.summary is not None
    assert threads() == set()


def test_a_sink_that_cannot_be_opened_ends_the_run_before_it_begins() -> None:
    """If a sink cannot be opened, no file is read, and the open sinks are abandoned."""

    class Shut(Kept):
        def open(self, header: object) -> None:
            raise OutputError("cannot write")

    reader, first = Reader(), Kept()
    with pytest.raises(OutputError):
        compare(job(pairs(3), reader), [first, Shut()])
    assert reader.seen == []
    assert first.abandoned and first.summary is None


def test_an_error_in_the_pairs_ends_the_run() -> None:
    """An error of the iterable of pairs is passed on, because it is a bug of the caller.

    The sinks are abandoned, and no reading thread stays alive.
    """

    def some() -> Iterator[Pair]:
        yield from pairs(3)
        raise LookupError("the list broke off")

    sink = Kept()
    with pytest.raises(LookupError):
        compare(job(some()), [sink])
    assert sink.abandoned and sink.summary is None
    assert threads() == set()


class Stopping(Engine):
    """An engine that receives Ctrl-C while it computes its third batch."""

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
    """Ctrl-C ends the run, and all finished rows are written.

    If Ctrl-C is a signal, the current batch is finished first. The other pairs are not started.

    The summary says that the run was interrupted. The signal handler of Python is restored, and no reading thread stays
    alive.
    """
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
    """After Ctrl-C, a finished row is written even if an earlier row was not computed."""
    sink = Kept()
    engine = Stopping("signal")

    def size(path: Path) -> tuple[int, int]:  # pair 0 is alone in its batch; each other pair fills a batch
        return (4, 4) if path.stem == "p00" else (800, 800)

    summary = compare(job(pairs(10), Reader(size), engines={"mse": engine}), [sink])
    assert summary.interrupted
    assert sink.names == ["p01.png", "p02.png", "p03.png"]


def test_ctrl_c_after_the_last_pair_interrupts_nothing() -> None:
    """Ctrl-C after the last pair does not mark the run as interrupted, because all rows are finished."""
    sink = Kept()

    def tell(done: int, total: int | None) -> None:
        if done == total:
            signal.raise_signal(signal.SIGINT)

    assert not compare(job(pairs(4)), [sink], progress=tell).interrupted
    assert len(sink.rows) == 4


def test_a_second_ctrl_c_does_not_wait() -> None:
    """A second Ctrl-C raises KeyboardInterrupt immediately. The sinks are closed nevertheless."""

    class Twice(Engine):
        def distances(self, a: Pixels, b: Pixels) -> Numbers:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            raise AssertionError("not reached")

    sink = Kept()
    summary = compare(job(pairs(3), engines={"mse": Twice()}), [sink])
    assert (summary.interrupted, sink.rows, sink.summary) == (True, [], summary)


def test_a_handler_of_the_application_is_left_alone() -> None:
    """If the application handles Ctrl-C, its handler stays in use, and the run is not interrupted."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        summary = compare(job(pairs(90), engines={"mse": Stopping("signal")}))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (summary.interrupted, summary.count, seen) == (False, 90, [signal.SIGINT])


def test_it_runs_outside_the_main_thread() -> None:
    """A run works outside the main thread, where no signal handler can be set."""
    counts = []
    thread = threading.Thread(target=lambda: counts.append(compare(job(pairs(20))).count))
    thread.start()
    thread.join()
    assert counts == [20]
