"""Tests of `eyediff matrix`, `nearest` and `diversity` with the default metric."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.report.plot import check
from eyediff.sets import distance_matrix as allpairs

from .test_compare import EXAMPLES, call, one_line  # noqa: F401 - a fixture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write six images of 64x48 in two subfolders: three scenes, each with a little and with more noise."""
    random = np.random.RandomState(0)
    scenes = [random.randint(0, 256, (6, 8, 3)).astype(np.uint8) for _ in range(3)]
    for noise, name in ((2, "a"), (12, "b")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index, scene in enumerate(scenes):
            pixels = np.asarray(Image.fromarray(scene).resize((64, 48), Image.Resampling.BICUBIC))
            noisy = (pixels + random.normal(0, noise, pixels.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(tmp_path / "set" / name / f"{index}.png")
    return tmp_path / "set"


NAMES = ["a/0.png", "a/1.png", "a/2.png", "b/0.png", "b/1.png", "b/2.png"]


@pytest.fixture(scope="module")
def metric() -> eyediff.Metric:
    return eyediff.Metric("lpips", device="cpu")


def by_hand(metric: eyediff.Metric, folder: Path) -> np.ndarray:
    return np.array([[metric.distance(folder / a, folder / b) for b in NAMES] for a in NAMES])


def test_a_matrix_is_what_pairs_give(call, folder: Path, metric: eyediff.Metric, tmp_path: Path) -> None:  # noqa: F811
    """The matrix equals `Metric.distance` to 1e-5 (float32 sums of some 10,000 numbers).

    It needs a sixth of the passes through the network. Each format has the same numbers.
    """
    wanted = by_hand(metric, folder)
    assert (call("matrix", folder, "-o", tmp_path / "m.npy").code) == 0
    found = np.load(tmp_path / "m.npy")
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    np.testing.assert_array_equal(found, found.T)
    assert (found.diagonal() == 0).all()
    assert json.loads((tmp_path / "m.npy.json").read_text())["rows"] == NAMES
    said = call("matrix", folder, "-f", "csv")
    rows = list(csv.reader(said.out.splitlines()))
    assert said.err == "" and rows[0] == ["image", *NAMES]
    np.testing.assert_array_equal(np.array([row[1:] for row in rows[1:]], float), found)
    np.testing.assert_allclose(eyediff.matrix(folder).distances, found, rtol=1e-12)
    against = call("matrix", folder / "a", "--to", folder / "b", "-f", "json")
    np.testing.assert_allclose(json.loads(against.out)["distances"], found[:3, 3:], rtol=1e-6)


def test_a_picture(call, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """--plot writes a heat map. The file may replace another plot, but not a photo."""
    assert call("matrix", folder, "-o", tmp_path / "m.csv", "--plot", tmp_path / "m.png").code == 0
    check(tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as image:
        assert min(image.size) > 300
    one_line(call("matrix", folder, "--plot", folder / "a" / "0.png"), "0.png", "is not a plot")
    one_line(call("matrix", folder, "--plot", tmp_path / "m.bmp"), "plot", ".png, .svg")


def test_the_nearest(call, folder: Path, metric: eyediff.Metric, tmp_path: Path) -> None:  # noqa: F811
    """The other picture of a scene is the nearest. A second call reads the index, and --rebuild writes it again.

    An index of images that have changed is refused.
    """
    index = tmp_path / "set.index"
    arguments = ("nearest", folder / "a" / "1.png", folder, "-k", 2, "--index", index, "-f", "jsonl")
    for _ in range(2):
        said = call(*arguments)
        header, *rows = map(json.loads, said.out.splitlines())
        assert said.code == 0 and header["metrics"]["lpips"]["version"] == "0.1"
        assert [(row["query"], row["rank"]) for row in rows] == [("1.png", 1), ("1.png", 2)]
        assert rows[0]["image"] == "b/1.png" and rows[0]["error"] is None
        wanted = metric.distance(folder / "a" / "1.png", folder / "b" / "1.png")
        assert rows[0]["distance"] == pytest.approx(wanted, rel=1e-5)
    before = index.read_bytes()
    (folder / "b" / "2.png").write_bytes((folder / "b" / "1.png").read_bytes())
    one_line(call(*arguments), "set.index", "1 changed (b/2.png)", "--rebuild")
    assert index.read_bytes() == before
    rows = [json.loads(line) for line in call(*arguments, "--rebuild").out.splitlines()][1:]
    assert [row["image"] for row in rows] == ["b/1.png", "b/2.png"] and rows[0]["distance"] == rows[1]["distance"]
    found = eyediff.nearest(folder / "a" / "1.png", folder, 2, index=index)
    assert [row.image for row in found.rows] == ["b/1.png", "b/2.png"]


def test_duplicates(call, folder: Path) -> None:  # noqa: F811
    """Pairs up to a distance are found and grouped. The distance 0 finds equal images."""
    (folder / "copy.png").write_bytes((folder / "a" / "0.png").read_bytes())
    said = call("nearest", folder, "--duplicates", "0", "-f", "csv")
    assert said.out == "group,first,second,distance,error\n1,a/0.png,copy.png,0.0,\n"
    assert "1 pair in 1 group among 7 images" in call("nearest", folder, "--duplicates", "0").out
    assert len(eyediff.duplicates(folder, 9).rows) == 21


def test_diversity(call, folder: Path, metric: eyediff.Metric) -> None:  # noqa: F811
    """The diversity is the mean distance of all pairs. With groups, the rows are each group, within groups, and all."""
    wanted = by_hand(metric, folder)
    said = call("diversity", folder, "-f", "json")
    (row,) = json.loads(said.out)["rows"]
    assert (said.code, row["what"], row["images"]) == (0, "all", 6)
    assert row["mean"] == pytest.approx(wanted[np.triu_indices(6, 1)].mean(), rel=1e-5) and row["standard_error"] > 0
    rows = list(csv.DictReader(call("diversity", folder, "--groups", r"(\d)\.png", "-f", "csv").out.splitlines()))
    assert [row["what"] for row in rows] == ["group"] * 3 + ["within groups", "all"]
    assert float(rows[1]["mean"]) == pytest.approx(wanted[1, 4], rel=1e-5)
    assert float(rows[4]["mean"]) == pytest.approx(row["mean"], rel=1e-9)
    assert len(eyediff.diversity(folder, groups="subfolder").groups) == 2


def test_what_fails_is_told_and_gives_3(call, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """A damaged or transparent file gives a line or a row with the reason, in each command, and exit code 3.

    The results of the other files are complete.
    """
    (folder / "b" / "0.png").write_bytes(b"no picture")
    Image.new("RGBA", (64, 48), (9, 9, 9, 99)).save(folder / "clear.png")
    said = call("matrix", folder, "-f", "csv")
    assert said.code == 3 and len(said.out.splitlines()) == 6
    assert said.err.count("\n") == 2 and "b/0.png failed (read)" in said.err and "transparent" in said.err
    said = call("diversity", folder, "-f", "csv")
    rows = list(csv.DictReader(said.out.splitlines()))
    assert said.code == 3 and [(row["what"], row["name"]) for row in rows[-1:]] == [("all", "")]
    assert {row["name"]: row["error"][:5] for row in rows[:-1]} == {"clear.png": "read:", "b/0.png": "read:"}
    said = call("nearest", folder / "a" / "0.png", folder, "-f", "csv", "-o", tmp_path / "out.csv")
    assert said.code == 3 and "b/0.png failed (read)" in said.err
    assert any("b/0.png" in line and "read: " in line for line in (tmp_path / "out.csv").read_text().splitlines())
    assert call("diversity", folder, "--groups", r"/(0)\.png", "-f", "csv").code == 3


def test_sizes_need_a_policy(call, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """Images of different sizes are refused by name, and no file is overwritten. A policy makes the sizes equal."""
    Image.new("RGB", (80, 70)).save(folder / "b" / "9.png")
    (tmp_path / "m.csv").write_text('{"eyediff": "mine"}')
    for command in ("matrix", "diversity"):
        one_line(call(command, folder, "-o", tmp_path / "m.csv"), "9.png is 80x70", "--size")
    assert (tmp_path / "m.csv").read_text() == '{"eyediff": "mine"}'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.csv", "set"]
    for policy in ("resize", "crop"):
        assert call("matrix", folder, "--size", policy, "-o", tmp_path / "m.csv").code == 0
        assert call("diversity", folder, "--size", policy).code == 0


def test_bad_calls_are_one_line(call, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    """Each common mistake gives one line with the word that the user needs. Nothing is computed or written."""
    query = folder / "a" / "0.png"
    one_line(call("matrix", folder, "-m", "psnr"), "psnr", "lpips-alex")
    one_line(call("matrix", folder, "-m", "lpips-vgg"), "weights get vgg")
    one_line(call("matrix", query), "0.png is a file", "a folder")
    one_line(call("matrix", folder, "-o", tmp_path / "m.dat"), "m.dat", "parquet")
    one_line(call("matrix", folder, "-f", "npy"), "npy", "-o")
    one_line(call("matrix", folder, "-o", tmp_path / "no" / "m.csv"), "m.csv")
    one_line(call("matrix", folder, "--workers", "0"), "workers")
    one_line(call("nearest", folder), "1 path", "QUERY and FOLDER")
    one_line(call("nearest", query, folder, "--duplicates", "1"), "--duplicates", "one FOLDER")
    one_line(call("nearest", folder, "--duplicates", "-1"), "-1", "0 or larger")
    one_line(call("nearest", query, folder, "-k", "0"), "at least 1")
    one_line(call("nearest", query, folder, "--rebuild"), "--index")
    one_line(call("diversity", folder, "--groups", "("), "--groups '('", "subfolder")
    one_line(call("diversity", EXAMPLES.parent / "docs" / "nothing"), "no such file")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_interruption_leaves_the_old_result(call, folder: Path, tmp_path: Path, monkeypatch) -> None:  # noqa: F811
    """Ctrl-C gives exit code 130. The earlier result stays unchanged, and no incomplete file remains."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(allpairs, "blocks", stopped)
    (tmp_path / "m.csv").write_text('{"eyediff": "mine"}')
    said = call("matrix", folder, "-o", tmp_path / "m.csv", "--plot", tmp_path / "m.png")
    assert said.code == 130 and (tmp_path / "m.csv").read_text() == '{"eyediff": "mine"}'
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.csv", "set"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
def test_a_full_disk(call, folder: Path) -> None:  # noqa: F811
    """A full disk gives one line and exit code 2."""
    one_line(call("diversity", folder, "-f", "csv", "-o", "/dev/full"), "No space left")
