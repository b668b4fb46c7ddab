"""Tests of animations and files of several pages: the worst frame sets the score, and no frame is left out."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff.cli import run
from eyediff.errors import ImageError, SizeError, UsageError
from eyediff.images import as_image
from eyediff.records import Failure, Pair, ScoredPair
from eyediff.scoring.batches import score_batches
from eyediff.scoring.factory import build_metric_set
from eyediff.scoring.loading import Loaded

KINDS = {"gif": "GIF", "png": "PNG", "webp": "WEBP", "tif": "TIFF", "avif": "AVIF"}


def _picture(seed: int, size: tuple[int, int] = (24, 32)) -> Image.Image:
    """Return a picture of few colours, so that GIF stores it exactly."""
    levels = np.random.default_rng(seed).integers(0, 4, (*size, 3), np.uint8) * 85
    return Image.fromarray(levels)


def save(path: Path, seeds: Sequence[int], sizes: Sequence[tuple[int, int]] = ()) -> Path:
    """Write an animation of the pictures of these seeds, or pages of these sizes. Return the path."""
    frames = [_picture(seed, *sizes[index : index + 1]) for index, seed in enumerate(seeds)]
    how = {"lossless": True} if path.suffix == ".webp" else {}
    frames[0].save(path, KINDS[path.suffix[1:]], save_all=True, append_images=frames[1:], **how)
    return path


def _worst(seeds: Sequence[int], others: Sequence[int]) -> float:
    """Return the smallest PSNR of the pairs of pictures, by the definition of PSNR."""
    found = []
    for seed, other in zip(seeds, others, strict=True):
        a, b = (np.asarray(_picture(each), np.float64) for each in (seed, other))
        error = np.square(a - b).mean()
        found.append(10 * np.log10(255**2 / error) if error else np.inf)
    return min(found)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Write two folders with two animations and a still picture.

    The animation `moved` has frames 1, 2, 3 in `a` and another last frame in `b`. The animation `same` is equal in both
    folders.
    """
    for side, last in (("a", 3), ("b", 4)):
        (tmp_path / side).mkdir()
        save(tmp_path / side / "moved.gif", (1, 2, last))
        save(tmp_path / side / "same.webp", (1, 2, 3))
        _picture(7).save(tmp_path / side / "still.png")
    return tmp_path


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_a_later_frame_that_differs(tmp_path: Path, suffix: str) -> None:
    """The frame that differs sets the score of the pair in every function that compares two files.

    The PSNR is infinite only if all frames are equal.
    """
    a, b = save(tmp_path / f"a.{suffix}", (1, 2, 3)), save(tmp_path / f"b.{suffix}", (1, 5, 3))
    expected = pytest.approx(_worst((1, 2, 3), (1, 5, 3)))
    (row,) = eyediff.compare(a, b, ["psnr", "ssim"]).rows
    assert isinstance(row, ScoredPair)
    assert row.scores["psnr"] == expected and row.scores["ssim"] < 0.5
    assert row.notes == ("worst of 3 frames: 2",)
    assert (
        eyediff.distance(a, b, "psnr")
        == eyediff.distance(a.read_bytes(), io.BytesIO(b.read_bytes()), "psnr")
        == expected
    )
    assert eyediff.scores(a, b, ["psnr", "ssim"]) == pytest.approx(row.scores)
    if suffix == "gif":  # for one format only, because explain computes a lot
        assert next(each.score for each in eyediff.explain(a, b).rows if each.metric == "psnr") == expected
    (row,) = eyediff.compare(a, save(tmp_path / f"c.{suffix}", (1, 2, 3)), ["psnr"]).rows
    assert row.scores == {"psnr": np.inf}


def test_frames_that_are_worst_by_different_metrics(tmp_path: Path) -> None:
    """Each metric takes the score of its own worst frame.

    A size policy applies to each frame. Without a policy, the error names the frame whose size differs.
    """
    a, b = save(tmp_path / "a.tif", (1, 2, 3)), tmp_path / "b.tif"
    frames = [
        _picture(1),
        Image.fromarray(np.asarray(_picture(2)) // 2 + 127),
        Image.fromarray(255 - np.asarray(_picture(3))),
    ]
    frames[0].save(b, "TIFF", save_all=True, append_images=frames[1:])
    (row,) = eyediff.compare(a, b, ["psnr", "l2", "ssim"]).rows
    alone = [
        eyediff.scores(_picture(seed), frame, ["psnr", "l2", "ssim"])
        for seed, frame in zip((1, 2, 3), frames, strict=True)
    ]
    assert row.scores == {
        "psnr": min(each["psnr"] for each in alone),
        "l2": max(each["l2"] for each in alone),
        "ssim": min(each["ssim"] for each in alone),
    }
    large = save(tmp_path / "large.tif", (1, 2, 3), [(24, 32), (48, 64), (24, 32)])
    (row,) = eyediff.compare(a, large, ["psnr"]).rows
    assert isinstance(row, Failure) and row.message.startswith("frame 2: ") and "differ in size" in row.message
    (row,) = eyediff.compare(a, large, ["psnr"], size="resize").rows
    assert row.scores["psnr"] < 30 and "candidate: resized from 64x48 to 32x24" in row.notes


def test_as_many_frames_are_expected(tmp_path: Path) -> None:
    """Different numbers of frames are an error, and the common frames alone are not compared.

    A function that cannot use several frames refuses such a file.
    """
    a, b = save(tmp_path / "a.gif", (1, 2, 3)), save(tmp_path / "b.gif", (1, 2))
    (row,) = eyediff.compare(a, b, ["psnr"]).rows
    assert isinstance(row, Failure) and "a.gif has 3 frames" in row.message and "b.gif has 2" in row.message
    assert run(["compare", str(a), str(b), "-m", "psnr"]) == 3
    with pytest.raises(SizeError, match="3 frames"):
        eyediff.distance(a, b, "psnr")
    metric = eyediff.Metric("ssim")
    with pytest.raises(UsageError, match="has 3 frames or pages"):
        metric.map(a, a)
    with pytest.raises(ImageError, match="has several frames or pages; expected one"):
        metric.distances([a], [a])
    result = eyediff.duplicates(save_folder(tmp_path / "set", a), 0.001)
    assert not result.rows and "expected one" in result.failed[0].message


def test_frames_can_be_interrupted() -> None:
    """Scoring can stop between two batches of frames of one pair, as between two pairs."""
    image = as_image(_picture(1))
    frame = Loaded(Pair("a", Path("a"), Path("a")), image, image)
    stop = partial(next, iter([False, True]))
    with pytest.raises(KeyboardInterrupt):
        list(score_batches([replace(frame, later=(frame,))], build_metric_set(["psnr"]), waiting=2, stop=stop))


def save_folder(folder: Path, animation: Path) -> Path:
    """Write two copies of an animation and two pictures to a new folder. Return the folder."""
    folder.mkdir()
    for name in ("x.gif", "y.gif"):
        (folder / name).write_bytes(animation.read_bytes())
    for seed in (8, 9):
        _picture(seed, (40, 40)).save(folder / f"{seed}.png")
    return folder


def test_gates_baseline_resume_report_and_table(folders: Path) -> None:
    """An animation has one row in gates, baselines, reports and tables, like other files.

    A resumed run with a report gives the same output as a fresh run.
    """
    a, b, out = folders / "a", folders / "b", folders / "out"
    out.mkdir()
    words = ["compare", str(a), str(b), "-m", "ssim,psnr"]
    assert run([*words, "--min", "psnr=30"]) == 1
    fresh = ["--report", str(out / "fresh.html"), "--maps", str(out / "maps")]
    assert run([*words, *fresh, "-o", str(out / "rows.jsonl")]) == 0
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    (moved,) = (row for row in rows if row.get("pair") == "moved.gif")
    assert moved["scores"]["psnr"] == pytest.approx(_worst((3,), (4,)))
    assert "worst of 3 frames: 3" in (out / "fresh.html").read_text()
    again = [*words, "--resume", "-o", str(out / "more.jsonl")]
    for more in ([], ["--report", str(out / "resumed.html")]):
        assert run([*again, *more]) == 0
        assert (out / "more.jsonl").read_bytes() == (out / "rows.jsonl").read_bytes()
    assert (out / "resumed.html").stat().st_size == (out / "fresh.html").stat().st_size
    assert run([*words, "--baseline", str(out / "rows.jsonl")]) == 0
    save(b / "same.webp", (1, 6, 3))
    assert run([*words, "--baseline", str(out / "rows.jsonl"), "--junit", str(out / "out.xml")]) == 1
    assert (
        run(["table", str(a), f"x={b}", "-m", "psnr", "-o", str(out / "t.json"), "--scores", str(out / "t.csv")]) == 0
    )
    assert f"{_worst((3,), (4,)):.8}"[:8] in (out / "t.csv").read_text()


def test_a_figure_refuses_frames_by_name(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A figure refuses an animation by its name and draws another image of the folder.

    A figure shows one frame, but each method and metric has its own worst frame.
    """
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    words = ["table", str(folders / "a"), f"x={folders / 'b'}", "-m", "psnr", "--figure", str(folders / "f.png")]
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{folders / 'a' / 'moved.gif'} has 3 frames or pages" in said
    assert said.endswith("or give another --image\n") and not (folders / "f.png").exists()
    assert run([*words, "--image", "still.png"]) == 0


def test_the_page_of_a_table_shows_the_frames_that_count(folders: Path) -> None:
    """The page of a table shows the worst frame of each method.

    It shows the ground truth only if all methods have the same worst frame.
    """
    pages = []
    for third in ((1, 9, 3), (1, 2, 9)):
        shutil.copytree(folders / "a", folders / "c", dirs_exist_ok=True)
        save(folders / "c" / "moved.gif", third)
        page = folders / "page.html"
        call = ["table", str(folders / "a"), f"x={folders / 'b'}", f"y={folders / 'c'}", "-m", "psnr"]
        assert run([*call, "--report", str(page)]) == 0
        data, pictures = (
            json.loads(page.read_text().partition(f'id="{name}">')[2].partition("</script>")[0])
            for name in ("data", "pictures")
        )
        both = zip(data["images"], pictures, strict=True)
        pages.append({each["name"]: (each["frames"], found) for each, found in both})
    for page, frames in zip(pages, ([3, 2], [3, 3]), strict=True):
        assert page["still.png"][0] == [None, None] and all(page["still.png"][1]["files"])
        assert page["moved.gif"][0] == frames
        assert [file is not None for file in page["moved.gif"][1]["files"]] == [frames[0] == frames[1], True, True]
