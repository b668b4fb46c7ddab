"""Tests of `eyediff table`."""

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
from eyediff.run import ComparisonOptions, select_part
from eyediff.run import compare as run_compare
from eyediff.scoring import batches


def picture(path: str, level: int, size: int = 16) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), level, np.uint8)).save(path)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two scenes with one and two images. Each method has a constant error."""
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
    """The suffix of the output selects the format. A second run replaces its own file, but no other file."""
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
    """With groups, a scene counts once in the mean. --per-group adds a table of each scene."""
    picture("one/a/0.png", 150)
    assert means("gt one two -m psnr") == pytest.approx({"one": (psnr(50) + 2 * psnr(5)) / 3, "two": psnr(10)})
    words = "gt one two -m psnr --groups subfolder"
    assert means(words) == pytest.approx({"one": (psnr(50) + psnr(5)) / 2, "two": psnr(10)})
    assert run(["table", *words.split(), "--per-group", "-o", "t.csv"]) == 0
    rows = list(csv.DictReader(Path("t.csv").read_text().splitlines()))
    assert [row["group"] for row in rows] == ["", "", "a", "a", "b", "b"]


def test_images_that_a_method_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    """Images that a method lacks are refused by name. An image that all methods lack is refused, too.

    With --missing common, they are left out for all methods and named.
    """
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
    """An image without ground truth is named, with exit code 3.

    An image that cannot be read is left out for every method.
    """
    picture("one/extra.png", 1)
    assert run(["table", "gt", "one", "-m", "psnr"]) == 3
    assert "only in candidate: one/extra.png" in capsys.readouterr().err
    Path("one/extra.png").unlink()
    Path("one/b/1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    picture("two/b/1.png", 200)
    assert means("gt one two -m psnr", code=3) == pytest.approx({"one": psnr(5), "two": psnr(10)})
    assert "psnr: the means leave out 1 of 3 images" in capsys.readouterr().err


def test_scores_are_kept_and_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of scores has a row for each image of each method. A second run computes only the changed pairs."""
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
    """Each image of the ground truth is decoded and embedded once, for any number of methods.

    The scores are those of the pairs alone.
    """
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
    for part in (1, 2):
        run_compare(select_part(plan.run, part, 2))
    assert sum(seen) == 4
    for place, method in enumerate(plan.methods):
        for image in ("0", "1"):
            alone = eyediff.distance(f"truth/{image}.png", f"{method}/{image}.png", "lpips-mini")
            assert sink.scores["lpips-mini"][place, int(image)] == pytest.approx(alone, abs=1e-6)


def test_from_python() -> None:
    """`eyediff.table` gives the same means and formats, and an HTML table for notebooks."""
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
        ("gt one -m psnr --digits ssim=2", "--digits ssim: the table has no metric ssim"),
        ("gt one -m psnr --per-group", "--per-group needs --groups or --from, because"),
        ("gt one -m psnr --resume", "--resume needs --scores, because"),
        ("gt one -m psnr --resume-by hash", "--resume-by hash needs --scores, because"),
        ("gt one -m psnr --scores t.csv -o t.csv", "--output and --scores name the same file"),
        ("gt gone -m psnr", "gone: no such file or folder"),
        ("gt one -m psnr -o t.doc", "the suffix is unknown"),
        ("gt", "no method was given; give the folders of the methods after gt"),
        ("gt --from s.jsonl", "gt and --from s.jsonl exclude each other"),
        ("--from s.jsonl -m psnr", "--metric psnr and --from s.jsonl exclude each other"),
        ("--from gone.jsonl", "gone.jsonl cannot be read"),
        ("gt one --shard 1/2", "--shard 1/2 needs --scores, because"),
        ("gt one --shard 3/2 --scores s.csv", "--shard 3/2 is not valid; expected I/N"),
        ("gt one --shard 1/2 --scores s.json", "CSV or JSONL file with --scores"),
        ("gt one --shard 1/2 --scores s.csv -o t.md", "--output t.md and --shard 1/2 exclude each other"),
    ],
)
def test_calls_that_are_wrong(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong call gives exit code 2 and one line before any work."""
    assert run(["table", *words.split()]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_the_tables_of_the_case_files(shared: Path) -> None:
    """The mean of scenes is 24.724, and the mean of images is 25.446.

    A super-resolution table by pattern has the mean of the PSNR of each pair.
    """
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
    """--figure writes PNG and PDF, of a named image or the first image. Wrong options of the figure are refused.

    The ground truth and each method are drawn as they were compared.
    """
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    for name in ("f.png", "f.pdf"):
        words = f"gt one two -m psnr --figure {name} --crop 2,3,8,4 --crop 0,0,4,4 --image b/1.png"
        assert run(["table", *words.split()]) == 0
    with Image.open("f.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or ()}
    assert {(100, 100, 100), (105, 105, 105), (110, 110, 110)} <= colours
    assert run(["table", "gt", "one", "-m", "psnr", "--figure", "g.png"]) == 0
    for words, said in (
        ("--figure f.png --crop 10,0,8,4", "--crop 10,0,8,4 is not inside the image a/0.png, which has 16x16"),
        ("--figure f.png --crop 1,2,3", "expected X,Y,W,H"),
        ("--figure f.png --crop 1,2,0,3", "at least 1"),
        ("--figure f.png --image none", "--image none is not in the table"),
        ("--figure f.jpg", "a plot cannot be saved as f.jpg"),
        ("--crop 1,2,3,4", "--crop 1,2,3,4 needs --figure, because"),
    ):
        capsys.readouterr()
        assert run(["table", "gt", "one", "-m", "psnr", *words.split()]) == 2
        assert said in capsys.readouterr().err


def test_a_page_beside_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The page has each picture once, also if an earlier run stored the scores.

    A file that is not a page of eyediff is refused and stays unchanged.
    """
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
    """The table follows a protocol as `compare` does. A scale without a protocol is refused."""
    found = eyediff.table("gt", {"one": "one"}, ["psnr@y"], protocol="sr-y", scale=4)
    rows = eyediff.compare("gt", "one", ["psnr@y"], protocol="sr-y", scale=4).rows
    assert found.mean("one", "psnr@y") == pytest.approx(np.mean([row.scores["psnr@y"] for row in rows]))
    assert "sr-y@1" in found.render("markdown")
    words = "gt one --protocol sr-y --scale 4 -m psnr@y -o t.json"
    assert run(["table", *words.split()]) == 0
    assert json.loads(Path("t.json").read_text())["methods"]["one"]["psnr@y"]["mean"] == found.mean("one", "psnr@y")
    with pytest.raises(UsageError, match="without a protocol"):
        eyediff.table("gt", {"one": "one"}, ["psnr"], scale=4)


def test_masks_and_regions_are_those_of_compare() -> None:
    """Masks and regions give the same scores as in `compare`.

    A mask belongs to the image of its name, for all methods. Rectangles and the border apply to all images.
    """
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
    """The table names the images that are left out. For CSV, standard error names them. JSON has its own field."""
    Path("two/b/1.png").unlink()
    call = ["table", "gt", "one", "two", "-m", "psnr", "--missing", "common"]
    for kind in tables.TABLE_FORMATS:
        assert run([*call, "-f", kind]) == 0
        out, err = capsys.readouterr()
        assert "b/1.png" in (err if kind == "csv" else out)
    assert run([*call, "-f", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == {"b/1.png": ["two"]}


def test_every_format_counts_what_the_rows_alone_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Each format counts the files without a partner, and the pairs with notes, such as a background.

    The file of scores keeps all of them, so that --from gives the same counts.
    """
    picture("two/alone.png", 3)
    transparent = Image.new("RGBA", (16, 16), (100, 100, 100, 0))
    for name in ("gt/a/0.png", "one/a/0.png"):
        transparent.save(name)
    call = ["table", "gt", "one", "two", "-m", "psnr", "--alpha", "white", "--scores", "s.jsonl"]
    for kind in tables.TABLE_FORMATS:
        for run_of in (call, ["table", "--from", "s.jsonl"]):
            assert run([*run_of, "-f", kind]) == 3
            out, err = capsys.readouterr()
            assert "only in candidate: two/alone.png" in err
            for said in ("1 image of methods without a partner in the ground truth: two/alone.png", "2 of 6 pairs"):
                assert said in (err if kind == "csv" else out)
    assert "one/a/0.png: transparency on white" in out


def test_a_finished_file_of_scores_is_refused_as_by_compare(capsys: pytest.CaptureFixture[str]) -> None:
    """--resume refuses a finished file of scores, because the file has no journal.

    Only a run with --resume keeps its journal.
    """
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
    """The difference between two files of a series is not a rule. The error therefore proposes only the example."""
    assert run(["table", "gt", "gt", "-m", "psnr"]) == 2
    assert "an example is --match '{name}_gt.png={name}_pred.png'" in capsys.readouterr().err


def noise(count: int) -> None:
    """Write images of `count` scenes, each with one image more than the last, and a mask for each image.

    One method is worse than the other.
    """
    draws = np.random.default_rng(0)
    for scene in range(count):
        for name in range(scene + 1):
            truth = draws.integers(50, 200, (16, 16, 3))
            for folder, error in (("gt", 0), ("one", 9), ("two", 15)):
                found = truth + draws.integers(-error, error + 1, truth.shape)
                Path(f"{folder}/{scene}").mkdir(parents=True, exist_ok=True)
                Image.fromarray(found.astype(np.uint8)).save(f"{folder}/{scene}/{name}.png")
            Path(f"masks/{scene}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(draws.integers(0, 2, (16, 16), np.uint8) * 255).save(f"masks/{scene}/{name}.png")


def remove(path: str) -> None:
    Path(path).unlink()


def tear(path: str) -> None:
    Path(path).write_bytes(b"torn")


def add(path: str) -> None:
    Path(path).with_stem("alone").write_bytes(Path(path).read_bytes())


@pytest.mark.parametrize(
    ("words", "spoil", "parts"),
    [
        ("-m psnr,l2 --groups subfolder", None, 7),
        ("--protocol sr-y --scale 2 -m psnr@y", None, 3),
        ("-m psnr --mask masks --ignore 0,0,4,4 --missing common", remove, 2),
        ("-m psnr", tear, 1),
        ("-m psnr", add, 2),
    ],
)
def test_parts_make_the_table_of_one_run(
    words: str, spoil: Any, parts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts in CSV and JSON lines give the table and the scores of one run byte for byte.

    The number of parts may be larger than the number of images.
    """
    (tmp_path / "parts").mkdir()
    monkeypatch.chdir(tmp_path / "parts")
    noise(3)
    if spoil:
        spoil("two/2/1.png")
    call, code = ["table", "gt", "one", "two", *words.split()], 3 if spoil in (tear, add) else 0
    names = [f"{part}.{('csv', 'jsonl')[part % 2]}" for part in range(1, parts + 1)]
    codes = [run([*call, "--shard", f"{part}/{parts}", "--scores", name]) for part, name in enumerate(names, 1)]
    assert max(codes) == code
    assert run(["merge", *names[::-1], "-o", "merged.jsonl"]) == code
    per_group = ["--per-group"] if "--groups" in words else []
    for suffix in ("csv", "tex", "md"):
        assert run([*call, *per_group, "--scores", "whole.jsonl", "-o", f"whole.{suffix}"]) == code
        assert run(["table", "--from", "merged.jsonl", *per_group, "-o", f"merged.{suffix}"]) == code
        assert Path(f"merged.{suffix}").read_bytes() == Path(f"whole.{suffix}").read_bytes()
    assert Path("merged.jsonl").read_bytes() == Path("whole.jsonl").read_bytes()
    found = eyediff.read_table("merged.jsonl")
    assert [file.path for file in found.summary.unmatched] == ([Path("two/2/alone.png")] if spoil is add else [])
    assert found.render("latex", per_group=bool(per_group)) == Path("whole.tex").read_text()


def test_a_part_has_whole_images_and_is_continued(capsys: pytest.CaptureFixture[str]) -> None:
    """Part 1 of 2 has all methods of every second image, and --resume continues it.

    --resume refuses another part, other methods, or the whole table. `merge` refuses a part of another table.
    """
    call = ["table", "gt", "one", "two", "-m", "psnr", "--scores", "p.jsonl", "--resume"]
    assert run([*call, "--shard", "1/2"]) == 0
    first, *rows = map(json.loads, Path("p.jsonl").read_text().splitlines())
    assert [row["pair"] for row in rows] == ["one/a/0.png", "two/a/0.png", "one/b/1.png", "two/b/1.png"]
    assert first["table"] == {"methods": ["one", "two"], "images": 3, "left_out": {}, "unmatched": []}
    assert (first["shard"]["part"], first["shard"]["of"], first["shard"]["pairs"]) == (1, 2, 6)
    kept = Path("p.jsonl").read_bytes()
    assert run([*call, "--shard", "1/2"]) == 0
    capsys.readouterr()
    for other in ([*call, "--shard", "2/2"], [*call[:3], *call[4:], "--shard", "1/2"], call):
        assert run(other) == 2
        assert "p.jsonl, because a setting differs: " in capsys.readouterr().err
    assert Path("p.jsonl").read_bytes() == kept
    assert run([*call[:3], *call[4:-3], "--shard", "2/2", "--scores", "q.jsonl"]) == 0
    capsys.readouterr()
    assert run(["merge", "p.jsonl", "q.jsonl"]) == 2
    assert "does not belong to the same run" in capsys.readouterr().err


def test_parts_of_a_table_have_no_statistics(capsys: pytest.CaptureFixture[str]) -> None:
    """The rows of a table are those of different methods, so neither a part nor the merged rows have statistics."""
    for part in (1, 2):
        assert (
            run(["table", "gt", "one", "two", "-m", "psnr", "--shard", f"{part}/2", "--scores", f"{part}.jsonl"]) == 0
        )
    assert run(["merge", "1.jsonl", "2.jsonl"]) == run(["merge", "1.jsonl", "2.jsonl", "-o", "all.json"]) == 0
    assert not {"summary", "mean", "worst"} & set(" ".join(capsys.readouterr()).split())
    assert json.loads(Path("all.json").read_text())["summary"]["metrics"] == {}
    assert run(["merge", "1.jsonl", "2.jsonl", "--min-mean", "psnr=1"]) == 2
    assert "--min-mean: a mean over all methods" in capsys.readouterr().err


def test_scores_that_are_no_table_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """--from refuses a file that does not hold the scores of a whole table, and says what to do.

    Such files are a part, rows of `compare`, CSV, and rows that are missing, exchanged, damaged or of another table.
    """
    call = ["table", "gt", "one", "two", "-m", "psnr", "--scores"]
    assert run([*call, "whole.jsonl", "-o", "whole.csv"]) == 0
    assert (
        run([*call, "part.jsonl", "--shard", "1/2"]) == run(["compare", "gt", "one", "-o", "c.jsonl", "-m", "l2"]) == 0
    )
    for name, said in (
        ("part.jsonl", "part.jsonl is part 1 of 2 of a table; merge all parts first"),
        ("c.jsonl", "c.jsonl does not hold the scores of a table"),
        ("whole.csv", "whole.csv does not hold the scores of a table"),
    ):
        capsys.readouterr()
        assert run(["table", "--from", name]) == 2
        assert said in capsys.readouterr().err
    first, *rows = Path("whole.jsonl").read_text().splitlines(keepends=True)
    for changed, said in (
        ([first, *rows[:-1]], "has 5 rows, but the table has 6; resume the run that wrote this file first"),
        ([first, *rows, rows[-1]], "has 7 rows, but the table has 6"),
        ([first, *rows[:-1], rows[-1][:-9]], "ends in the middle of row 6; compute the scores again"),
        ([first, *rows[:-1], "{}\n"], "is damaged in row 6"),
        ([first, rows[1], rows[0], *rows[2:]], "its rows are not those of the table, or are in another order"),
        ([first.replace('"two"', '"three"'), *rows], "its rows are not those of the table, or are in another order"),
        ([first.replace('"size"', '"groups": "subfolder", "size"'), *rows], "not those of the table"),
        ([first.replace('"images": 3', '"images": 0'), *rows], "does not hold the scores of a table"),
        ([first.replace('["one", "two"]', '["one", "one"]'), *rows], "does not hold the scores of a table"),
        ([first.replace('["one", "two"]', "3"), *rows], "does not hold the scores of a table"),
        ([first.replace('"left_out": {}', '"left_out": 3'), *rows], "does not hold the scores of a table"),
        ([first.replace('"unmatched": []', '"unmatched": [3]'), *rows], "does not hold the scores of a table"),
    ):
        assert "".join(changed) != "".join([first, *rows])
        Path("bad.jsonl").write_text("".join(changed))
        assert run(["table", "--from", "bad.jsonl"]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1
    for words, said in (("--per-group", "the scores have no groups"), ("--digits l2=3", "expected one of psnr")):
        assert run(["table", "--from", "whole.jsonl", *words.split()]) == 2
        assert said in capsys.readouterr().err


def test_a_method_more_leaves_the_scores_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run continues a file of scores of fewer methods, in each format, and computes only the new pairs."""
    computed: list[int] = []
    original = batches.score_batch
    monkeypatch.setattr(
        batches, "score_batch", lambda batch, *rest: (computed.append(len(batch)), original(batch, *rest))[1]
    )
    for kind in ("csv", "jsonl"):
        computed.clear()
        for methods, count in ((["one"], 3), (["one", "two"], 6)):
            assert run(["table", "gt", *methods, "-m", "psnr", "--scores", f"s.{kind}", "--resume"]) == 0
            assert sum(computed) == count
    assert run(["table", "--from", "s.jsonl", "-o", "from.csv"]) == 0
    assert run(["table", "gt", "one", "two", "-m", "psnr", "-o", "whole.csv"]) == 0
    assert Path("from.csv").read_bytes() == Path("whole.csv").read_bytes()


def test_from_python_scores_are_kept(tmp_path: Path) -> None:
    """Scores that Python stores are continued and read again. Bitrates may be added when they are read."""
    methods = {"jpeg@1": "one", "jpeg@2": "two"}
    first = eyediff.table("gt", methods, ["psnr"], scores="s.jsonl", resume=True)
    assert (
        eyediff.table("gt", methods, ["psnr"], scores="s.jsonl", resume=True) == first == eyediff.read_table("s.jsonl")
    )
    with_sizes = eyediff.read_table("s.jsonl", bytes="files").render("csv")
    assert with_sizes == eyediff.table("gt", methods, ["psnr"], bytes="files").render("csv")
    with pytest.raises(UsageError, match="resume=True continues a file of scores; give this file as scores"):
        eyediff.table("gt", methods, ["psnr"], resume=True)
    with pytest.raises(UsageError, match="expected one of"):
        eyediff.table("gt", methods, ["psnr"], scores="s.doc")


def test_ctrl_c_gives_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted call keeps the computed scores and returns no table of a part of the images."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    call: dict[str, Any] = {"metrics": ["psnr"], "scores": tmp_path / "s.jsonl"}
    with monkeypatch.context() as patch:
        patch.setattr(tables.ScoresByMethod, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            eyediff.table("gt", {"one": "one"}, **call)
    assert eyediff.table("gt", {"one": "one"}, **call, resume=True).mean("one", "psnr") > 0
