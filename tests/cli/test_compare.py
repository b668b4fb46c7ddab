"""Tests of `eyediff compare`: exit codes, one line on standard error, and only results on standard output."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from eyediff.cli import run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
BEFORE, AFTER = str(EXAMPLES / "before"), str(EXAMPLES / "after")


@dataclass(frozen=True)
class Said:
    """Exit code and printed text of a call."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
):
    """Return a function that runs the command line in this process, offline and with its own cache."""
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    monkeypatch.setenv("EYEDIFF_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEDIFF_WEIGHTS", raising=False)

    def call(*arguments: object) -> Said:
        code = run([str(argument) for argument in arguments])
        return Said(code, *capfd.readouterr())

    return call


def one_line(said: Said, *words: str) -> None:
    """Check for exit code 2, empty standard output, and a single line on standard error that contains these words."""
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("eyediff: ") and said.err.count("\n") == 1
    for word in words:
        assert word in said.err


def test_two_folders_as_text(call) -> None:
    """The text has a row for each pair, the summary, and the version of the metric."""
    said = call("compare", BEFORE, AFTER, "-m", "psnr,ssim")
    assert said.code == 0 and said.err == "eyediff: PASS: 3 pairs compared\n"
    lines = said.out.splitlines()
    assert lines[0].split() == ["psnr", "ssim", "pair"]
    assert [line.split()[-1] for line in lines[1:4]] == ["astronaut.png", "cat.png", "coffee.png"]
    assert "3 pairs compared" in said.out and "ssim: version wang" in said.out


def test_two_files_and_a_file_against_a_folder(call) -> None:
    """The command compares two files, or a file with each image of a folder.

    JSON lines have a header, then a row for each pair.
    """
    said = call("compare", f"{BEFORE}/cat.png", f"{AFTER}/cat.png", "-m", "psnr", "-f", "jsonl")
    header, row = map(json.loads, said.out.splitlines())
    assert header["metrics"]["psnr"]["weights_sha256"] is None and header["size"] == "refuse"
    assert list(row)[:8] == ["pair", "reference", "candidate", "width", "height", "scores", "error", "notes"]
    assert list(row)[8:] == ["verdict", "crossed"]
    assert row["scores"] == {"psnr": pytest.approx(24.4015, abs=1e-4)} and row["error"] is None
    said = call("compare", f"{BEFORE}/cat.png", AFTER, "-m", "psnr", "-f", "json")
    assert [row["pair"] for row in json.loads(said.out)["rows"]] == ["astronaut.png", "cat.png", "coffee.png"]


def test_the_name_of_the_output_tells_its_format(call, tmp_path: Path) -> None:
    """The suffix of the output file selects the format. CSV has the documented columns.

    Standard output stays empty, and standard error has one message. An unknown suffix is refused.
    """
    said = call("compare", BEFORE, AFTER, "-m", "psnr", "-m", "ssim", "-o", tmp_path / "out.csv")
    assert (said.code, said.out, said.err.count("eyediff: ")) == (0, "", 1)
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["pair", "reference", "candidate", "width", "height", "psnr", "ssim", "error", "notes"]
    assert [row["pair"] for row in rows] == ["astronaut.png", "cat.png", "coffee.png"]
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "-o", tmp_path / "out.dat"), "out.dat", "--format")


def test_limits_decide_the_exit_code(call) -> None:
    """The exit code is 1 if a pair crosses a limit, and 0 otherwise. The output names the pair."""
    assert call("compare", BEFORE, AFTER, "-m", "psnr", "--min", "psnr=23").code == 0
    said = call("compare", BEFORE, AFTER, "-m", "psnr", "--min", "psnr=24")
    assert said.code == 1 and "beyond a limit" in said.out and "coffee.png" in said.out.split("beyond a limit")[1]


def test_the_size_error_names_the_option(call, tmp_path: Path) -> None:
    """The row of a pair of two sizes proposes options of the command line, not parameters of Python."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "small.png")
    said = call("compare", f"{BEFORE}/cat.png", tmp_path / "small.png", "-m", "psnr")
    assert "or --size resize or --size crop" in said.out and "size=" not in said.out


def test_what_could_not_be_compared_is_told_and_gives_3(call, tmp_path: Path) -> None:
    """A damaged file and a pair of two sizes have a row with an error, and a file without a partner is listed.

    The exit code is 3. --size resize makes the pair of two sizes comparable.
    """
    from PIL import Image

    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for name in ("cat", "coffee", "astronaut"):
            (tmp_path / side / f"{name}.png").write_bytes((EXAMPLES / "before" / f"{name}.png").read_bytes())
    (tmp_path / "b" / "cat.png").write_bytes((EXAMPLES / "before" / "cat.png").read_bytes()[:5000])
    with Image.open(EXAMPLES / "before" / "coffee.png") as image:
        image.resize((128, 100)).save(tmp_path / "b" / "coffee.png")
    (tmp_path / "a" / "lonely.png").write_bytes(b"")
    said = call("compare", tmp_path / "a", tmp_path / "b", "-m", "psnr", "-f", "json")
    assert said.code == 3
    found = json.loads(said.out)
    errors = {row["pair"]: row["error"] and row["error"]["stage"] for row in found["rows"]}
    assert errors == {"astronaut.png": None, "cat.png": "read", "coffee.png": "size"}
    assert found["rows"][0]["scores"] == {"psnr": "inf"}
    assert found["summary"]["count"] == 3 and found["summary"]["failed"] == 2
    assert "lonely.png" in json.dumps(found["unmatched"])
    resized = call("compare", tmp_path / "a", tmp_path / "b", "-m", "psnr", "-f", "json", "--size", "resize")
    assert [row["error"] is None for row in json.loads(resized.out)["rows"]] == [True, False, True]


def test_bad_calls_are_one_line_and_compute_nothing(call, tmp_path: Path) -> None:
    """Each common mistake gives one line with the word that the user needs. No file is written."""
    (tmp_path / "empty").mkdir()
    one_line(call("compare", BEFORE, AFTER, "-m", "pnsr"), "'pnsr'", "'psnr'")
    one_line(call("compare", BEFORE, AFTER, "-m", "lpips,lpips-alex"), "same metric")
    one_line(call("compare", BEFORE, tmp_path / "missing"), "missing", "no such file")
    one_line(call("compare", BEFORE, tmp_path / "empty"), "empty", "no image")
    one_line(call("compare", BEFORE, BEFORE + "/"), "the same")
    one_line(call("compare", BEFORE, f"{AFTER}/cat.png"), "is a folder", "a file")
    one_line(call("compare", BEFORE), "a reference and a candidate are needed")
    one_line(call("compare", BEFORE, AFTER, "--metrics", "psnr"), "--metrics")
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "--max", "psnr"), "--max psnr", "NAME=VALUE")
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "--max", "ssim=1"), "ssim", "--metric")
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "--resume"), "--resume", "-o")
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "--workers", "0"), "workers")
    one_line(call("compare", BEFORE, AFTER, "-m", "ssim", "--device", "cuda"), "device cuda", "onnxruntime-gpu")
    one_line(call("compare", BEFORE, AFTER, "-m", "lpips-vgg"), "weights get vgg", "weights add", "EYEDIFF_WEIGHTS")
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "-o", tmp_path / "no" / "out.csv"), "out.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_an_output_that_cannot_be_written_loses_nothing(call, tmp_path: Path) -> None:
    """An existing file that does not hold results is refused as output and stays unchanged."""
    precious = tmp_path / "photo.csv"
    precious.write_bytes(bytes(range(256)))
    one_line(call("compare", BEFORE, AFTER, "-m", "psnr", "-o", precious), "photo.csv")
    assert precious.read_bytes() == bytes(range(256))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """A full disk gives one line without a traceback. The exit code is 2 if nothing was written."""
    command = [sys.executable, "-m", "eyediff", "compare", BEFORE, AFTER, "-m", "psnr", "-f", "csv"]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_a_wrong_and_a_hostile_weights_file_are_refused(call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile weights file is refused with its name and exit code 2, and no code in it is executed.

    Weights are treated as hostile until they are checked.
    """
    canary = tmp_path / "canary"
    hostile = tmp_path / "alexnet-hostile.pth"
    hostile.write_bytes(f"cos\nsystem\n(S'touch {canary}'\ntR.".encode())
    one_line(call("weights", "add", hostile), "alexnet-hostile.pth")
    monkeypatch.setenv("EYEDIFF_WEIGHTS", str(tmp_path))
    one_line(call("compare", BEFORE, AFTER, "-m", "lpips"), "alexnet-hostile.pth")
    assert not canary.exists()


def test_the_metrics_and_the_version_are_listed(call) -> None:
    """`metrics` prints a line for each metric on standard output. --version prints the version, and --help succeeds."""
    said = call("metrics")
    assert said.code == 0
    for name in ("lpips-alex, lpips", "lpips-vgg", "deep-squeeze", "psnr", "ssim"):
        assert any(line.startswith(name) for line in said.out.splitlines())
    assert call("--version").out.startswith("eyediff 0.")
    assert call("--help").code == 0


def test_memory_bounds_a_run_and_changes_no_score(call) -> None:
    """--memory accepts amounts with a unit and changes no score.

    A text that is not an amount, and an amount that is too small, are refused before any work.
    """
    plain, bounded = (
        json.loads(call("compare", BEFORE, AFTER, "-m", "lpips-mini,psnr", "-f", "json", *more).out)
        for more in ((), ("--memory", "600MB"))
    )
    assert bounded["rows"] == plain["rows"]
    one_line(call("compare", BEFORE, AFTER, "--memory", "lots"), "'lots'", "such as 2GB")
    one_line(call("compare", BEFORE, AFTER, "--memory", "10MB"), "10 MB", "512MB or more")
