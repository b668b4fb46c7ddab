"""Tests of `compare --pairs` and `compare --match`."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two pairs to one folder, with names as super-resolution methods give them."""
    draws = np.random.default_rng(0)
    for name in ("1", "2", "1x4", "2x4"):
        Image.fromarray(draws.integers(0, 255, (16, 16, 3), np.uint8)).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scores(words: str, capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, float]:
    assert run(["compare", *words.split(), "-m", "psnr", "-f", "json"]) == code
    return {row["pair"]: row["scores"]["psnr"] for row in json.loads(capsys.readouterr().out)["rows"]}


def test_patterns_and_lists_give_the_scores_of_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A pattern for one folder, a CSV list, and a list in Python give the scores of the pairs of files."""
    expected = {name: eyediff.distance(f"{name}.png", f"{name}x4.png", "psnr") for name in ("1", "2")}
    assert scores(". . --match {name}.png={name}x4.png", capsys) == expected
    Path("list.csv").write_text("reference,candidate,name\n1.png,1x4.png,1\n2.png,2x4.png,2\n")
    assert scores("--pairs list.csv", capsys) == expected
    found = eyediff.compare(pairs="list.csv", metrics=["psnr"])
    assert {row.pair.name: row.scores["psnr"] for row in found.rows} == expected
    found = eyediff.compare(pairs=[("1.png", "1x4.png"), ("2.png", "2x4.png")], metrics=["psnr"])
    assert [row.scores["psnr"] for row in found.rows] == list(expected.values())


def test_a_file_of_the_list_that_is_missing_is_a_row(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file of the list is an error of its row, and the exit code is 3."""
    Path("list.jsonl").write_text('{"reference": "1.png", "candidate": "gone.png"}\n')
    assert run(["compare", "--pairs", "list.jsonl", "-m", "psnr"]) == 3
    assert "no such file" in capsys.readouterr().out


def test_the_proposal_is_a_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error proposes an option that is quoted for a shell."""
    assert run(["compare", ".", ".", "-m", "psnr"]) == 2
    assert "--match '{name}.png={name}x4.png' makes 2 pairs" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["--pairs list.csv . .", "--pairs list.csv --match stem", "", "."])
def test_calls_that_do_not_fit(folder: Path, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both kinds of arguments, or too few arguments, give exit code 2 and one line."""
    assert run(["compare", *words.split()]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_list_names_masks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list of pairs can name masks, as --mask does. An empty cell means that all pixels count.

    --resume notices another path of a mask. Metrics without support for masks are refused, and so is an additional
    --mask.
    """
    white = np.full((16, 16), 255, np.uint8)
    for rows in (4, 8):
        Image.fromarray(np.where(np.arange(16)[:, None] < rows, 0, white)).save(f"m{rows}.bmp")
    lines = ["reference,candidate,name,mask", "1.png,1x4.png,1,m4.bmp", "2.png,2x4.png,2,"]
    Path("list.csv").write_text("\n".join(lines))
    expected = {
        "1": eyediff.distance("1.png", "1x4.png", "psnr", mask="m4.bmp"),
        "2": eyediff.distance("2.png", "2x4.png", "psnr"),
    }
    assert scores("--pairs list.csv", capsys) == expected
    pairs = [{"reference": "1.png", "candidate": "1x4.png", "mask": "m4.bmp"}]
    assert eyediff.compare(pairs=pairs, metrics=["psnr"]).rows[0].scores["psnr"] == expected["1"]
    call = ["compare", "--pairs", "list.csv", "-m", "psnr", "-o", "r.csv", "--resume"]
    assert run(call) == 0
    first = Path("r.csv").read_text()
    assert run(call) == 0 and Path("r.csv").read_text() == first
    os.utime("m8.bmp", ns=(0, Path("m4.bmp").stat().st_mtime_ns))
    Path("list.csv").write_text("\n".join(lines).replace("m4", "m8"))
    assert run(call) == 0 and Path("r.csv").read_text() != first
    capsys.readouterr()
    for words, said in (
        ("-m ms-ssim", "ms-ssim does not support masks"),
        ("-m psnr --mask m4.bmp", "already has masks; leave out these masks"),
    ):
        assert run(["compare", "--pairs", "list.csv", *words.split()]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("masks", ["m4.bmp", "masks"])
def test_results_keep_their_masks(masks: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results in CSV that are the list of pairs of another run have their masks, so the scores are the same.

    Other settings, such as a region, are not in the file, and a line says so. All formats name the mask.
    """
    Path("gt").mkdir()
    Path("out").mkdir()
    Path("masks").mkdir()
    half = np.where(np.arange(16)[:, None] < 4, 0, np.full((16, 16), 255, np.uint8))
    for name in "12":
        Path(f"{name}.png").rename(f"gt/{name}.png")
        Path(f"{name}x4.png").rename(f"out/{name}.png")
        Image.fromarray(half).save(f"masks/{name}.bmp")
    Image.fromarray(half).save("m4.bmp")
    call = ["compare", "gt", "out", "-m", "psnr,visible-difference", "--mask", masks]
    assert run([*call, "-o", "r.csv"]) == 0 and run([*call, "-o", "r.jsonl", "--resume"]) == 0
    table = list(csv.DictReader(Path("r.csv").read_text().splitlines()))
    expected = [masks if masks == "m4.bmp" else f"masks/{name}.bmp" for name in "12"]
    assert [row["mask"] for row in table] == expected and list(table[0])[-2:] == ["regions", "mask"]
    records = [json.loads(line) for line in Path("r.jsonl").read_text().splitlines()[1:]]
    assert [record["mask"] for record in records] == expected
    whole = Path("r.jsonl").read_bytes()
    assert run([*call, "-o", "r.jsonl", "--resume"]) == 0 and Path("r.jsonl").read_bytes() == whole
    assert list(eyediff.compare("gt", "out", ["psnr"], mask=masks).to_pandas()["mask"]) == expected
    for part in ("1/2", "2/2"):
        assert run([*call, "--shard", part, "-o", f"{part[0]}.csv"]) == 0
    assert run(["merge", "1.csv", "2.csv", "-o", "merged.csv"]) == 0
    assert Path("merged.csv").read_text() == Path("r.csv").read_text()
    capsys.readouterr()
    assert run(["compare", "--pairs", "r.csv", "-m", "psnr,visible-difference", "-o", "again.csv"]) == 0
    assert "r.csv has results of an earlier run: only its pairs, groups and masks are used" in capsys.readouterr().err
    assert Path("again.csv").read_text() == Path("r.csv").read_text()


def test_a_list_of_groups_and_a_rule(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list with groups and --groups are refused together, because only one of them can name the groups."""
    Path("list.csv").write_text("reference,candidate,group\n1.png,1x4.png,x\n2.png,2x4.png,y\n")
    assert run(["compare", "--pairs", "list.csv", "-m", "psnr", "--groups", "subfolder"]) == 2
    assert "already has groups; leave out these groups, or --groups subfolder" in capsys.readouterr().err


def test_a_name_keeps_its_blanks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list finds the files whose names begin or end with a blank. Results in CSV are such a list.

    In an earlier version, blanks were removed, so another file was compared.
    """
    for side in ("a", "b"):
        Path(side).mkdir()
        for index, name in enumerate((" 1.png", "1.png", "1.png ", "\u20281.png")):
            Image.fromarray(np.full((16, 16, 3), 20 * index + (side == "b"), np.uint8)).save(Path(side, name), "png")
    listed = [(f"a/{name.name}", f"b/{name.name}") for name in Path("a").iterdir()]
    with Path("list.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("reference", "candidate"), *listed])
    assert set(scores("--pairs list.csv", capsys).values()) == {eyediff.distance("a/1.png", "b/1.png", "psnr")}
    Path("swapped.csv").write_text('reference, candidate\n"a/ 1.png", a/1.png\n')
    assert scores("--pairs swapped.csv", capsys)["a/1.png"] == eyediff.distance("a/ 1.png", "a/1.png", "psnr")
    assert run(["compare", "a", "b", "-m", "psnr", "-o", "results.csv"]) == 0
    assert list(scores("--pairs results.csv", capsys)) == list(scores("a b", capsys)) != []


def test_names_that_the_rule_does_not_fit_are_in_every_summary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text, JSON, JUnit and the summary file have the remark, and a table has it among its notes."""
    for side in ("a", "b"):
        Path(side).mkdir()
        for name in ("p1.png", "p2.png"):
            Path(side, name).write_bytes(Path("1.png").read_bytes())
    call = ["compare", "a", "b", "-m", "psnr", "--match", "(p1).*"]
    assert run([*call, "-o", "r.json", "--junit", "r.xml", "--summary", "s.json"]) == 0
    remark = "2 images are not compared, because the matching rule does not fit the name"
    assert remark in capsys.readouterr().err
    assert json.loads(Path("r.json").read_text())["summary"]["hints"][0].startswith(remark)
    assert all(remark in Path(name).read_text() for name in ("r.xml", "s.json"))
    assert run(call) == 0
    assert capsys.readouterr().out.count(remark) == 1
    assert run(["table", "a", "m=b", "-m", "psnr", "--match", "(p1).*", "-f", "json"]) == 0
    assert any(remark in note for note in json.loads(capsys.readouterr().out)["notes"])
    assert run(["compare", "a", "b", "-m", "psnr", "--match", "(x).*"]) == 2
    assert "--match '(x).*' fits no name in a" in capsys.readouterr().err
