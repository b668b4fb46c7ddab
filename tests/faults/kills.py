"""Kill -9 at random moments, again and again until a run gets to its end: the result is that of an undisturbed run."""

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
"""Seconds between looks at the folder of a run at which a kill is aimed."""

LONGEST = 600.0
"""Seconds after which a run counts as one that hangs."""


@dataclass
class Told:
    """What happened: kills by the stage that they met, and runs that came to their end."""

    kills: Counter[str] = field(default_factory=Counter)
    ends: int = 0
    seconds: float = 0.0


class Harness:
    """A command over inputs of its own, its undisturbed result, and how long that took."""

    def __init__(self, work: Work, root: Path, scale: int = 1) -> None:
        self.work, self.root = work, root / work.name
        self.inputs, self.place = self.root / "inputs", self.root / "place"
        images(self.inputs, work.count * scale, work.side)
        if work.name == "distill":  # takes photos that can all be read
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
        """A run that nothing stops: 3 is the code of one pair that has no scores."""
        _, talk = run.communicate(timeout=LONGEST)
        assert run.returncode in (0, 3), (self.work.name, run.returncode, talk.decode())
        assert b"Traceback" not in talk, talk.decode()

    def lives(self, kills: int, seed: int) -> None:
        """So many kills, every other one aimed, the others spread over a run's time; each life ends well."""
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
        """The last run of a life, and what it must leave; then a new life."""
        self._finish(self._start())
        self.told.ends += 1
        found = self.work.result(self.place)
        if found != self.result:
            differing = found.items() ^ self.result.items() if isinstance(found, dict) else [found, self.result]
            raise AssertionError(f"{self.work.name}: another result: {sorted({str(each)[:200] for each in differing})}")
        if not self.work.over:
            self._fresh()

    def _killed(self, delay: float, aim: str | None = None) -> None:
        """One run, killed after `delay` seconds, counted, where it is aimed, from when it is there."""
        before, run = files(self.place), self._start()
        while aim is not None and run.poll() is None and self._stage() != aim:
            time.sleep(POLL)
        with suppress(subprocess.TimeoutExpired):
            run.wait(delay)
        run.kill()  # it alone: what it began must see for itself that it is gone
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
    """Whether the processes of a group end within some seconds."""
    end = time.monotonic() + patience
    while True:
        if not any(_group(path) == group for path in Path("/proc").glob("[0-9]*/stat")):
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)


def _group(stat: Path) -> int | None:
    """The group of a process that is alive, by what Linux says of it."""
    try:
        state, _, group = stat.read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(group)
