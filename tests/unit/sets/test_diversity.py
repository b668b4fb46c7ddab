"""The mean distance of all pairs in one pass: comparison with brute force, and accuracy of the standard error."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from eyediff.errors import SizeError, UsageError
from eyediff.sets import ImageSet, group_images, measure_diversity
from eyediff.sets.diversity import RunningDiversity

from .made import Levels, brute, folder, job, points, put, some


def spread(figures: np.ndarray) -> RunningDiversity:
    found = RunningDiversity()
    for point in figures:
        found.add(point)
    return found


def mean_of_pairs(figures: np.ndarray) -> float:
    return float(brute(figures, figures)[np.triu_indices(len(figures), 1)].mean())


@pytest.mark.parametrize("count", [2, 3, 50])
def test_the_mean_is_that_of_all_pairs(count: int) -> None:
    """The mean equals the mean of all pairs to 1e-12.

    The sums in double precision have no cancellation, although the points are a thousand times farther from the origin
    than from each other.
    """
    figures = (1000 + np.random.RandomState(count).standard_normal((count, 7))).astype(np.float32)
    assert spread(figures).mean == pytest.approx(mean_of_pairs(figures), rel=1e-12)


def test_points_longer_than_a_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long point is processed piece by piece. No piece is missed, and none is counted twice."""
    monkeypatch.setattr(import_module("eyediff.sets.diversity"), "CHUNK", 3)
    figures = np.random.RandomState(0).standard_normal((6, 8)).astype(np.float32)
    assert spread(figures).mean == pytest.approx(mean_of_pairs(figures), rel=1e-12)


def test_too_few_points_have_no_figure() -> None:
    """One point has no mean, and two points have no standard error. The value is None, and not 0."""
    assert (spread(np.zeros((1, 3))).mean, spread(np.zeros((1, 3))).standard_error) == (None, None)
    assert (spread(np.eye(2)).mean, spread(np.eye(2)).standard_error) == (2.0, None)
    assert spread(np.eye(3)).standard_error is not None


def test_parts_joined_are_the_whole() -> None:
    """The mean over all images is computed from the means and sums of the parts.

    It has no standard error, because the standard error depends on the order of the images.
    """
    figures = np.random.RandomState(0).standard_normal((30, 5))
    whole = RunningDiversity()
    for part in (figures[:1], figures[1:12], figures[:0], figures[12:]):
        whole.merge(spread(part))
    assert whole.count == 30 and whole.standard_error is None
    assert whole.mean == pytest.approx(mean_of_pairs(figures), rel=1e-12)


def test_the_standard_error_is_unbiased_for_normal_points() -> None:
    """The mean of its square is exactly 4 V / N + 8 tr(S^2) / (N (N - 1)), here with variances 1, 4 and 9.

    V = Var |x|^2 = 2 tr(S^2) for a normal distribution. The test averages the square over 4,000 sets of 6 points. The
    square is a sample variance of 5 values whose kurtosis is below 15. So its relative standard deviation is below 1.8,
    and that of the average is below 0.03. The tolerance of 0.12 is four of these. The standard deviation of the 15
    distances, divided by the root of their number, would be wrong by a factor.
    """
    random, count = np.random.RandomState(0), 6
    squares = [spread(random.standard_normal((count, 3)) * [1, 2, 3]).standard_error ** 2 for _ in range(4000)]
    trace = 1 + 16 + 81
    assert np.mean(squares) == pytest.approx(8 * trace / count + 8 * trace / (count * (count - 1)), rel=0.12)


def test_the_standard_error_on_a_sphere_is_too_large_by_the_factor_that_is_documented() -> None:
    """On a sphere V is 0, and the true square is exactly 8 tr(S^2) / (N (N - 1)), with tr(S^2) = 1 / axes.

    The measured standard deviation of the mean square is 1.5 % for 300 sets of 100 points. For 60 sets it is 3.3 %, and
    the tolerance is three times this value.
    """
    random, count, axes = np.random.RandomState(2), 100, 200
    squares = []
    for _ in range(60):
        figures = random.standard_normal((count, axes))
        squares.append(spread(figures / np.linalg.norm(figures, axis=1, keepdims=True)).standard_error ** 2)
    total = sum(4 * (i - 1) / i**2 + 2 * (i - 2) / (i**2 * (i - 1)) for i in range(2, count + 1))
    factor = count * (total - 2 / count) / (2 * (count - 2))
    assert factor == pytest.approx(2.74**2, rel=0.01)
    assert np.mean(squares) * axes * count * (count - 1) / 8 == pytest.approx(factor, rel=0.1)


def test_the_standard_error_is_near_the_jackknife_s() -> None:
    """For 300 skewed points, both values estimate the same V, and agree within a tenth.

    The variances differ by about log N / N, which is 0.02.
    """
    figures = np.random.RandomState(1).exponential(size=(300, 20)) ** 1.5
    count, distances = len(figures), brute(figures, figures)
    each = distances.sum(1) / (count - 1)  # the mean distance of each point to the others
    without = (count * each.mean() - 2 * each) / (count - 2)  # the mean of all pairs, the point left out
    jackknife = np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum())
    assert spread(figures).standard_error == pytest.approx(jackknife, rel=0.1)


def test_a_set_from_files(tmp_path: Path) -> None:
    """The mean equals brute force to 1e-6, for any order of the names.

    float32 has a relative rounding error of 6e-8 for each level.
    """
    pixels = some(20)
    source = folder(tmp_path, pixels)
    found = measure_diversity(job(), source).everything
    assert found.images == 20 and found.mean == pytest.approx(mean_of_pairs(points(pixels)), rel=1e-6)
    turned = measure_diversity(job(), ImageSet(tmp_path, source.names[::-1])).everything
    assert turned.mean == pytest.approx(found.mean, rel=1e-12)


def test_each_image_passes_once(tmp_path: Path) -> None:
    """N (N - 1) / 2 pairs need only N passes."""
    levels = Levels()
    measure_diversity(job(levels), folder(tmp_path, some(20)))
    assert levels.passes == 20


def test_sorted_files_do_not_blow_up_the_error(tmp_path: Path) -> None:
    """The files of a folder are often sorted, here with the dark images first and the light images last.

    The images are processed in a random order, so that the standard error stays below a tenth of the mean.
    """
    dark, light = ([np.full((4, 3, 3), level + i % 3, np.uint8) for i in range(40)] for level in (10, 200))
    found = measure_diversity(job(), folder(tmp_path, [*dark, *light])).everything
    assert found.standard_error < 0.1 * found.mean


def test_groups(tmp_path: Path) -> None:
    """Each group has its own mean, and `within` is the mean of these means.

    The standard error of `within` is computed from the means of the groups. `everything` is the mean over all images.
    It has no standard error.
    """
    pixels = {"a": some(3), "b": some(5, 1), "c": some(1, 2)}
    names = []
    for group, each in pixels.items():
        names += [f"{group}/{name}" for name in folder(tmp_path / group, each).names]
    source = ImageSet(tmp_path, names)
    found = measure_diversity(job(), source, group_images(source, "subfolder"))
    means = [mean_of_pairs(points(pixels[group])) for group in "ab"]
    assert [(each.name, each.images) for each in found.groups] == [("a", 3), ("b", 5), ("c", 1)]
    assert [each.mean for each in found.groups] == [*(pytest.approx(mean, rel=1e-6) for mean in means), None]
    assert found.within.mean == pytest.approx(np.mean(means), rel=1e-6)
    assert found.within.standard_error == pytest.approx(np.std(means, ddof=1) / np.sqrt(2), rel=1e-6)
    assert found.within.images == 8 and found.everything.images == 9
    assert found.everything.mean == pytest.approx(
        mean_of_pairs(points([*pixels["a"], *pixels["b"], *pixels["c"]])), rel=1e-6
    )
    assert found.everything.standard_error is None


def test_groups_by_a_part_of_the_name(tmp_path: Path) -> None:
    """The name of a group is the first parenthesis of the expression, or the whole match.

    Names without a match are reported, and are in no group.
    """
    source = ImageSet(tmp_path, ["x1_a", "x1_b", "x2_a", "other"])
    by_number = group_images(source, r"x(\d)")
    assert by_number.groups == {"1": [0, 1], "2": [2]} and [each.name for each in by_number.ungrouped] == ["other"]
    assert group_images(source, r"x\d").groups == {"x1": [0, 1], "x2": [2]}
    assert group_images(ImageSet(tmp_path, ["a", "b/c/d"]), "subfolder").groups == {".": [0], "b/c": [1]}
    for rule, word in (("(", "regular expression"), ("y", "not match the path of any image")):
        with pytest.raises(UsageError, match=word):
            group_images(source, rule)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A broken file is named and left out. The mean of the other images is the same as without this file."""
    pixels = some(6)
    source = folder(tmp_path, pixels)
    (tmp_path / "02").write_text("broken")
    found = measure_diversity(job(), source)
    assert [(each.name, each.stage) for each in found.failed] == [("02", "read")]
    assert found.everything.mean == pytest.approx(mean_of_pairs(points([*pixels[:2], *pixels[3:]])), rel=1e-6)


def test_sizes_that_differ_end_the_job(tmp_path: Path) -> None:
    """Different sizes are refused by name, unless the size policy says how to change them.

    A mean over images of different sizes has no meaning. Fewer than two images are refused, too.
    """
    source = folder(tmp_path, some(3))
    put(tmp_path / "01", np.zeros((5, 3, 3), np.uint8))
    with pytest.raises(SizeError, match=r"00 is 3x4, .*01 is 3x5.*size="):
        measure_diversity(job(), source)
    for policy in ("resize", "crop"):
        assert measure_diversity(job(size=policy), source).everything.images == 3
    with pytest.raises(UsageError, match="at least 2 images"):
        measure_diversity(job(), ImageSet(tmp_path, ["00"]))
