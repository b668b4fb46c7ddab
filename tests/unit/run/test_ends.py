"""How a run ends before its time: sinks and pairs that fail, Ctrl-C; nothing that was done is lost."""

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
    """No file is read; what was opened is put back."""

    class Shut(Kept):
        def open(self, header: object) -> None:
            raise OutputError("cannot write")

    reader, first = Reader(), Kept()
    with pytest.raises(OutputError):
        compare(job(pairs(3), reader), [first, Shut()])
    assert reader.seen == []
    assert first.abandoned and first.summary is None


def test_an_error_in_the_pairs_ends_the_run() -> None:
    """An iterable that raises is a bug of the caller's: it passes, sinks are put back, no thread lives on."""

    def some() -> Iterator[Pair]:
        yield from pairs(3)
        raise LookupError("the list broke off")

    sink = Kept()
    with pytest.raises(LookupError):
        compare(job(some()), [sink])
    assert sink.abandoned and sink.summary is None
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
