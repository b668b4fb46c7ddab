"""Tests of saved runs: a killed training can be resumed, and folders that do not fit are refused unchanged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eyediff.cli import run as command
from eyediff.errors import OutputError, ResumeError
from eyediff.metrics.backbones import MINI, SQUEEZE
from eyediff.output.files import Lock
from eyediff.training.distillation.log import LOG
from eyediff.training.ranking.data import VoteSplit
from eyediff.training.ranking.run import TrainingRun
from eyediff.training.ranking.train import BEST, METRIC, SAVED
from eyediff.training.ranking.train_config import TrainConfig

from .runs import OPTIONS, go, seeded
from .simulated import Simulated, mini


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_bytes(study: Simulated, trained: Path, tmp_path: Path) -> None:
    """A training that is killed and resumed gives the files of an uninterrupted training.

    It is killed between two steps. The uninterrupted training is another run, so equal seeds give equal files, too.
    """
    folder = tmp_path / "run"
    call = [sys.executable, "-m", "eyediff", "train", str(study.table), "-o", str(folder), *OPTIONS]
    with subprocess.Popen(call, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE) as process:
        while process.poll() is None and (not (folder / LOG).exists() or (folder / LOG).read_bytes().count(b"\n") < 6):
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / METRIC).exists()
    assert command(["train", str(study.table), "-o", str(folder), *OPTIONS]) == 2
    assert command(["train", str(study.table), "-o", str(folder), *OPTIONS, "--resume"]) == 0
    for name in (METRIC, BEST, LOG, SAVED):
        assert (folder / name).read_bytes() == (trained / name).read_bytes(), name


def test_a_kill_before_the_first_best_is_made_good(
    study: Simulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file of the best epoch is missing, a resumed run writes it.

    The file is missing if a run was killed between the first line of the log and this file.
    """

    def interrupted(run: TrainingRun) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingRun, "advance", interrupted)
    call = ["train", str(study.table), "-o", str(tmp_path / "run"), *OPTIONS]
    assert command(call) == 130
    first = (tmp_path / "run" / BEST).read_bytes()
    (tmp_path / "run" / BEST).unlink()
    assert command([*call, "--resume"]) == 130
    assert (tmp_path / "run" / BEST).read_bytes() == first


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("r5.png", "gone.png"), "gone.png: missing"),
        (("votes_b", "votes"), "no votes_b"),
        ((",even", ",-1,even"), "cells"),
    ],
)
def test_votes_that_are_not_whole_train_nothing(
    change: tuple[str, str], says: str, study: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Incomplete votes are refused with one line and exit code 2, and no folder is made.

    The cases are a missing image, a missing column, and a row with another number of cells.
    """
    bad = study.table.with_name("bad.csv")
    bad.write_text(study.table.read_text().replace(*change))
    assert command(["train", str(bad), "-o", str(tmp_path / "run"), *OPTIONS]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--mode", "tune", "--init", "gaussian"], "use --mode scratch"),
        (["--mode", "scratch", "--init", "x.safetensors"], "gaussian or kmeans"),
        (["--photos", "."], "--photos . needs --init kmeans"),
        (["--side", "8"], "expected at least 15 pixels"),
        (["--rate", "0"], "above 0"),
        (["--rate", "nan"], "--rate nan is not valid; expected a finite number, above 0 and at most 1"),
        (["--dropout", "nan"], "--dropout nan is not valid; expected a finite number, at least 0 and below 1"),
        (["--hold-out", "nan"], "--hold-out nan is not valid; expected a finite number, at least 0 and at most 1"),
    ],
)
def test_options_that_do_not_go_together(
    options: list[str], says: str, study: Simulated, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options that contradict each other or have impossible values are refused with exit code 2.

    The error says what to give instead.
    """
    assert command(["train", str(study.table), "-o", str(tmp_path / "run"), "--trunk", "mini", *options]) == 2
    assert says in capsys.readouterr().err


class _Hostile:
    def __reduce__(self):
        return os.system, (f"touch {_Hostile.mark}",)


def test_what_does_not_belong_is_refused_by_one_line(
    study: Simulated, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder whose run cannot be continued is refused.

    The run has other settings, another backbone, other weights or other votes. Or the checkpoint is a pickle or is
    missing, or another process uses the folder. For other settings, the command ends with exit code 2 and changes no
    file. The pickle is not executed.
    """
    import pickle
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(trained, folder)

    def refused(*options: str, says: str, resume: bool = True) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        call = ["train", str(study.table), "-o", str(folder), *OPTIONS, *options, *(["--resume"] if resume else [])]
        assert command(call) == 2
        said = capsys.readouterr().err.splitlines()
        assert says in said[-1], said
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    refused(says="already has a run", resume=False)
    refused("--batch", "25", says="batch 50, not 25")
    shutil.rmtree(folder / "cache")
    lock = Lock(folder / SAVED)
    with pytest.raises(OutputError, match="another run"):
        go(VoteSplit(study.triplets, ()), mini(), folder, TrainConfig(), resume=True)
    lock.release()
    with pytest.raises(ResumeError, match="trunk mini, not squeeze"):
        go(VoteSplit(study.triplets[:2], ()), seeded(SQUEEZE), folder, TrainConfig(), resume=True)
    shutil.rmtree(folder / "cache")
    with pytest.raises(ResumeError, match="trunk_sha256"):
        go(VoteSplit(study.triplets[:2], ()), seeded(MINI), folder, TrainConfig(), resume=True)
    shutil.rmtree(folder / "cache")
    with pytest.raises(ResumeError, match="train "):
        go(VoteSplit(study.triplets[:2], ()), mini(), folder, TrainConfig(), resume=True)
    _Hostile.mark = tmp_path / "ran"
    shutil.rmtree(folder / "cache")
    (folder / SAVED).write_bytes(pickle.dumps(_Hostile(), protocol=2))
    with pytest.raises(ResumeError, match="is not a checkpoint"):
        go(VoteSplit(study.triplets[:2], ()), mini(), folder, TrainConfig(), resume=True)
    assert not _Hostile.mark.exists()
    (folder / SAVED).unlink()
    with pytest.raises(ResumeError, match=r"the checkpoint run\.safetensors .* is missing"):
        go(VoteSplit(study.triplets[:2], ()), mini(), folder, TrainConfig(), resume=True)
