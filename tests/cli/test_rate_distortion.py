"""Tests of codecs by bitrate (`table --bytes`): the table, its plot and each format agree with the files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.errors import UsageError
from eyediff.records import Numbers
from eyediff.tables.bjontegaard import bjontegaard_delta

QUALITIES = {"jpeg": (10, 20, 40, 60), "webp": (40, 60, 80, 90)}
CODECS = {"jpeg": "jpg", "webp": "webp"}
BOTH = "gt jpeg@*=out/jpeg/* webp@*=out/webp/* -m psnr --match stem"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write three images of different size, and their copies by two codecs at four qualities each."""
    monkeypatch.chdir(tmp_path)
    Path("gt").mkdir()
    draws = np.random.default_rng(0)
    for name, (height, width) in {"a": (40, 56), "b": (48, 32), "c": (64, 48)}.items():
        y, x = np.mgrid[:height, :width]
        waves = (127 + 50 * np.sin(x / 5) + 40 * np.cos(y / 7))[..., None] + draws.normal(0, 8, (height, width, 3))
        picture = Image.fromarray(waves.clip(0, 255).astype(np.uint8))
        picture.save(f"gt/{name}.png")
        for codec, suffix in CODECS.items():
            for quality in QUALITIES[codec]:
                folder = Path("out", codec, str(quality))
                folder.mkdir(parents=True, exist_ok=True)
                picture.save(folder / f"{name}.{suffix}", quality=quality)


def bpp(codec: str, quality: int) -> float:
    """Return the mean number of bits per pixel over the images, from the sizes of the files and of the images."""
    found = []
    for truth in sorted(Path("gt").iterdir()):
        with Image.open(truth) as image:
            pixels = image.width * image.height
        found.append(8 * Path("out", codec, str(quality), f"{truth.stem}.{CODECS[codec]}").stat().st_size / pixels)
    return float(np.mean(found))


def curve(means: Any, codec: str, metric: str) -> tuple[Numbers, Numbers]:
    rates = np.array([bpp(codec, quality) for quality in QUALITIES[codec]])
    return rates, np.array([means[f"{codec}@{quality}"][metric]["mean"] for quality in QUALITIES[codec]])


def record(words: str) -> Any:
    assert run(["table", *words.split(), "-o", "table.json"]) == 0
    return json.loads(Path("table.json").read_text())


@pytest.mark.parametrize("kind", ["pchip", "cubic"])
def test_deltas_of_the_sizes_of_the_files(kind: Any) -> None:
    """The deltas are those of the sizes of the files.

    Points are in the order of their numbers, the first codec is the anchor, and no point has a rank.
    """
    found = record(f"{BOTH} -m ssim --bytes files --bd {kind}")
    about = found["rate_distortion"]
    assert (about["anchor"], about["interpolation"]) == ("jpeg", kind)
    assert about["codecs"] == {codec: [f"{codec}@{quality}" for quality in QUALITIES[codec]] for codec in CODECS}
    for metric in ("psnr", "ssim"):
        expected = bjontegaard_delta(*(curve(found["methods"], codec, metric) for codec in CODECS), kind)
        delta = about["deltas"]["webp"][metric]
        assert delta["bd_rate"] == pytest.approx(expected.rate) and delta["bd_metric"] == pytest.approx(expected.score)
        assert delta["reason"] is None and 0 < delta["overlap"] <= 1
        entry = found["methods"]["webp@40"][metric]
        assert entry["bpp"] == pytest.approx(bpp("webp", 40)) and entry["rank"] is entry["differs"] is None
    assert found["methods"]["jpeg@60"]["bpp"]["mean"] == pytest.approx(bpp("jpeg", 60))


def test_a_list_of_sizes_and_python_say_the_same() -> None:
    """A list of sizes and the Python function give the same deltas as the files.

    A list has bytes or bits per pixel, and names of images with or without suffix. Rows of other methods and images are
    ignored.
    """
    methods = {f"{codec}@{quality}": f"out/{codec}/{quality}" for codec in CODECS for quality in QUALITIES[codec]}
    rows: dict[str, list[tuple[str, str, object]]] = {"bytes": [("other", "a", 1), ("jpeg@20", "other", 1)], "bpp": []}
    for method, folder in methods.items():
        for file in Path(folder).iterdir():
            with Image.open(file) as image:
                bits = 8 * file.stat().st_size / image.width / image.height
            rows["bytes"].append((method, file.stem, file.stat().st_size))
            rows["bpp"].append((method, file.name, bits))
    expected = record(f"{BOTH} --bytes files")
    for unit, lines in rows.items():
        with Path(f"{unit}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("method", "name", unit), *lines])
        assert record(f"{BOTH} --bytes {unit}.csv")["rate_distortion"]["deltas"]["webp"]["psnr"] == pytest.approx(
            expected["rate_distortion"]["deltas"]["webp"]["psnr"]
        )
    table = eyediff.table("gt", methods, ["psnr"], match="stem", bytes="bytes.csv")
    delta = table.delta("webp", "psnr")
    assert delta.rate == expected["rate_distortion"]["deltas"]["webp"]["psnr"]["bd_rate"]
    assert table.mean("jpeg@20", "bpp") == expected["methods"]["jpeg@20"]["bpp"]["mean"]


def test_scores_that_become_worse_with_the_bitrate_have_no_delta() -> None:
    """If the sizes of the files are exchanged, the best point has the lowest bitrate, and the reason says so."""
    sizes = [("method", "name", "bytes")]
    for codec, qualities in QUALITIES.items():
        for size, quality in zip((4000, 3000, 2000, 1000), qualities, strict=True):
            sizes += [(f"{codec}@{quality}", name, str(size)) for name in "abc"]
    with Path("bytes.csv").open("w", newline="") as file:
        csv.writer(file).writerows(sizes)
    delta = record(f"{BOTH} --bytes bytes.csv")["rate_distortion"]["deltas"]["webp"]["psnr"]
    assert delta["bd_rate"] is delta["bd_metric"] is None
    assert delta["reason"] == "the score becomes worse as the bitrate grows"


def test_every_format_and_the_plot(capsys: pytest.CaptureFixture[str]) -> None:
    """Text, Markdown, LaTeX, HTML and the page have a table of deltas.

    CSV has the deltas in the row of each point of the codec.
    """
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    delta = record(f"{BOTH} --bytes files")["rate_distortion"]["deltas"]["webp"]["psnr"]
    rate, score = f"{delta['bd_rate']:+.2f}", f"{delta['bd_metric']:+.2f}"
    assert rate.startswith("-") and score.startswith("+")
    for suffix in ("txt", "md", "tex", "html"):
        assert run(["table", *BOTH.split(), "--bytes", "files", "-o", f"t.{suffix}"]) == 0
        text = Path(f"t.{suffix}").read_text()
        assert "BD-PSNR" in text and (f"$-${rate[1:]}" if suffix == "tex" else rate) in text and score in text
        assert "bpp" in text and "best" not in text
    words = [*BOTH.split(), "--bytes", "files", "-o", "t.csv", "--report", "page.html", "--digits", "bpp=2"]
    assert run(["table", *words, "--plot", "rd.png"]) == 0
    with Image.open("rd.png") as drawn:
        colours = {colour for _, colour in drawn.convert("RGB").getcolors(1 << 20) or ()}
    assert {(0x4E, 0x79, 0xA7), (0xF2, 0x8E, 0x2B)} <= colours
    assert "plot: rd.png" in capsys.readouterr().err
    with Path("t.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "psnr"]
    assert {(row["codec"], row["bd_rate"], row["rank"]) for row in rows} == {
        ("jpeg", "", ""),
        ("webp", str(delta["bd_rate"]), ""),
    }
    assert float(rows[0]["bpp"]) == pytest.approx(bpp("jpeg", 10))
    data = json.loads(Path("page.html").read_text().partition('id="data">')[2].partition("</script>")[0])
    means, deltas = data["overall"]
    assert means["headings"] == ["bpp", "PSNR ↑"] and means["rows"][0][1][0][0] == f"{bpp('jpeg', 10):.2f}"
    assert (deltas["corner"], deltas["rows"][0][0], deltas["rows"][0][1][0][0]) == ("Codec", "webp", rate)


def test_deltas_by_group_and_without_all_points(capsys: pytest.CaptureFixture[str]) -> None:
    """Each group has its own deltas. A codec with too few points has no delta, and a note says why."""
    found = record(f"{BOTH} --bytes files --groups (.)")["rate_distortion"]["by_group"]
    assert set(found) == {"a", "b", "c"} and all(group["webp"]["psnr"]["bd_rate"] for group in found.values())
    words = "gt jpeg@*=out/jpeg/* webp=out/webp/40 -m psnr --match stem --bytes files"
    assert record(words)["rate_distortion"]["deltas"]["webp"]["psnr"]["bd_rate"] is None
    assert "the codec has 1 operating point with a score, but 4 are needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("method,name,bytes\njpeg@20,a,9\n", "lacks the sizes of 2 images: jpeg@20/b, jpeg@20/c"),
        (
            "method,name,bytes\njpeg@20,a,no\n,a,-1\n",
            "line 2: `bytes` is no, but a number above 0 is expected; line 3: `bytes`",
        ),
        (
            "method,name\njpeg@20,a\n",
            "line 2: a column is missing or empty (expected: method, name, and bytes or bpp)",
        ),
        (
            "method,name,bpp\njpeg@20,a,1\njpeg@20,a.jpg,1\n",
            "line 3: an earlier row has already stated the size of a.jpg",
        ),
        ("method,name,bytes,bpp\njpeg@20,a,100,9\n", "line 2: the row has `bytes` and `bpp` (give only one of them)"),
        (
            '{"method": "jpeg@20", "name": "a", "bytes": 1}\n{"method": "x", "name": "a", "bpp": 1}\n',
            "give only one of them",
        ),
    ],
)
def test_lists_that_do_not_do(lines: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A list with errors is refused before any computation, and the error names the rows to correct."""
    path = Path(f"sizes.{'jsonl' if lines.startswith('{') else 'csv'}")
    path.write_text(lines)
    assert run(["table", "gt", "jpeg@20=out/jpeg/20", "-m", "psnr", "--match", "stem", "--bytes", str(path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("gt jpeg@*=out/jpeg/20", "expected one * on each side"),
        ("gt jpeg@*=out/none/*", "no folder matches out/none/*"),
        ("gt jpeg=out/jpeg/20 --plot rd.png", "--plot rd.png needs --bytes, because"),
        ("gt jpeg=out/jpeg/20 --bytes files --plot rd.txt", "a plot cannot be saved as rd.txt"),
        ("gt jpeg=out/jpeg/20 --bytes files --plot files", "a plot cannot be saved as files"),  # a keyword, not a path
        ("gt jpeg=out/jpeg/20 --bd cubic", "--bd cubic needs --bytes, because"),
        ("gt jpeg=out/jpeg/20 --bytes gone.csv", "--bytes gone.csv: the file cannot be read"),
    ],
)
def test_calls_that_are_wrong(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong call gives exit code 2 and one line before any work."""
    assert run(["table", *words.split(), "-m", "psnr", "--match", "stem"]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_table_without_sizes_has_no_curves() -> None:
    """In Python, the plot of a table without sizes is refused, and the error says what is missing."""
    table = eyediff.table("gt", {"jpeg": "out/jpeg/20"}, ["psnr"], match="stem")
    with pytest.raises(UsageError, match="the table has no bitrates"):
        table.plot("rd.png")


def test_sizes_that_are_gone_since_the_scores(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was removed after the scores were stored is an error, and nothing is computed.

    In an earlier version, all means were empty with exit code 0, and the note said that scores were missing.
    """
    assert run(["table", *BOTH.split(), "--scores", "s.jsonl", "-o", "table.json"]) == 0
    call = ["table", "--from", "s.jsonl", "--bytes", "files", "-o", "table.json"]
    assert run([*call, "--max-pixels", "9"]) == 2
    assert "or give a larger --max-pixels" in capsys.readouterr().err
    assert run(call) == 0
    Path("out/jpeg/20/b.jpg").unlink()
    assert run(call) == 2
    assert "the sizes of 1 image cannot be read: jpeg@20/b" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_left_out_of_all_points(capsys: pytest.CaptureFixture[str]) -> None:
    """An unreadable file has neither score nor bitrate. The deltas are those of the other images."""
    Path("gt/c.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("out/jpeg/20/b.jpg").write_bytes(b"")
    assert run(["table", *BOTH.split(), "--bytes", "files", "-o", "table.json"]) == 3
    found = json.loads(Path("table.json").read_text())
    assert "psnr: the means leave out 2 of 3 images" in capsys.readouterr().err
    for entry in found["methods"].values():
        assert entry["psnr"]["units"] == 1 and entry["psnr"]["bpp"] == entry["bpp"]["mean"]
    assert found["rate_distortion"]["deltas"]["webp"]["psnr"]["bd_rate"] < 0
