"""Tests of protocols, borders, regions and masks on the command line: entries in the results, and refused calls."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run

Folders = tuple[Path, Path]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Write three pairs of 48 x 40 noise to two folders."""
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    for side in ("a", "b"):
        (tmp_path / side).mkdir()
        for name in ("1.png", "2.png", "3.png"):
            Image.fromarray(random.randint(0, 256, (40, 48, 3)).astype(np.uint8)).save(tmp_path / side / name)
    return tmp_path / "a", tmp_path / "b"


def header(path: str) -> dict[str, object]:
    return json.loads(Path(path).read_text().splitlines()[0])  # type: ignore[no-any-return]


def test_results_name_the_protocol(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """The text, the report and the header of JSON lines name the protocol. The metrics are those of the protocol."""
    call = ["compare", "a", "b", "--protocol", "sr-y", "--scale", "4", "-m", "psnr,ssim"]
    assert run([*call, "--report", "page.html"]) == 0
    assert "protocol sr-y@1, border cut off: 4, rounded to 8 bits" in capsys.readouterr().out
    assert '"protocol":"sr-y@1"' in Path("page.html").read_text()
    assert run([*call, "-o", "r.jsonl"]) == 0
    assert header("r.jsonl")["conventions"] == {"protocol": "sr-y@1", "crop_border": 4, "eight_bits": True}
    row = json.loads(Path("r.jsonl").read_text().splitlines()[1])
    assert (row["width"], row["height"], list(row["scores"])) == (40, 32, ["psnr@y", "ssim@y"])
    assert run(["compare", "a", "b", "-m", "psnr", "-o", "plain.jsonl"]) == 0
    assert "conventions" not in header("plain.jsonl")


def test_parts_keep_the_conventions(folders: Folders) -> None:
    """Merged shards are equal to the results of a whole run. A part with other conventions is refused."""
    call = ["compare", "a", "b", "-m", "psnr", "--region", "4,4,30,30", "--ignore", "8,8,5,5", "--crop-border", "2"]
    for part in ("1/2", "2/2"):
        assert run([*call, "--shard", part, "-o", f"part{part[0]}.jsonl"]) == 0
    assert run(["merge", "part1.jsonl", "part2.jsonl", "-o", "merged.jsonl"]) == 0
    assert run([*call, "-o", "whole.jsonl"]) == 0
    assert Path("merged.jsonl").read_text() == Path("whole.jsonl").read_text()
    assert run([*call[:-1], "1", "--shard", "2/2", "-o", "other.jsonl"]) == 0
    assert run(["merge", "part1.jsonl", "other.jsonl", "-o", "no.jsonl"]) == 2


def test_a_run_of_other_conventions_is_not_continued(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """Results with other conventions are not resumed and not accepted as a baseline.

    Such scores do not belong together.
    """
    assert run(["compare", "a", "b", "-m", "psnr", "--crop-border", "3", "-o", "r.jsonl", "--resume"]) == 0
    assert run(["compare", "a", "b", "-m", "psnr", "-o", "r.jsonl", "--resume"]) == 2
    assert "crop_border: '3' before, 'None' now" in capsys.readouterr().err
    assert run(["compare", "a", "b", "-m", "psnr", "--baseline", "r.jsonl"]) == 2
    assert "crop_border is 3, but in this run it is none" in capsys.readouterr().err
    assert run(["compare", "a", "b", "-m", "psnr", "--crop-border", "3", "--baseline", "r.jsonl"]) == 0


@pytest.mark.parametrize("resume", [["--resume"], ["--resume-by", "hash"]], ids=["time", "hash"])
def test_masks_by_name(resume: list[str], folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder has a mask for each pair, found by name or stem.

    A changed mask is noticed, and a missing mask is refused.
    """
    Path("m").mkdir()
    for name, ignored in (("1.png", 0), ("2.bmp", 10), ("3.png", 20)):
        mask = np.full((40, 48), 255, np.uint8)
        mask[:ignored] = 0
        Image.fromarray(mask).save(f"m/{name}")
    call = ["compare", "a", "b", "-m", "psnr,lpips", "--mask", "m"]
    assert run([*call, "-o", "r.jsonl", *resume]) == 0
    scores = [json.loads(line)["scores"]["psnr"] for line in Path("r.jsonl").read_text().splitlines()[1:]]
    a, b = (np.stack([np.asarray(Image.open(f"{side}/{n}.png")) for n in (1, 2, 3)]) / 255 for side in "ab")
    expected = [
        -10 * np.log10(np.mean((x[rows:] - y[rows:]) ** 2)) for x, y, rows in zip(a, b, (0, 10, 20), strict=True)
    ]
    assert scores == pytest.approx(expected, rel=1e-9)
    shutil.copy("m/1.png", "m/3.png")
    assert run([*call, "-o", "r.jsonl", *resume]) == 0
    again = [json.loads(line)["scores"]["psnr"] for line in Path("r.jsonl").read_text().splitlines()[1:]]
    assert again[:2] == scores[:2] and again[2] != scores[2]
    capsys.readouterr()
    Path("m/2.bmp").unlink()
    assert run(call) == 2
    assert "no mask for 1 of 3 pairs (2.png)" in capsys.readouterr().err
    assert run([*call[:-1], "m/1.png"]) == 0
    assert run([*call[:-1], "nowhere"]) == 2


def test_a_mask_that_does_not_fit_costs_its_pair(folders: Folders) -> None:
    """A mask of the wrong size is an error of its pair. The row gives the reason, and the other pairs have scores."""
    Path("m").mkdir()
    for name in ("1", "2", "3"):
        Image.new("L", (48, 40 if name != "2" else 9), 255).save(f"m/{name}.png")
    assert run(["compare", "a", "b", "-m", "psnr", "--mask", "m", "-o", "r.jsonl"]) == 3
    errors = [json.loads(line)["error"] for line in Path("r.jsonl").read_text().splitlines()[1:]]
    assert errors[0] is errors[2] is None and errors[1]["message"].startswith("the mask is 48x9")


def test_a_changed_clock_passes(folders: Folders) -> None:
    """A change in an ignored rectangle passes, and a change elsewhere fails, as tests of interfaces need it."""
    clock = np.asarray(Image.open("a/1.png")).copy()
    clock[2:12, 30:46] = 7
    Image.fromarray(clock).save("clock.png")
    call = ["compare", "a/1.png", "clock.png", "-m", "l2,lpips", "--max", "l2=0", "--max", "lpips=0"]
    assert run(call) == 1
    assert run([*call, "--ignore", "30,2,16,10"]) == 0
    assert run([*call, "--ignore", "30,2,15,10"]) == 1
    assert run([*call, "--region", "0,14,48,26"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "sr-y"], "--scale 4"),
        (["--protocol", "sry"], "did you mean sr-y"),
        (["--scale", "4"], "sets the border of a protocol"),
        (["--protocol", "derain", "--alpha", "white"], "--alpha white and --protocol derain exclude each other"),
        (["--protocol", "derain", "-m", "lpips"], "does not have the metric lpips"),
        (["--protocol", "derain", "--crop-border", "2"], "--crop-border 2 and --protocol derain exclude each other"),
        (["-m", "ms-ssim", "--ignore", "0,0,5,5"], "ms-ssim does not support masks"),
        (["--region", "0,0,5"], "--region 0,0,5 is not a rectangle"),
        (["--crop-border", "-1"], "expected 0 or more"),
    ],
)
def test_what_is_refused(
    options: list[str], message: str, folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong option is refused before any work, in one line that names the option."""
    assert run(["compare", "a", "b", *options]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_protocols_are_listed_and_explained(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`protocols` prints the list, a protocol with its sources, or TOML.

    The TOML is a start for a protocol of the user.
    """
    assert run(["protocols"]) == 0
    assert "lpips-vgg@range01" in capsys.readouterr().out
    assert run(["protocols", "3dgs"]) == 0
    assert "source: graphdeco-inria/gaussian-splatting utils/loss_utils.py" in capsys.readouterr().out
    assert run(["protocols", "derain", "--toml"]) == 0
    (tmp_path / "mine.toml").write_text(capsys.readouterr().out.replace('"derain"', '"mine"', 1))
    assert run(["protocols", str(tmp_path / "mine.toml")]) == 0
    assert capsys.readouterr().out.startswith("mine@1: ")
    assert run(["protocols", "--toml"]) == 2


def test_a_pair_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`explain` has a row for each protocol that applies, and names the score nearest to the expected score.

    Missing weights are the reason of a missing score and give exit code 3.
    """
    monkeypatch.chdir(tmp_path)
    for name, value in (("EYEDIFF_OFFLINE", "1"), ("EYEDIFF_HOME", "home"), ("TORCH_HOME", "home")):
        monkeypatch.setenv(name, value)
    random = np.random.RandomState(0)
    a = random.randint(0, 256, (170, 170, 3)).astype(np.uint8)
    b = (a + random.normal(0, 20, a.shape)).clip(0, 255).astype(np.uint8)
    for name, pixels in (("a.png", a), ("b.png", b)):
        Image.fromarray(pixels).save(name)
    wanted = eyediff.distance(a, b, "lpips-alex@range01")
    call = ["explain", "a.png", "b.png", "--expect", f"lpips={wanted:.4f}"]
    assert run([*call, "-f", "json"]) == 3
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert set(found["left_out"]) == {"sr-y", "sr-rgb", "sr-edsr"}
    assert found["expected"][0].startswith(
        f"nearest to lpips={float(f'{wanted:.4f}'):g}: lpips-alex@range01 of elsewhere"
    )
    assert "equal in all given digits" in found["expected"][0] and found["expected"][0] in said.err
    rows = {(row["metric"], name): row["score"] for row in found["rows"] for name in row["protocols"].split(", ")}
    assert rows["psnr", "eyediff"] == rows["psnr", "3dgs"] == eyediff.distance(a, b, "psnr")
    assert rows["ssim@3d", "deblur"] == eyediff.scores(a, b, protocol="deblur")["ssim@3d"]
    assert rows["lpips-vgg@range01", "3dgs"] is None
    assert run([*call, "--scale", "2"]) == 3
    text = capsys.readouterr().out
    assert "border of 8 cut off" in text and "does not apply" not in text and "vgg16-397923af.pth" in text
    for bad in ("lpips", "=3", "lpips=nan", "vif=0.3"):
        assert run([*call[:-1], bad]) == 2


def test_one_transparent_image_is_explained_on_its_background(tmp_path: Path) -> None:
    """Protocols that state a background keep it. The other scores are those of `compare` with the given background."""
    random = np.random.RandomState(1)
    colours = random.randint(0, 256, (64, 64, 4)).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "a.png")
    Image.fromarray(colours[..., :3]).save(tmp_path / "b.png")
    paths = tmp_path / "a.png", tmp_path / "b.png"
    call = ["explain", *map(str, paths), "--alpha", "white", "-o", str(tmp_path / "e.json")]
    assert run(call) == 3  # the images are too small for ms-ssim
    rows = json.loads((tmp_path / "e.json").read_text())["rows"]
    (score,) = [row["score"] for row in rows if row["metric"] == "psnr" and "eyediff" in row["protocols"].split(", ")]
    assert score == eyediff.distance(*paths, "psnr", alpha="white")
    assert all("reference: transparency on white" in row["convention"] for row in rows if row["protocols"] == "eyediff")
    by_protocol = {
        name: row.score for row in eyediff.explain(*paths).rows for name in row.protocols if row.metric == "psnr"
    }
    assert by_protocol["eyediff"] is None and by_protocol["gsplat"] == np.inf
    assert "eyediff" in eyediff.explain(*paths, alpha="refuse").left_out


def test_transparency_and_depth_are_explained(tmp_path: Path) -> None:
    """Protocols differ in transparency (dropped, put on black, or refused) and in rounding to 8 bits.

    `explain` shows these differences where they matter for the pair.
    """
    random = np.random.RandomState(1)
    for name in ("a.png", "b.png"):
        Image.fromarray(random.randint(0, 256, (170, 170, 4)).astype(np.uint8)).save(tmp_path / name)
    found = eyediff.explain(tmp_path / "a.png", tmp_path / "b.png")
    by_protocol = {name: row for row in found.rows if row.metric == "psnr" for name in row.protocols}
    assert "transparent" in found.left_out["codec"] and "nerfstudio" in found.left_out
    assert by_protocol["3dgs"].convention.endswith("transparency dropped")
    assert "; worst of black and white: " in by_protocol["eyediff"].convention
    scores = {name: by_protocol[name].score or 0.0 for name in ("3dgs", "nerfbaselines", "eyediff")}
    assert scores["3dgs"] != scores["nerfbaselines"] >= scores["eyediff"]
    a, b = (random.rand(170, 170, 3) for _ in range(2))
    deep = eyediff.explain(a, b, range=(0, 1))
    rounded = next(row for row in deep.rows if row.metric == "psnr" and "3dgs" in row.protocols)
    assert rounded.convention.endswith("; rounded to 8 bits") and "gsplat" not in rounded.protocols
    assert rounded.convention.count("rounded to 8 bits") == 1


def test_sizes(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """Each policy for pairs of different size gives its own score.

    The header names the policy, and the filter if it is not the default.
    """
    Image.open("b/1.png").crop((0, 0, 48, 30)).save("short.png")
    scores = {}
    for size in ("top-left", "pad", "resize", "fit:24x20"):
        assert run(["compare", "a/1.png", "short.png", "-m", "psnr", "--size", size, "-o", "s.jsonl"]) == 0
        lines = [json.loads(line) for line in Path("s.jsonl").read_text().splitlines()]
        assert lines[0]["size"] == size and "conventions" not in lines[0]
        scores[size] = lines[1]["scores"]["psnr"]
    assert scores["pad"] < scores["top-left"] and len(set(scores.values())) == 4
    call = [
        "compare",
        "a/1.png",
        "short.png",
        "-m",
        "psnr",
        "--size",
        "resize",
        "--resampling",
        "nearest",
        "-o",
        "s.jsonl",
    ]
    assert run(call) == 0
    assert header("s.jsonl")["conventions"] == {"resampling": "nearest"}
    capsys.readouterr()
    assert run(["compare", "a/1.png", "short.png", "--size", "fit"]) == 2
    assert "fit:640x480" in capsys.readouterr().err
    assert run(["compare", "a/1.png", "short.png", "--resampling", "box"]) == 2
    assert "--resampling box needs --size resize or --size fit, because" in capsys.readouterr().err


def test_a_table_notes_that_a_protocol_averages_over_scenes(
    folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without groups, the means are over all images, which is not the average of the protocol."""
    call = ["table", "a", "m=b", "--protocol", "3dgs", "-m", "psnr", "-f", "json"]
    assert run([*call, "--scores", "scores.jsonl"]) == 0
    note = "the protocol 3dgs@1 averages over scenes, but the images have no groups, so the means are over all images"
    assert note in json.loads(capsys.readouterr().out)["notes"]
    assert run(["table", "--from", "scores.jsonl", "-f", "json"]) == 0
    assert note in json.loads(capsys.readouterr().out)["notes"]
    for side in ("a", "b"):
        Path(side, "scene").mkdir()
        for file in Path(side).glob("*.png"):
            shutil.move(file, Path(side, "scene"))
    assert run([*call, "--groups", "subfolder"]) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == []


def test_regions_have_the_positions_of_the_settings(folders: Folders, capsys: pytest.CaptureFixture[str]) -> None:
    """A region that is reported with a cut border is the rectangle that --ignore takes."""
    reference = np.full((60, 60, 3), 90, np.uint8)
    changed = reference.copy()
    changed[20:30, 30:45] = 200
    Image.fromarray(reference).save("reference.png")
    Image.fromarray(changed).save("changed.png")
    call = ["compare", "reference.png", "changed.png", "-m", "changed-pixels", "--crop-border", "7", "-f", "json"]
    assert run(call) == 0
    (region,) = json.loads(capsys.readouterr().out)["rows"][0]["regions"]["changed-pixels"]
    assert [region[key] for key in ("x", "y", "width", "height")] == [30, 20, 15, 10]
    assert run([*call, "--ignore", "30,20,15,10"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["scores"]["changed-pixels"] == 0
