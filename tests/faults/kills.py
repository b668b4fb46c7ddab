"""Kill a command at random moments (kill -9), and compare its result with that of an undisturbed run.

The command is started again after each kill, until a run finishes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..conftest import SHARED
from .work import EARLIER, Work, files, images

POLL = 0.0005
"""Seconds between two checks of the stage of a run, before an aimed kill."""

LONGEST = 600.0
"""Seconds after which a run counts as hanging."""


@dataclass
class Told:
    """The kills by the stage of the run, the number of finished runs, and the seconds of an undisturbed run."""

    kills: Counter[str] = field(default_factory=Counter)
    ends: int = 0
    seconds: float = 0.0


class Harness:
    """A command with its own inputs, and the files, result and duration of an undisturbed run."""

    def __init__(self, work: Work, root: Path, scale: int = 1) -> None:
        self.work, self.root = work, root / work.name
        self.inputs, self.place = self.root / "inputs", self.root / "place"
        images(self.inputs, work.count * scale, work.side)
        if work.name == "distill":  # distill needs photos that can all be read
            shutil.rmtree(self.inputs / "b")
        self.told = Told()
        self._fresh()
        start = time.monotonic()
        self._finish(self._start())
        self.told.seconds = time.monotonic() - start
        self.files, self.result = files(self.place), work.result(self.place)

    def _fresh(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        if self.work.earlier:
            (self.place / self.work.output).write_bytes(EARLIER)

    def _start(self) -> subprocess.Popen[bytes]:
        command = self.work.command(self.inputs, self.place)
        environment = {"EYEDIFF_WEIGHTS": str(SHARED / "weights"), **os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            command,
            cwd=self.place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=environment,
        )

    def _finish(self, run: subprocess.Popen[bytes]) -> None:
        """Wait for a run that is not killed. The exit code 3 means that one pair has no scores."""
        _, talk = run.communicate(timeout=LONGEST)
        assert run.returncode in (0, 3), (self.work.name, run.returncode, talk.decode())
        assert b"Traceback" not in talk, talk.decode()

    def lives(self, kills: int, seed: int) -> None:
        """Kill the command `kills` times. Every second kill is aimed at a stage.

        The other kills are spread over the time of a run. At random moments and at the end, a run finishes and its
        result is checked.
        """
        random = np.random.default_rng(seed)
        parts = random.permutation(kills)
        for number, part in enumerate(np.resize(parts, 20 * kills)):
            if number == 0 or random.random() < 0.25:
                self._end() if number else self._fresh()
            if number % 2:
                self._killed(aim=str(random.choice(self.work.aims)), delay=float(random.uniform(0, 0.01)))
            else:
                self._killed(delay=float((part + random.uniform()) / kills) * self.told.seconds)
            if self.told.kills.total() == kills:
                break
        self._end()

    def _end(self) -> None:
        """Let a run finish and check its result.

        Then start again with a fresh folder, unless the work runs over a result.
        """
        self._finish(self._start())
        self.told.ends += 1
        found = self.work.result(self.place)
        if found != self.result:
            differing = found.items() ^ self.result.items() if isinstance(found, dict) else [found, self.result]
            raise AssertionError(f"{self.work.name}: another result: {sorted({str(each)[:200] for each in differing})}")
        if not self.work.over:
            self._fresh()

    def _killed(self, delay: float, aim: str | None = None) -> None:
        """Start one run, kill it after `delay` seconds, and count the kill.

        If the kill is aimed, the delay begins when the run reaches the stage `aim`.
        """
        before, run = files(self.place), self._start()
        while aim is not None and run.poll() is None and self._stage() != aim:
            time.sleep(POLL)
        with suppress(subprocess.TimeoutExpired):
            run.wait(delay)
        run.kill()  # only this process: its children must notice by themselves that it has ended
        _, talk = run.communicate()
        if run.returncode != -signal.SIGKILL:
            assert run.returncode in (0, 3), talk.decode()
            return
        self.told.kills[self._stage()] += 1
        assert _alone(run.pid), f"{self.work.name}: a process outlived the run that began it"
        self.work.check(before, files(self.place), self.files)

    def _stage(self) -> str:
        return self.work.stage(self.place)


def _alone(group: int, patience: float = 10.0) -> bool:
    """Return whether all processes of a group end within `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        if not any(_group(path) == group for path in Path("/proc").glob("[0-9]*/stat")):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def _group(stat: Path) -> int | None:
    """Return the group of a process from its file in /proc, or None if the process is not alive."""
    try:
        state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(group)
