"""Tests of `eyediff video` with clips that the tests encode: its output and its exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from eyediff.comparison import Metric

from ..unit.video.make import cut, encode, pattern
from .test_compare import call, one_line  # noqa: F401  # a fixture

X264 = {"codec": "libx264", "pixels": "yuv420p"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Encode clips that show the same pattern, each with its own property. Return their paths by name."""
    folder = tmp_path_factory.mktemp("clips")
    irregular = [0, 40, 90, 100, 300, 340, 700, 705]
    return {
        "plain": encode(folder / "plain.mkv"),
        "noisy": encode(folder / "noisy.mkv", noise=9),
        "dropped": encode(
            folder / "dropped.mkv", [*range(7), *range(8, 24)], times=[40 * i for i in range(24) if i != 7]
        ),
        "short": encode(folder / "short.mkv", range(20)),
        "late": encode(folder / "late.mkv", [0, *range(23)]),
        "steps": encode(folder / "steps.mkv", range(8), times=irregular),
        "steps noisy": encode(folder / "steps noisy.mkv", range(8), times=irregular, noise=9),
        "small": encode(folder / "small.mkv", size=(48, 48)),
        "whole": encode(folder / "whole.mp4", **X264, options={"bf": "0"}),
    }


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_frames_are_scored_as_images_are(call, clips) -> None:  # noqa: F811
    """Each frame has a row with its time and the frame numbers. The score is that of the two pictures."""
    said = call("video", clips["plain"], clips["noisy"], "-m", "psnr,ssim", "--format", "csv")
    assert (said.code, said.err.splitlines()[-1]) == (0, "eyediff: PASS: 24 frames compared")
    found = rows(said.out)
    assert [row["pair"] for row in found[:3]] == ["0.000000", "0.040000", "0.080000"] and len(found) == 24
    assert found[5]["reference"].endswith("plain.mkv#5") and found[5]["candidate"].endswith("noisy.mkv#5")
    again = call("video", clips["plain"], clips["plain"], "-m", "psnr,ssim", "--format", "csv")
    assert {(row["psnr"], row["ssim"]) for row in rows(again.out)} == {("inf", "1.0")}
    assert Metric("psnr").distance(pattern(0), pattern(1)) < float(found[0]["psnr"])


def test_the_whole_as_json(call, clips) -> None:  # noqa: F811
    """JSON is one object. The rows are as for images, and the summary has statistics that only clips have."""
    said = call("video", clips["plain"], clips["noisy"], "-m", "psnr,l2", "--format", "json")
    document = json.loads(said.out)
    scores = [row["scores"]["psnr"] for row in document["rows"]]
    metric = document["summary"]["metrics"]["psnr"]
    assert metric["harmonic"] == pytest.approx(24 / sum(1 / score for score in scores))
    assert metric["tail5"] == sorted(scores)[1]
    assert metric["worst_second"] == {"from": 0, "mean": pytest.approx(metric["mean"])}
    assert document["summary"]["metrics"]["l2"]["harmonic"] is None  # lower is better: it would favour good frames


def test_every_nth(call, clips) -> None:  # noqa: F811
    """--every 5 compares the frames 0, 5, 10 ... of the reference."""
    said = call("video", clips["plain"], clips["noisy"], "-m", "l2", "--every", "5", "--format", "csv")
    assert [row["pair"] for row in rows(said.out)] == [f"{0.04 * i:.6f}" for i in range(0, 24, 5)]
    one_line(call("video", clips["plain"], clips["noisy"], "--every", "0"), "--every 0", "1 or more")


def test_every_nth_of_different_rates(call, tmp_path: Path) -> None:  # noqa: F811
    """With --every 2, a clip of half the rate has a partner for each selected frame. Only selected frames can fail."""
    full = encode(tmp_path / "full.mkv", range(12), times=[20 * i for i in range(12)])
    half = encode(tmp_path / "half.mkv", range(0, 12, 2), times=[40 * i for i in range(6)])
    short = encode(tmp_path / "short.mkv", range(0, 6, 2), times=[40 * i for i in range(3)])
    for clips, count in (((full, half), 6), ((half, full), 3)):
        said = call("video", *clips, "-m", "l2", "--every", "2", "--format", "csv")
        assert said.code == 0 and [row["error"] for row in rows(said.out)] == [""] * count
    for clips in ((full, short), (short, full)):
        said = call("video", *clips, "-m", "l2", "--every", "2")
        assert said.code == 3 and "short.mkv ends after 3 frames" in said.out
    assert call("video", full, half, "-m", "l2").code == 3


def test_a_dropped_frame(call, clips) -> None:  # noqa: F811
    """A dropped frame has a row with an error, and the other frames have the right partners. The exit code is 3."""
    said = call("video", clips["plain"], clips["dropped"], "-m", "psnr", "--format", "csv")
    assert said.code == 3 and "seems" not in said.err
    failed = [row for row in rows(said.out) if row["error"]]
    assert [row["pair"] for row in failed] == ["0.280000"] and "has no frame at this time" in failed[0]["error"]
    assert {row["psnr"] for row in rows(said.out) if not row["error"]} == {"inf"} and len(rows(said.out)) == 24
    other = call("video", clips["dropped"], clips["plain"], "-m", "psnr", "--format", "csv")
    assert other.code == 3 and len(rows(other.out)) == 24


def test_a_shorter_clip(call, clips) -> None:  # noqa: F811
    """One row with the counts reports all frames after the end of the shorter clip. The exit code is 3."""
    said = call("video", clips["plain"], clips["short"], "-m", "psnr", "--format", "csv")
    assert said.code == 3 and len(rows(said.out)) == 21
    assert rows(said.out)[-1]["error"] == (
        f"read: {clips['short']} ends after 20 frames; not compared: 4 frames of {clips['plain']} from this time on"
    )


def test_a_truncated_file(call, clips) -> None:  # noqa: F811
    """The frames that can be decoded are scored. The end is a failed row, and the exit code is 3.

    This is also the case if both clips are cut at the same place.
    """
    broken = cut(clips["whole"], 0.7)
    said = call("video", clips["whole"], broken, "-m", "psnr", "--format", "csv")
    found = rows(said.out)
    assert said.code == 3
    assert 3 < len(found) < 24 and all(row["psnr"] == "inf" for row in found[:3])
    assert "damaged or incomplete" in found[-1]["error"] and "states 24 frames" in found[-1]["error"]
    both = call("video", broken, broken, "-m", "psnr", "--format", "csv")
    assert both.code == 3 and "damaged or incomplete" in rows(both.out)[-1]["error"]


def test_a_variable_frame_rate(call, clips) -> None:  # noqa: F811
    """Frames of any duration are matched by their times."""
    said = call("video", clips["steps"], clips["steps noisy"], "-m", "psnr", "--format", "csv")
    assert said.code == 0
    times = [0, 0.04, 0.09, 0.1, 0.3, 0.34, 0.7, 0.705]
    assert [float(row["pair"]) for row in rows(said.out)] == pytest.approx(times)
    assert all(float(row["psnr"]) > 30 for row in rows(said.out))  # noise of up to 9 levels; a wrong frame has about 20


def test_a_clip_one_frame_late(call, clips) -> None:  # noqa: F811
    """A clip that is one frame late is reported in the summary, or on standard error if there is no summary.

    The message proposes an offset, and this offset corrects the delay.
    """
    said = call("video", clips["plain"], clips["late"], "-m", "psnr")
    late = "seems 1 frame late; use an offset of 1"
    assert said.code == 0 and late in said.out and "seems" not in said.err
    assert late in call("video", clips["plain"], clips["late"], "-m", "psnr", "--format", "csv").err
    lined_up = call("video", clips["plain"], clips["late"], "-m", "psnr", "--offset", "1", "--format", "csv")
    assert "seems" not in lined_up.err
    assert {row["psnr"] for row in rows(lined_up.out) if not row["error"]} == {"inf"}
    assert call("video", clips["late"], clips["plain"], "-m", "psnr", "--offset", "-1").out.count("inf") >= 23


def test_an_offset_beyond_the_end(call, clips) -> None:  # noqa: F811
    """If the offset skips all frames of a clip, the message says so."""
    said = call("video", clips["plain"], clips["noisy"], "-m", "psnr", "--offset", "100")
    assert said.code == 3 and "ends after 24 frames, and the offset of 100 skips all of them" in said.out


def test_equal_clips_have_no_interval(call, clips) -> None:  # noqa: F811
    """The reason is that the scores are infinite, not that there are too few scores."""
    said = call("video", clips["plain"], clips["plain"], "-m", "psnr")
    assert "no interval of the mean: at least 5 finite scores are needed" in said.out


def test_limits(call, clips, tmp_path: Path) -> None:  # noqa: F811
    """Limits work as in `compare`, and the report agrees with the exit code."""
    page = tmp_path / "out.html"
    for limit, code, verdict in ((50, 1, "crossed"), (20, 0, "pass")):
        words = ("-m", "psnr", "--min", f"psnr={limit}", "--report", page)
        assert call("video", clips["plain"], clips["noisy"], *words).code == code
        data = json.loads(page.read_text().split('id="data">')[1].split("</script>")[0])
        assert (data["verdict"], data["asked"], data["limits"]) == (verdict, True, {"psnr": limit})


def test_sizes(call, clips) -> None:  # noqa: F811
    """Different sizes are refused before any work, or made equal with --size.

    Frames that are too small for a metric are refused, too.
    """
    one_line(call("video", clips["plain"], clips["small"]), "64x48", "48x48", "--size")
    said = call("video", clips["plain"], clips["small"], "-m", "psnr", "--size", "crop", "--format", "csv")
    assert said.code == 0 and {row["width"] for row in rows(said.out)} == {"48"}
    one_line(call("video", clips["plain"], clips["noisy"], "-m", "ms-ssim"), "ms-ssim", "161", "64x48")


def test_files_and_plots(call, clips, tmp_path: Path) -> None:  # noqa: F811
    """The rows and the plot are written to files, and standard error says what was compared."""
    table, picture = tmp_path / "scores.jsonl", tmp_path / "scores.png"
    said = call("video", clips["plain"], clips["noisy"], "-m", "psnr", "-o", table, "--plot", picture)
    assert (said.code, said.out) == (0, "") and "24 frames compared" in said.err
    assert len(table.read_text().splitlines()) == 25 and picture.stat().st_size > 5000
    one_line(call("video", clips["plain"], clips["noisy"], "--plot", tmp_path / "scores.doc"), "plot", ".png")


def test_what_is_no_video(call, clips, tmp_path: Path) -> None:  # noqa: F811
    """A file that is not a video is refused with one line, and nothing is computed."""
    (tmp_path / "a.mp4").write_text("not a video")
    one_line(call("video", clips["plain"], tmp_path / "a.mp4"), "a.mp4", "cannot be read as a video")
    one_line(call("video", tmp_path / "none.mp4", clips["plain"]), "none.mp4 does not exist")


def test_untagged_colours_are_told_of(call, clips) -> None:  # noqa: F811
    """Standard error says which colour coding is assumed, and for which file."""
    said = call("video", clips["whole"], clips["whole"], "-m", "psnr", "--format", "csv")
    assert f"{clips['whole']}: the file does not state its colour coding; BT.601, limited range is assumed" in said.err


def test_the_report(call, clips, tmp_path: Path) -> None:  # noqa: F811
    """The report has all rows, but pictures of only the worst frames. Its data says that the images are a clip."""
    page = tmp_path / "out.html"
    said = call("video", clips["plain"], clips["dropped"], "-m", "psnr,l2", "--report", page, "--format", "csv")
    assert said.code == 3 and len(rows(said.out)) == 24 and f"report: {page}" in said.err
    text = page.read_text()
    blocks = {
        name: json.loads(text.split(f'id="{name}">')[1].split("</script>")[0]) for name in ("data", "rows", "pictures")
    }
    assert [row[0] for row in blocks["rows"]] == [row["pair"] for row in rows(said.out)]
    assert blocks["data"]["extras"] == {"video": True}
    assert blocks["data"]["summary"]["metrics"]["l2"]["worst_second"]["mean"] == 0
    assert 6 <= len(blocks["pictures"]) == len([row for row in blocks["rows"] if row[8] is not None]) <= 12
