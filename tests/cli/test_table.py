"""`eyediff table` as people meet it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import tables
from eyediff.cli import run
from eyediff.engines.network_engine import NetworkEngine
from eyediff.errors import UsageError
from eyediff.run import ComparisonOptions
from eyediff.run import compare as run_compare
from eyediff.scoring import batches


def picture(path: str, level: int, size: int = 16) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), level, np.uint8)).save(path)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scenes of one and two images; each method has a constant error."""
    monkeypatch.chdir(tmp_path)
    for name in ("a/0", "b/0", "b/1"):
        picture(f"gt/{name}.png", 100)
        for method, error in (("one", 5), ("two", 10)):
            picture(f"{method}/{name}.png", 100 + error)


def psnr(error: int) -> float:
    return float(20 * np.log10(255 / error))


def means(words: str, code: int = 0) -> dict[str, Any]:
    assert run(["table", *words.split(), "-o", "table.json"]) == code
    methods = json.loads(Path("table.json").read_text())["methods"]
    return {name: found["psnr"]["mean"] for name, found in methods.items()}


def test_a_table_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """The suffix says which; a second run replaces its own file, and no other."""
    for suffix in ("txt", "md", "tex", "csv", "json", "html"):
        for _ in range(2):
            assert run(["table", "gt", "one", "Two=two", "-m", "psnr", "-o", f"t.{suffix}"]) == 0
        text = Path(f"t.{suffix}").read_text()
        assert "one" in text and "Two" in text and f"{psnr(5):.2f}"[:4] in text
    Path("mine.tex").write_text("% mine\n")
    assert run(["table", "gt", "one", "-m", "psnr", "-o", "mine.tex"]) == 2
    assert Path("mine.tex").read_text() == "% mine\n"
    capsys.readouterr()
    assert run(["table", "gt", "one", "two", "-m", "psnr"]) == 0
    assert f"{psnr(5):.2f}*" in capsys.readouterr().out


def test_means_of_scenes() -> None:
    """A scene counts once; a table of each scene on request."""
    picture("one/a/0.png", 150)
    assert means("gt one two -m psnr") == pytest.approx({"one": (psnr(50) + 2 * psnr(5)) / 3, "two": psnr(10)})
    words = "gt one two -m psnr --groups subfolder"
    assert means(words) == pytest.approx({"one": (psnr(50) + psnr(5)) / 2, "two": psnr(10)})
    assert run(["table", *words.split(), "--per-group", "-o", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["group"] for row in rows] == ["", "", "a", "a", "b", "b"]


def test_images_that_a_method_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    """Refused with their names, or left out for all and named; without a common image there is no table."""
    Path("two/b/1.png").unlink()
    picture("one/b/1.png", 200)
    assert run(["table", "gt", "one", "two", "-m", "psnr"]) == 2
    said = capsys.readouterr().err
    assert "two lacks 1: b/1.png" in said and "--missing common" in said
    assert means("gt one two -m psnr --missing common") == pytest.approx({"one": psnr(5), "two": psnr(10)})
    assert "b/1.png is left out, because it is missing in two" in capsys.readouterr().err
    Path("one/b/1.png").unlink()
    assert run(["table", "gt", "one", "two", "-m", "psnr"]) == 2
    assert "one lacks 1: b/1.png; two lacks 1: b/1.png" in capsys.readouterr().err


def test_what_has_no_ground_truth_and_what_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """Named, with exit code 3; an image that cannot be read is left out for every method."""
    picture("one/extra.png", 1)
    assert run(["table", "gt", "one", "-m", "psnr"]) == 3
    assert "only in candidate: one/extra.png" in capsys.readouterr().err
    Path("one/extra.png").unlink()
    Path("one/b/1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    picture("two/b/1.png", 200)
    assert means("gt one two -m psnr", code=3) == pytest.approx({"one": psnr(5), "two": psnr(10)})
    assert "psnr: the means leave out 1 of 3 images" in capsys.readouterr().err


def test_scores_are_kept_and_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row for each image of each method; a second run computes what changed alone."""
    call = "gt one two -m psnr --groups subfolder --scores scores.csv --resume"
    first = means(call)
    rows = list(csv.DictReader(Path("scores.csv").read_text().splitlines()))
    assert [row["pair"] for row in rows[:2]] == ["one/a/0.png", "two/a/0.png"]
    assert [row["group"] for row in rows] == ["a", "a", "b", "b", "b", "b"]
    computed: list[int] = []
    original = batches.score_batch

    def counted(batch: Sequence[Any], *rest: Any) -> Any:
        computed.append(len(batch))
        return original(batch, *rest)

    monkeypatch.setattr(batches, "score_batch", counted)
    assert means(call) == first and computed == []
    picture("two/a/0.png", 101)
    assert means(call)["two"] == pytest.approx((psnr(1) + psnr(10)) / 2)
    assert sum(computed) == 1


def test_the_ground_truth_is_decoded_and_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the number of methods; the scores are those of the pairs alone."""
    for name in ("0", "1"):
        for place, folder in enumerate(("truth", "m1", "m2", "m3")):
            picture(f"{folder}/{name}.png", 100 + 9 * place, 64)
    plan = tables.plan_table(
        Path("truth"), {name: Path(name) for name in ("m1", "m2", "m3")}, ["lpips-mini"], ComparisonOptions()
    )
    read: list[str] = []
    loader = plan.run.loader
    original = loader.read

    def counting(path: Any) -> Any:
        read.append(str(path))
        return original(path)

    seen: list[int] = []
    look = NetworkEngine.look

    def counted(self: NetworkEngine, x: Any) -> Any:
        seen.append(len(x))
        return look(self, x)

    monkeypatch.setattr(NetworkEngine, "look", counted)
    sink = tables.ScoresByMethod(plan)
    run_compare(replace(plan.run, loader=replace(loader, read=counting)), [sink])
    assert sorted(path for path in read if path.startswith("truth")) == ["truth/0.png", "truth/1.png"]
    assert sum(seen) == 2
    for place, method in enumerate(plan.methods):
        for image in ("0", "1"):
            alone = eyediff.distance(f"truth/{image}.png", f"{method}/{image}.png", "lpips-mini")
            assert sink.scores["lpips-mini"][place, int(image)] == pytest.approx(alone, abs=1e-6)


def test_from_python() -> None:
    """The same means, every format, and a table for notebooks."""
    found = eyediff.table("gt", {"one": "one", "two": "two"}, ["psnr"], groups="subfolder")
    assert found.mean("one", "psnr") == pytest.approx(psnr(5))
    assert found.mean("two", "psnr", "b") == pytest.approx(psnr(10))
    assert "\\textbf{" in found.render("latex") and "<b>" in found._repr_html_()
    assert found.summary.count == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gt one one -m psnr", "two methods have the name one"),
        ("gt =one -m psnr", "expected FOLDER or NAME=FOLDER"),
        ("gt one -m psnr --digits psnr", "--digits psnr is not valid; expected NAME=N"),
        ("gt one -m psnr --digits ssim=2", "--digits ssim: ssim is not computed here"),
        ("gt one -m psnr --per-group", "--per-group needs --groups, because"),
        ("gt one -m psnr --resume", "--resume needs --scores, because"),
        ("gt one -m psnr --resume-by hash", "--resume-by hash needs --scores, because"),
        ("gt one -m psnr --scores t.csv -o t.csv", "--output and --scores name the same file"),
        ("gt gone -m psnr", "gone: no such file or folder"),
        ("gt one -m psnr -o t.doc", "the suffix is unknown"),
    ],
)
def test_calls_that_are_wrong(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line, before any work."""
    assert run(["table", *words.split()]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_the_tables_of_the_case_files(shared: Path) -> None:
    """Mean of scenes 24.724, mean of images 25.446; super-resolution by pattern has the PSNR of each pair."""
    cases = shared / "inputs/cases"
    scenes = eyediff.table(cases / "scenes_gt", {"ours": cases / "scenes_ours"}, ["psnr"], groups="subfolder")
    assert scenes.mean("ours", "psnr") == pytest.approx(24.724, abs=5e-4)
    images = eyediff.table(cases / "scenes_gt", {"ours": cases / "scenes_ours"}, ["psnr"])
    assert images.mean("ours", "psnr") == pytest.approx(25.446, abs=5e-4)
    pattern = "{name}.png={name}x4.png"
    enlarged = eyediff.table(cases / "sr_HR", {"ours": cases / "sr_out_x4names"}, ["psnr"], match=pattern)
    pairs = [
        eyediff.distance(cases / f"sr_HR/{i:04}.png", cases / f"sr_out_x4names/{i:04}x4.png", "psnr") for i in (1, 2, 3)
    ]
    assert enlarged.mean("ours", "psnr") == pytest.approx(np.mean(pairs), abs=1e-9)


def test_a_figure_of_crops(capsys: pytest.CaptureFixture[str]) -> None:
    """PNG and PDF, of a named image or the first; the ground truth and each method are as they were compared."""
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    for name in ("f.png", "f.pdf"):
        words = f"gt one two -m psnr --figure {name} --crop 2,3,8,4 --crop 0,0,4,4 --image b/1.png"
        assert run(["table", *words.split()]) == 0
    with Image.open("f.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or ()}
    assert {(100, 100, 100), (105, 105, 105), (110, 110, 110)} <= colours
    assert run(["table", "gt", "one", "-m", "psnr", "--figure", "g.png"]) == 0
    for words, said in (
        ("--figure f.png --crop 10,0,8,4", "--crop 10,0,8,4: the crop is not inside a/0.png, which is 16x16"),
        ("--figure f.png --crop 1,2,3", "expected X,Y,W,H"),
        ("--figure f.png --crop 1,2,0,3", "at least 1"),
        ("--figure f.png --image none", "--image none: this image is not in the table"),
        ("--figure f.jpg", "a plot cannot be saved as f.jpg"),
        ("--crop 1,2,3,4", "--crop 1,2,3,4 needs --figure, because"),
    ):
        capsys.readouterr()
        assert run(["table", "gt", "one", "-m", "psnr", *words.split()]) == 2
        assert said in capsys.readouterr().err


def test_a_page_beside_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """With every picture once, also of scores that an earlier run kept; a file of others is refused."""
    call = ["table", "gt", "one", "two", "-m", "psnr", "--scores", "s.csv", "--resume", "--report", "page.html"]
    for _ in range(2):
        assert run(call) == 0
        page = Path("page.html").read_text()
        pictures = json.loads(page.partition('id="pictures">')[2].partition("</script>")[0])
        assert [len(picture["files"]) for picture in pictures] == [3, 3, 3]
        assert all(file for picture in pictures for file in picture["files"])
    Path("mine.html").write_text("mine")
    assert run([*call[:-1], "mine.html"]) == 2
    assert Path("mine.html").read_text() == "mine"
    capsys.readouterr()
    assert run([*call[:-1], "folder"]) == 2
    assert "expected an HTML file" in capsys.readouterr().err


def test_a_protocol() -> None:
    """The table follows it as `compare` does; a scale alone is refused."""
    found = eyediff.table("gt", {"one": "one"}, ["psnr@y"], protocol="sr-y", scale=4)
    rows = eyediff.compare("gt", "one", ["psnr@y"], protocol="sr-y", scale=4).rows
    assert found.mean("one", "psnr@y") == pytest.approx(np.mean([row.scores["psnr@y"] for row in rows]))
    assert "sr-y@1" in found.render("markdown")
    words = "gt one --protocol sr-y --scale 4 -m psnr@y -o t.json"
    assert run(["table", *words.split()]) == 0
    assert json.loads(Path("t.json").read_text())["methods"]["one"]["psnr@y"]["mean"] == found.mean("one", "psnr@y")
    with pytest.raises(UsageError, match="only a protocol uses it"):
        eyediff.table("gt", {"one": "one"}, ["psnr"], scale=4)


def test_masks_and_regions_are_those_of_compare() -> None:
    """A mask belongs to the image of its name, for all methods; rectangles and the border count for all."""
    draws = np.random.default_rng(0)
    for name in ("a/0", "b/0", "b/1"):
        for folder in ("gt", "one", "two"):
            Image.fromarray(draws.integers(0, 255, (16, 16, 3), np.uint8)).save(f"{folder}/{name}.png")
        Path("masks", name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 2, (16, 16), np.uint8) * 255).save(f"masks/{name}.png")
    for words, options in (
        ("--mask masks", {"mask": "masks"}),
        ("--mask masks/a/0.png --ignore 0,0,4,4", {"mask": "masks/a/0.png", "ignore": [(0, 0, 4, 4)]}),
        ("--region 2,2,9,8 --crop-border 3", {"region": (2, 2, 9, 8), "crop_border": 3}),
        ("--size fit:9x9 --resampling box", {"size": "fit:9x9", "resampling": "box"}),
    ):
        found = means(f"gt one two -m psnr {words}")
        table = eyediff.table("gt", {"one": "one", "two": "two"}, ["psnr"], **options)  # type: ignore[arg-type]
        for method in ("one", "two"):
            rows = eyediff.compare("gt", method, ["psnr"], **options).rows  # type: ignore[arg-type]
            assert (
                found[method] == table.mean(method, "psnr") == pytest.approx(np.mean([r.scores["psnr"] for r in rows]))
            )
    Path("masks/b/1.png").unlink()
    assert run(["table", "gt", "one", "-m", "psnr", "--mask", "masks"]) == 2


def test_images_left_out_are_named_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """In the table, or on stderr where it is CSV; JSON has a field of its own."""
    Path("two/b/1.png").unlink()
    call = ["table", "gt", "one", "two", "-m", "psnr", "--missing", "common"]
    for kind in tables.TABLE_FORMATS:
        assert run([*call, "-f", kind]) == 0
        out, err = capsys.readouterr()
        assert "b/1.png" in (err if kind == "csv" else out)
    assert run([*call, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == {"b/1.png": ["two"]}


def test_a_finished_file_of_scores_is_refused_as_by_compare(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no journal; a run that was to be continued keeps its own."""
    for call in (
        ["compare", "gt", "one", "-m", "psnr", "-o", "c.csv"],
        ["table", "gt", "one", "-m", "psnr", "--scores", "s.csv"],
    ):
        assert run(call) == 0
        kept = Path(call[-1]).read_bytes()
        capsys.readouterr()
        assert run([*call, "--resume"]) == 2
        assert "has no" in capsys.readouterr().err and Path(call[-1]).read_bytes() == kept


def test_a_folder_given_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """What tells two files of a series apart is no rule, so none is proposed but the example."""
    assert run(["table", "gt", "gt", "-m", "psnr"]) == 2
    assert "an example is --match '{name}_gt.png={name}_pred.png'" in capsys.readouterr().err
