"""Tests of the match of frames by time, of the search for shifts, and of the iterator that runs ahead."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from eyediff.video.ahead import ahead
from eyediff.video.clip import Frame
from eyediff.video.match import Cursor, matched
from eyediff.video.offset import REACH, Offsets, Shift

NO_THUMB = np.zeros((1, 1), np.float32)


def pairs(a: Sequence[float], b: Sequence[float]) -> list[tuple[int | None, int | None]]:
    """Return the numbers of the matched frames, until one of the clips ends."""
    cursors = [
        Cursor(iter([Frame(i, time, NO_THUMB, None, False) for i, time in enumerate(times)]), 0.04) for times in (a, b)
    ]
    return [(x and x.number, y and y.number) for x, y, _ in matched(*cursors)]


STEADY = [0.04 * i for i in range(8)]


def test_equal_times_match() -> None:
    """Frames of equal times match, even if one file starts its clock later and rounds to milliseconds."""
    whole = [(i, i) for i in range(8)]
    assert pairs(STEADY, STEADY) == whole
    assert pairs([i / 30 for i in range(8)], [1.4 + round(i / 30, 3) for i in range(8)]) == whole


def test_a_dropped_frame_leaves_its_partner_alone() -> None:
    """A dropped frame leaves only its partner without a match: on either side, two in a row, and beside a long step."""
    assert pairs(STEADY, STEADY[:3] + STEADY[4:]) == [(0, 0), (1, 1), (2, 2), (3, None), (4, 3), (5, 4), (6, 5), (7, 6)]
    assert pairs(STEADY[:3] + STEADY[5:], STEADY)[3:5] == [(None, 3), (None, 4)]
    slow = [0, 0.04, 1, 1.04, 1.08]
    assert pairs(slow, [0, 0.04, 1.04, 1.08]) == [(0, 0), (1, 1), (2, None), (3, 2), (4, 3)]


def test_variable_rates_match() -> None:
    """Frames match if both clips have the same steps, whatever their lengths."""
    times = np.cumsum([0, 0.01, 0.5, 0.02, 0.04, 2, 0.03]).tolist()
    assert pairs(times, [round(time, 3) for time in times]) == [(i, i) for i in range(7)]


def test_twice_the_rate_leaves_every_second_alone() -> None:
    """At 25 and 50 frames a second, the frames of the same time match."""
    found = pairs(STEADY[:4], [0.02 * i for i in range(7)])
    assert found == [(0, 0), (None, 1), (1, 2), (None, 3), (2, 4), (None, 5), (3, 6)]


def test_one_frame_each() -> None:
    """Two clips of one frame each have no step to judge by, and their frames match."""
    assert pairs([0], [3]) == [(0, 0)]


def moving(count: int) -> np.ndarray:
    """Return gray thumbnails of an object that moves 1.5 columns in each frame, modulo the width of 64."""
    columns = np.arange(64)
    return np.array([np.tile(100 * np.exp(-(((columns - 1.5 * i % 64) / 6) ** 2)), (36, 1)) for i in range(count)])


def shifts(a: np.ndarray, b: np.ndarray) -> list[Shift]:
    found = Offsets()
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        found.add(x, y, 0.04 * i)
    return found.shifts()


@pytest.mark.parametrize("late", [*range(-REACH, 0), *range(1, REACH + 1)])
def test_a_shift_is_found(late: int) -> None:
    """A shift of a noisy clip, late or early, is found from the first frame on."""
    frames = moving(60)
    noisy = frames + np.random.RandomState(0).normal(0, 1, frames.shape)
    a, b = (frames[3:53], noisy[3 - late : 53 - late])
    (found,) = shifts(a, b)
    assert (found.frames, found.start) == (late, 0)


def test_no_shift_is_invented() -> None:
    """Equal clips, a still scene with noise, and too few frames have no shift."""
    frames, random = moving(60), np.random.RandomState(1)
    assert shifts(frames, frames + random.normal(0, 2, frames.shape)) == []
    still = np.repeat(frames[:1], 60, 0)
    assert shifts(still + random.normal(0, 2, still.shape), still + random.normal(0, 2, still.shape)) == []
    assert shifts(frames[1:6], frames[:5]) == []


def test_a_frame_lost_in_the_middle_is_placed() -> None:
    """After a lost frame, the candidate is early. The shift starts within a segment of the lost frame."""
    frames = moving(73)
    (found,) = shifts(frames[:72], np.delete(frames, 36, 0))
    assert found.frames == -1
    assert 0.04 * 30 <= found.start <= 0.04 * 54


def test_ahead_keeps_order_and_bounds() -> None:
    """The order is kept. At most `depth` items wait, and one more is computed. Closing the iterator ends its thread."""
    made = []

    def items():
        for i in range(100):
            made.append(i)
            yield i

    running = ahead(items(), 3)
    assert [next(running) for _ in range(10)] == list(range(10))
    assert len(made) <= 10 + 3 + 1 + 1
    running.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "eyediff-decode"]
    assert list(ahead(iter(range(20)), 3)) == list(range(20))


def test_ahead_raises_in_turn() -> None:
    """An exception is raised after the items that came before it."""

    def items():
        yield 1
        raise ValueError("broken")

    running = ahead(items(), 3)
    assert next(running) == 1
    with pytest.raises(ValueError, match="broken"):
        next(running)
