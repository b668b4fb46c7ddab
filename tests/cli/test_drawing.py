"""Tests of --report and --maps on the command line, and of the same outputs from Python."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.errors import UsageError
from eyediff.metrics.registry import METRICS

from .test_compare import AFTER, BEFORE, call, one_line  # noqa: F401  # a fixture

MINI = ("--metric", "psnr,lpips-mini")


def rows(page: Path) -> list[list[object]]:
    """Return the rows that a report holds."""
    text = page.read_text("utf-8").split('<script type="application/json" id="rows">')[1]
    found: list[list[object]] = json.loads(text.split("</script>")[0])
    return found


def test_report_and_maps_beside_the_rows(call, tmp_path: Path) -> None:  # noqa: F811
    """Standard output is the same as without a report and maps. Standard error names the report and the folder of maps.

    The maps are equal to those of `Metric.map`.
    """
    page, maps = tmp_path / "out.html", tmp_path / "maps"
    plain = call("compare", BEFORE, AFTER, *MINI)
    said = call("compare", BEFORE, AFTER, *MINI, "--report", page, "--maps", maps, "--map-format", "npy,png")
    assert (said.code, said.out) == (0, plain.out)
    assert (
        said.err == f"eyediff: PASS: 3 pairs compared\neyediff: report: {page}\neyediff: maps of lpips-mini: {maps}\n"
    )
    assert [row[0] for row in rows(page)] == ["astronaut.png", "cat.png", "coffee.png"]
    expected = eyediff.Metric("lpips-mini").map(Path(BEFORE) / "cat.png", Path(AFTER) / "cat.png")
    assert (np.load(maps / "cat.npy") == expected).all()
    assert np.asarray(Image.open(maps / "cat.png")).shape == (256, 256)


def test_maps_without_a_metric_that_has_them(call, tmp_path: Path) -> None:  # noqa: F811
    """--maps without a metric that has a map is refused with exit code 2.

    The message names metrics that have a map, and no folder is created.
    """
    said = call("compare", BEFORE, AFTER, "-m", "psnr,l2", "--maps", tmp_path / "maps")
    one_line(said, "psnr,l2 has no map", "lpips-mini", "ssim", "dssim", "gmsd")
    assert not (tmp_path / "maps").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--report q.html --junit q.html", ("--report and --junit name the same file",)),
        ("--report dd --maps dd", ("--report and --maps name the same file",)),
        ("--report dd --maps dd/maps", ("--maps dd/maps is inside the folder --report dd",)),
        ("--report k.png --plot k.png", ("--report and --plot name the same file",)),
        ("--report x.csv", ("--report x.csv", ".html", "folder")),
        ("--report a.png", ("--report a.png", ".html", "folder")),
        ("--report taken", ("--report taken", ".html", "folder")),
        ("-o x.csv --summary x.csv", ("--output and --summary name the same file",)),
        ("-o dd/x.csv --maps dd", ("--output dd/x.csv is inside the folder --maps dd",)),
    ],
)
def test_paths_of_outputs(
    words: str,
    told: tuple[str, ...],
    call,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Outputs that replace each other, and a report under the name of another file, are refused before any work."""
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("")
    one_line(call("compare", BEFORE, AFTER, *MINI, *words.split()), *told)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_paths_of_outputs_in_python(tmp_path: Path) -> None:
    """The same paths are refused in Python, with the names of the parameters."""
    with pytest.raises(UsageError, match="report and maps name the same file"):
        eyediff.compare(BEFORE, AFTER, ["ssim"], report=tmp_path / "x", maps=tmp_path / "x")


@pytest.mark.parametrize("name", ["ssim", "ssim@skimage", "ssim@matlab", "dssim", "gmsd", "lpips-mini"])
def test_a_map_of_any_metric_is_asked_for_in_one_way(call, tmp_path: Path, name: str) -> None:  # noqa: F811
    """--maps writes the map that `Metric.map` returns.

    The PNG is dark where the images are equal, also for a similarity.
    """
    folder = tmp_path / "maps"
    assert call("compare", BEFORE, AFTER, "-m", f"psnr,{name}", "--maps", folder, "--map-format", "npy,png").code == 0
    expected = eyediff.Metric(name).map(Path(BEFORE) / "cat.png", Path(AFTER) / "cat.png")
    found = np.load(folder / "cat.npy")
    np.testing.assert_array_equal(found, expected)
    assert found.shape == np.asarray(Image.open(Path(BEFORE) / "cat.png")).shape[:2]
    identity = 1 if name.startswith(("ssim", "gmsd")) else 0
    difference = np.abs(identity - np.asarray(expected))
    index = json.loads((folder / "maps.json").read_text("utf-8"))
    (entry,) = [entry for entry in index["maps"] if entry["pair"] == "cat.png"]
    assert entry["max"] == pytest.approx(float(difference.max()), abs=1e-6)
    light = np.asarray(Image.open(folder / "cat.png").convert("L"))
    assert light.flat[difference.argmin()] < light.flat[difference.argmax()]


def test_a_report_shows_the_map_of_ssim(call, tmp_path: Path) -> None:  # noqa: F811
    """The report shows the map of the first metric that has a map. The title explains the colours."""
    assert call("compare", BEFORE, AFTER, "-m", "psnr,ssim", "--report", tmp_path / "x.html").code == 0
    page = (tmp_path / "x.html").read_text("utf-8")
    assert '"mapped":"ssim"' in page and '"mapTitle":"1 - ssim at a pixel"' in page


def test_the_registry_and_the_engines_agree_on_maps() -> None:
    """Each metric that the registry lists with a map has a map.

    Another metric refuses to return a map, and the message has the list.
    """
    able = [name for name, info in METRICS.items() if info.has_map]
    assert all(info.has_map for info in METRICS.values() if info.is_deep)
    for name in ("lpips-mini", *(name for name, info in METRICS.items() if not info.has_weights and not info.package)):
        metric = eyediff.Metric(name)
        if name not in able:
            with pytest.raises(UsageError, match=rf"^{name} has no map; .*{', '.join(able)}"):
                metric.map(Path(BEFORE) / "cat.png", Path(AFTER) / "cat.png")
        else:
            pixels = np.zeros((64, 64, 3), np.uint8)
            assert metric.map(pixels, pixels).shape == (64, 64)


def test_a_report_needs_no_map(call, tmp_path: Path) -> None:  # noqa: F811
    """A report of metrics without a map has no overlays."""
    assert call("compare", BEFORE, AFTER, "-m", "psnr", "--report", tmp_path / "x.html").code == 0
    assert '"mapped":null' in (tmp_path / "x.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--maps", "maps", "--map-format", "tiff"), ["tiff", "png, npy"]),
        (("--maps", BEFORE), ["are not maps of eyediff", "new folder"]),
        (("--report", BEFORE), ["not a report of eyediff", "new folder"]),
        (("--report", BEFORE + "/cat.png/x.html"), ["cannot write"]),
    ],
)
def test_wrong_places_and_formats(call, options: tuple[str, ...], words: list[str]) -> None:  # noqa: F811
    """A wrong place or format gives one line and exit code 2. The folder of images has the same files as before."""
    before = sorted(Path(BEFORE).iterdir())
    said = call("compare", BEFORE, AFTER, *MINI, *options)
    assert said.code == 2 and said.err.count("\n") == 1
    assert all(word in said.err for word in words)
    assert sorted(Path(BEFORE).iterdir()) == before


def test_resume_has_every_picture(call, tmp_path: Path) -> None:  # noqa: F811
    """The report of a resumed run has the pictures of all rows, also of the rows from the earlier run."""
    output, page = tmp_path / "x.csv", tmp_path / "x.html"
    after = tmp_path / "after"
    shutil.copytree(AFTER, after)
    (after / "cat.png").write_bytes(b"torn")
    assert call("compare", BEFORE, after, *MINI, "-o", output).code == 3
    shutil.copy(Path(AFTER) / "cat.png", after)
    assert call("compare", BEFORE, after, *MINI, "-o", output, "--resume", "--report", page).code == 0
    assert sorted(str(row[8]) for row in rows(page)) == ["0", "1", "2"]


def test_ctrl_c_leaves_the_report_of_what_was_done(tmp_path: Path) -> None:
    """An interrupted run leaves a report of the rows that were written, and no temporary file."""
    for side in "ab":
        (tmp_path / side).mkdir()
        for i in range(60):
            pixels = np.full((96, 96, 3), i + (side == "b"), np.uint8)
            Image.fromarray(pixels).save(tmp_path / side / f"{i:02}.png")
    command = [sys.executable, "-m", "eyediff", "compare", "a", "b", "-m", "lpips-mini,fsim", "--report", "x.html"]
    process = subprocess.Popen(
        [*command, "-f", "jsonl"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    with process.stdout:
        lines = process.stdout.read().splitlines()
    assert process.wait() in (130, 0)  # 0 if the run ended before the signal arrived
    assert [row[0] for row in rows(tmp_path / "x.html")] == [f"{i:02}.png" for i in range(len(lines) + 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "x.html"]


def test_from_python(tmp_path: Path) -> None:
    """The function `compare` writes the report and the maps that its arguments name."""
    found = eyediff.compare(
        BEFORE, AFTER, ["lpips-mini"], report=tmp_path / "report", maps=tmp_path / "maps", map_formats=["npy"]
    )
    assert len(found.rows) == 3 and len(rows(tmp_path / "report" / "index.html")) == 3
    assert sorted(path.name for path in (tmp_path / "maps").glob("*.npy")) == ["astronaut.npy", "cat.npy", "coffee.npy"]
