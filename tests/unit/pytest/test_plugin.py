"""Tests of `assert_looks_like` in other test suites, which pytester runs."""

from __future__ import annotations

import json
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run
from eyediff.pytest.goldens import flattened

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[3]

SUITE = """
    import numpy as np

    def page(noise=0):
        rng = np.random.default_rng(0)
        picture = np.kron(rng.integers(0, 200, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
        return picture + rng.integers(0, noise + 1, picture.shape, dtype=np.uint8)

    def test_page(assert_looks_like):
        found = assert_looks_like(page({noise}), "sub/page.png", max={{"l2": 1e-4}}, min={{"psnr": 40}})
        assert list(found) == ["l2", "psnr"]
"""


def suite(pytester: pytest.Pytester, noise: int = 0, *arguments: str) -> pytest.RunResult:
    """Run a test suite whose image has the given noise. Every warning is an error, as in careful projects."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(test_pages=SUITE.format(noise=noise))
    return pytester.runpytest_inprocess("-p", "eyediff.pytest", "-p", "no:cacheprovider", *arguments)


def test_a_golden_is_missing_then_stored_then_holds(pytester: pytest.Pytester) -> None:
    """A missing golden fails the test, and the message states its path and the option that stores it.

    The option stores the golden beside the test. Then the same image passes, and the report of the earlier failure is
    removed.
    """
    missing = suite(pytester)
    missing.assert_outcomes(failed=1)
    missing.stdout.fnmatch_lines(
        ["*there is no golden *goldens/sub/page.png yet*", "*store it with pytest --eyediff-update*"]
    )
    (candidate,) = pytester.path.glob("eyediff-report/*/*/candidate.png")
    stored = suite(pytester, 0, "--eyediff-update")
    stored.assert_outcomes(passed=1)
    stored.stdout.fnmatch_lines(["goldens stored: 1, unchanged: 0", "*goldens/sub/page.png"])
    suite(pytester).assert_outcomes(passed=1)
    assert not candidate.exists()
    suite(pytester, 0, "--eyediff-update").stdout.fnmatch_lines(["goldens stored: 0, unchanged: 1"])


def test_a_picture_that_changed_fails_with_a_report(pytester: pytest.Pytester) -> None:
    """A changed image fails with the score of each crossed limit.

    A folder has both images, their difference and the scores. Small changes pass. The option and `eyediff accept` make
    the new image the golden.
    """
    suite(pytester, 0, "--eyediff-update")
    suite(pytester, 1).assert_outcomes(passed=1)
    failed = suite(pytester, 40)
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["*the image differs from *page.png: l2 0.0* > 0.0001; psnr * < 40*"])
    (folder,) = pytester.path.glob("eyediff-report/*/*")
    assert b'"limit"' in (folder.parents[1] / "report.html").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [
        "candidate.png", "difference.png", "reference.png", "scores.json",
    ]  # fmt: skip
    record = json.loads((folder / "scores.json").read_text())
    assert record["test"] == "test_pages.py::test_page" and record["scores"]["l2"] > 1e-4
    with Image.open(folder / "difference.png") as picture:
        assert np.asarray(picture).max() == 255
    assert run(["accept", str(pytester.path / "eyediff-report"), str(pytester.path), "sub/page.png"]) == 0
    suite(pytester, 40).assert_outcomes(passed=1)
    suite(pytester, 0, "--eyediff-update").assert_outcomes(passed=1)
    suite(pytester, 40, "--eyediff-update").assert_outcomes(passed=1)
    suite(pytester, 40, "--eyediff-report", "elsewhere").assert_outcomes(passed=1)


def test_folders_are_chosen(pytester: pytest.Pytester) -> None:
    """Ini options and an option of the command line choose the folders."""
    pytester.makeini("[pytest]\neyediff_goldens = pictures/good\neyediff_report = out/ini\n")
    pytester.makepyfile(test_pages=SUITE.format(noise=0))
    pytester.runpytest_inprocess("-p", "eyediff.pytest", "--eyediff-update").assert_outcomes(passed=1)
    assert (pytester.path / "pictures/good/sub/page.png").exists()
    pytester.makepyfile(test_pages=SUITE.format(noise=40))
    pytester.runpytest_inprocess("-p", "eyediff.pytest").assert_outcomes(failed=1)
    pytester.runpytest_inprocess("-p", "eyediff.pytest", "--eyediff-report", "out/flag").assert_outcomes(failed=1)
    assert [len(list(pytester.path.glob(f"out/{kind}/*/*/scores.json"))) for kind in ("ini", "flag")] == [1, 1]


def test_mistakes_are_told(pytester: pytest.Pytester) -> None:
    """Mistakes have clear errors.

    They are another size, a name outside the folder, an unknown metric, floats without a range, and a golden that is no
    image.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest
        from pathlib import Path
        from eyediff import EyediffError

        gray = np.full((40, 40, 3), 90, np.uint8)

        def test_size(assert_looks_like):
            with pytest.raises(AssertionError, match="size was 40x40, and is now 32x40(?s:.*)changed: 8x40 at 32,0"):
                assert_looks_like(gray[:, :32], "gray.png")

        @pytest.mark.parametrize("name", ["../x.png", "/x.png", "x.jpg", "x"])
        def test_name(assert_looks_like, name):
            with pytest.raises(EyediffError, match="relative name"):
                assert_looks_like(gray, name)

        def test_metric(assert_looks_like):
            with pytest.raises(EyediffError, match="'lpips-minni'.*did you mean"):
                assert_looks_like(gray, "gray.png", max={"lpips-minni": 1})
            with pytest.raises(EyediffError, match="no metric"):
                assert_looks_like(gray, "gray.png", max={})

        def test_floats(assert_looks_like):
            assert_looks_like(gray / 255, "gray.png", range=(0, 1))
            with pytest.raises(EyediffError, match="needs a range"):
                assert_looks_like(gray / 255, "gray.png")

        def test_broken(assert_looks_like):
            (Path(__file__).parent / "goldens" / "broken.png").write_text("no image")
            with pytest.raises(EyediffError, match="broken.png"):
                assert_looks_like(gray, "broken.png")
        """
    )
    (pytester.path / "goldens").mkdir()
    Image.new("RGB", (40, 40), (90, 90, 90)).save(pytester.path / "goldens" / "gray.png")
    pytester.runpytest_inprocess("-p", "eyediff.pytest").assert_outcomes(passed=8)


def test_two_tests_cannot_store_different_pictures_under_one_name(pytester: pytest.Pytester) -> None:
    """The second test with another image fails, because one of the two tests could never pass.

    The same image twice is accepted.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest

        @pytest.mark.parametrize("level", [10, 10, 20])
        def test_level(assert_looks_like, level):
            assert_looks_like(np.full((40, 40, 3), level, np.uint8), "level.png")
        """
    )
    found = pytester.runpytest_inprocess("-p", "eyediff.pytest", "--eyediff-update")
    found.assert_outcomes(passed=2, failed=1)
    found.stdout.fnmatch_lines(["*level.png was stored by *test_level*another image*"])


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the options for two processes of pytest-xdist that import no other plugin.

    Other plugins take half of their time.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return ["-p", "eyediff.pytest", "-p", "no:cacheprovider", "-p", "xdist", "-n", "2"]


def test_two_processes_cannot_store_different_pictures_under_one_name(
    pytester: pytest.Pytester, two_processes: list[str]
) -> None:
    """The second of two tests that disagree fails, as in one process, whichever test it is.

    The summary names all goldens.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest, time

        @pytest.mark.parametrize("level", [10, 20])
        def test_level(assert_looks_like, level):
            assert_looks_like(np.full((40, 40, 3), level, np.uint8), "level.png")

        @pytest.mark.parametrize("name", ["a", "b"])
        def test_name(assert_looks_like, name):
            assert_looks_like(np.full((40, 40, 3), 30, np.uint8), name + ".png")
        """
    )
    found = pytester.runpytest_subprocess(*two_processes, "--dist", "each", "--eyediff-update")
    found.assert_outcomes(passed=6, failed=2)
    found.stdout.fnmatch_lines(
        ["*level.png was stored by *test_level*another image*", "goldens stored: 3, unchanged: 0"]
    )
    found.stdout.fnmatch_lines(["  *goldens/a.png", "  *goldens/b.png", "  *goldens/level.png"])


def test_failures_of_all_processes_are_on_one_page(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_processes: list[str]
) -> None:
    """The page has the failed limits and the changed regions of all processes.

    The files that the processes share are removed.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest

        @pytest.mark.parametrize("name", ["a", "b", "c"])
        def test_name(assert_looks_like, name, request):
            page = np.full((60, 90, 3), 240, np.uint8)
            if name != "c" and not request.config.getoption("--eyediff-update"):
                page[20:40, 30:70] = 0
            assert_looks_like(page, name + ".png")

        def test_other(assert_looks_like):
            assert_looks_like(np.zeros((40, 40, 3), np.uint8), "other.png", max={"l2": 0})
        """
    )
    alone = ["-p", "eyediff.pytest", "-p", "no:cacheprovider"]
    pytester.runpytest_inprocess(*alone, "--eyediff-update").assert_outcomes(passed=4)
    (pytester.path / "goldens" / "other.png").unlink()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    found = pytester.runpytest_subprocess(*two_processes)
    found.assert_outcomes(passed=1, failed=3)
    found.stdout.fnmatch_lines(["images that differ from their goldens: 3; see *report.html"])
    assert not list(tmp_path.glob("eyediff-session-*"))
    page = (pytester.path / "eyediff-report" / "report.html").read_text()
    rows = json.loads(page.partition('id="rows">')[2].partition("</script>")[0])
    assert [row[0].split()[-1] for row in rows] == ["a.png", "b.png", "other.png"]
    assert all(row[9]["visible-difference"][0]["width"] > 30 for row in rows[:2])
    assert [row[10:] for row in rows] == [[[["visible-difference", 1.0]], "fail"]] * 2 + [[[], "fail"]]
    pytester.runpytest_inprocess(*alone, "--eyediff-update").assert_outcomes(passed=4)
    pytester.runpytest_subprocess(*two_processes, "-k", "name[c] or other").assert_outcomes(passed=2)
    assert not (pytester.path / "eyediff-report" / "report.html").exists()  # the page would show an earlier session


def test_pictures_of_every_kind(pytester: pytest.Pytester) -> None:
    """Bytes of a screenshot, a figure, a PIL image and an array are accepted.

    Bytes that are no image are refused by name.
    """
    pytester.makepyfile(
        """
        import io
        import numpy as np, pytest
        from eyediff import EyediffError
        from matplotlib.figure import Figure
        from PIL import Image

        def figure():
            made = Figure(figsize=(2, 1))
            made.subplots().plot([1, 3, 2])
            return made

        def test_kinds(assert_looks_like):
            drawn = io.BytesIO()
            figure().savefig(drawn, format="png")
            for image in (figure(), drawn.getvalue(), Image.open(drawn), np.asarray(Image.open(drawn).convert("RGB"))):
                assert_looks_like(image, "figure.png")
            with pytest.raises(EyediffError, match="image: the file is not PNG"):
                assert_looks_like(b"hello", "figure.png")
        """
    )
    command = ["-p", "eyediff.pytest", "-p", "no:cacheprovider"]
    pytester.runpytest_inprocess(*command, "--eyediff-update", "-k", "kinds").assert_outcomes(passed=1)
    pytester.runpytest_inprocess(*command).assert_outcomes(passed=1)
    assert not (pytester.path / "eyediff-report").exists()


def test_gates_and_displaced_pictures(pytester: pytest.Pytester) -> None:
    """The default gate is for screenshots, and a missing word fails.

    The gate for photos and explicit limits allow larger differences. Small shifts can be tolerated. A usage error shows
    only the test, and no code of the plugin.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest
        from eyediff import EyediffError

        def page(right=0, words=1):
            made = np.full((200, 300, 3), 250, np.uint8)
            word = np.random.RandomState(0).randint(0, 2, (14, 40, 1)).repeat(3, 2).astype(np.uint8) * 200
            for row in range(words):
                made[20 + 30 * row : 34 + 30 * row, 30 + right : 70 + right] = word
            return made

        def test_page(assert_looks_like, request):
            assert_looks_like(page(words=2), "page.png")
            if not request.config.getoption("--eyediff-update"):
                with pytest.raises(AssertionError, match=r"visible-difference .* > 1\\n  changed: \\d+x\\d+ at"):
                    assert_looks_like(page(words=1), "page.png")
                assert_looks_like(page(words=1), "page.png", max={"l2": 0.5})
                assert_looks_like(page(words=1), "page.png", gate="photo", max={"lpips": 0.9})
                with pytest.raises(AssertionError):
                    assert_looks_like(page(2, 2), "page.png", tolerate_shift=1)
                assert_looks_like(page(2, 2), "page.png", tolerate_shift=2)

        def test_wrong(assert_looks_like):
            assert_looks_like(page(), "page.png", gate="painting")
        """
    )
    command = ["-p", "eyediff.pytest", "-p", "no:cacheprovider"]
    pytester.runpytest_inprocess(*command, "--eyediff-update", "-k", "test_page").assert_outcomes(passed=1)
    found = pytester.runpytest_inprocess(*command)
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(["E  *gate='painting' does not exist; expected one of ui, photo"])
    found.stdout.no_fnmatch_line("*goldens.py*")


def test_what_does_not_count(pytester: pytest.Pytester) -> None:
    """A clock is ignored by rectangles, by a mask in any form, or by a mask file beside the golden.

    Other regions still count. The message and the difference image leave out the ignored regions.
    """
    pytester.makepyfile(
        """
        import numpy as np, pytest
        from eyediff import EyediffError

        def page(time, button=200):
            made = np.full((80, 120, 3), 240, np.uint8)
            made[5:15, 90:115] = time
            made[50:70, 20:60] = button
            return made

        CLOCK = [(90, 5, 25, 10)]

        def test_page(assert_looks_like, request, tmp_path):
            assert_looks_like(page(0), "page.png")
            if request.config.getoption("--eyediff-update"):
                return
            counted = np.ones((80, 120), bool)
            counted[5:15, 90:115] = False
            for ways in ({"ignore": CLOCK}, {"mask": counted}, {"mask": "clock.png"}):
                assert_looks_like(page(120), "page.png", **ways)
                with pytest.raises(AssertionError, match=r"changed: 40x20 at 20,50\\n"):
                    assert_looks_like(page(120, 90), "page.png", **ways)
            with pytest.raises(AssertionError, match="25x10 at 90,5"):
                assert_looks_like(page(120), "page.png")
            with pytest.raises(EyediffError, match="the mask is 9x9"):
                assert_looks_like(page(120), "page.png", mask=np.ones((9, 9), bool))
            for wrong in ({"ignore": [(1, 2, 3)]}, {"mask": "../clock.png"}, {"gate": None, "max": {"fsim": 1}}):
                with pytest.raises(EyediffError, match="height|relative name|fsim"):
                    assert_looks_like(page(0), "page.png", **({"ignore": CLOCK} | wrong))

        def test_beside(assert_looks_like, request):
            changed = not request.config.getoption("--eyediff-update")
            assert_looks_like(page(120 * changed, 200 - 110 * changed), "beside.png")

        def test_name(assert_looks_like):
            with pytest.raises(EyediffError, match="has the name of a mask"):
                assert_looks_like(page(0), "page.mask.png")
        """
    )
    command = ["-p", "eyediff.pytest", "-p", "no:cacheprovider"]
    pytester.runpytest_inprocess(*command, "--eyediff-update").assert_outcomes(passed=3)
    mask = Image.new("L", (120, 80), 255)
    mask.paste(0, (90, 5, 115, 15))
    for name in ("clock.png", "beside.mask.png"):
        mask.save(pytester.path / "goldens" / name)
    found = pytester.runpytest_inprocess(*command)
    found.assert_outcomes(passed=2, failed=1)
    found.stdout.fnmatch_lines(["*changed: 40x20 at 20,50"])
    (difference,) = pytester.path.glob("eyediff-report/*beside*/*/difference.png")
    with Image.open(difference) as picture:
        assert picture.getbbox() == (20, 50, 60, 70)


def test_a_run_that_does_not_use_it_pays_nothing(pytester: pytest.Pytester) -> None:
    """A process that does not use the fixture loads neither numpy nor other slow modules. Every warning is an error."""
    pytester.makepyfile(
        """
        import sys

        def test_plain():
            heavy = {"numpy", "PIL", "onnxruntime", "eyediff.comparison", "eyediff.records"}
            assert "eyediff.pytest" in sys.modules and not heavy & set(sys.modules)
        """
    )
    found = pytester.runpytest_subprocess("-p", "eyediff.pytest", "-W", "error")
    found.assert_outcomes(passed=1)


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    """The entry point names a module that exists, and it has the name of that module."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        points = tomllib.load(file)["project"]["entry-points"]["pytest11"]
    assert points == {"eyediff.pytest": "eyediff.pytest"}
    assert hasattr(import_module(points["eyediff.pytest"]), "assert_looks_like")


def test_what_is_stored_is_what_was_seen(tmp_path: Path) -> None:
    """Arrays of 8 bits are stored exactly, and 16 bits and floats to the nearest level.

    Transparency is kept to within a level over black and white, and the orientation is applied.
    """
    rng = np.random.default_rng(2)
    levels = rng.integers(0, 256, (16, 12, 3), dtype=np.uint8)
    for image, range_ in ((levels, None), (levels.astype(np.uint16) * 257, None), (levels / 255, (0, 1))):
        np.testing.assert_array_equal(np.asarray(flattened(image, range_)), levels)
    clear = np.concatenate([levels, rng.integers(0, 256, (16, 12, 1), dtype=np.uint8)], -1)
    stored = np.asarray(flattened(Image.fromarray(clear), None), np.float64)
    for ground in (0, 255):
        before, after = (x[..., :3] * (x[..., 3:] / 255) + ground * (1 - x[..., 3:] / 255) for x in (clear, stored))
        assert np.abs(before - after).max() <= 1.01
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(levels).save(tmp_path / "turned.png", exif=exif)
    assert flattened(tmp_path / "turned.png", None).size == (16, 12)
