"""Tests that a metric gives the same score alone, with each other metric, and with all metrics in one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eyediff
from eyediff import votes
from eyediff.cli import run
from eyediff.evaluation import agreement
from eyediff.metrics.registry import all_metrics
from eyediff.records import ScoredPair
from eyediff.run.plan import ComparisonOptions

METRICS = [
    f"{name}@{version}"
    for name, info in all_metrics().items()
    for version in info.versions
    if not name.endswith("-vgg") and name != "dists"  # the weights of VGG16 are not in the package
    if info.package is None
]
_KINDS = {type(info.programs[info.versions[0]]): f"{name}@{info.versions[0]}" for name, info in all_metrics().items()}
PAIRED = [name for name in METRICS if name in _KINDS.values() or name.startswith("fsim")] + ["lpips-mini@3"]
"""One metric of each kind of program, and the metrics that share computations with another metric."""

SIDE = 176  # MS-SSIM needs sides of 161 pixels or more


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Write a smooth picture and a noisy copy of it. Return both paths."""
    folder = tmp_path_factory.mktemp("combined")
    rng = np.random.default_rng(11)
    coarse = Image.fromarray(rng.integers(0, 256, (11, 11, 3), np.uint8)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    noisy = np.asarray(coarse) + rng.normal(0, 12, (SIDE, SIDE, 3))
    coarse.save(folder / "a.png")
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "b.png")
    return [str(folder / "a.png"), str(folder / "b.png")]


def _scores(pictures: list[str], metrics: list[str], output: Path) -> Mapping[str, float]:
    assert run(["compare", *pictures, "-m", ",".join(metrics), "-o", str(output)]) == 0
    (row,) = json.loads(output.read_text())["rows"]
    assert list(row["scores"]) == metrics
    return dict(row["scores"])


@pytest.fixture(scope="module")
def alone(pictures: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Return the score of each metric alone from the command line. Check that the library returns the same scores."""
    output = tmp_path_factory.mktemp("alone") / "out.json"
    found = {name: _scores(pictures, [name], output)[name] for name in METRICS}
    for name, score in found.items():
        assert eyediff.distance(*pictures, name) == pytest.approx(score, rel=1e-6, abs=1e-9)
    return found


@pytest.mark.parametrize("pair", list(combinations(PAIRED, 2)), ids=" ".join)
def test_every_two_metrics(pair: tuple[str, str], alone: dict[str, float], pictures: list[str], tmp_path: Path) -> None:
    """Two metrics give the same scores together as alone, also if they share computations, as FSIM and FSIMc do.

    Only the tests of all metrics in one run try both orders.
    """
    found = _scores(pictures, list(pair), tmp_path / "out.json")
    assert found == {name: pytest.approx(alone[name], rel=1e-6, abs=1e-9) for name in pair}


def test_all_metrics_at_once(alone: dict[str, float], pictures: list[str], tmp_path: Path) -> None:
    """All metrics in one run give the same scores as alone, from the command and the library, in both orders."""
    for order in (METRICS, METRICS[::-1]):
        expected = {name: pytest.approx(alone[name], rel=1e-6, abs=1e-9) for name in order}
        assert _scores(pictures, order, tmp_path / "out.json") == expected
        (row,) = eyediff.compare(*pictures, order).rows
        assert isinstance(row, ScoredPair)
        assert row.scores == expected


def test_all_metrics_of_a_clip(pictures: list[str], tmp_path: Path) -> None:
    """`video` gives the frames the same scores with all metrics in one run as with each metric alone."""
    pytest.importorskip("av")
    clips = []
    for number, picture in enumerate(pictures):
        clip = tmp_path / f"{number}.gif"
        still = Image.open(picture)
        still.save(clip, save_all=True, append_images=[still.rotate(90)], duration=100)
        clips.append(str(clip))
    output = tmp_path / "out.json"

    def rows(metrics: list[str]) -> list[dict[str, float]]:
        assert run(["video", *clips, "-m", ",".join(metrics), "-o", str(output)]) == 0
        return [row["scores"] for row in json.loads(output.read_text())["rows"]]

    together = rows(METRICS)
    for name in METRICS:
        for row, single in zip(together, rows([name]), strict=True):
            assert row[name] == pytest.approx(single[name], rel=1e-6, abs=1e-9)


def test_all_metrics_of_a_study(alone: dict[str, float], pictures: list[str], tmp_path: Path) -> None:
    """`eval` gives an item the same scores with all metrics in one run as `compare` gives with each metric alone."""
    table = tmp_path / "votes.csv"
    table.write_text(f"a,b,same,total\n{pictures[0]},{pictures[1]},1,3\n")
    for order in (METRICS, METRICS[::-1]):
        found = agreement.judge(votes.read_study(table, "jnd"), order, resamples=0).scores
        assert {name: scores[0, 0] for name, scores in found.items()} == {
            name: pytest.approx(alone[name], rel=1e-6, abs=1e-9) for name in order
        }


def test_all_metrics_of_a_ray_worker(alone: dict[str, float], pictures: list[str]) -> None:
    """A worker of --ray gives the same scores with all metrics as each metric alone.

    The test calls the worker as Ray does.
    """
    worker, arrow = pytest.importorskip("eyediff.ray.worker"), pytest.importorskip("pyarrow")
    options = ComparisonOptions()
    task = worker.WorkerTask.of(options.build_metrics(METRICS).header, options)
    columns = {"pair": ["x"], "reference": pictures[:1], "candidate": pictures[1:]}
    (row,) = worker.Worker(task)(arrow.table(columns)).to_pylist()
    assert {name: row[name] for name in METRICS} == {
        name: pytest.approx(alone[name], rel=1e-6, abs=1e-9) for name in METRICS
    }


@pytest.mark.parametrize("name", [name for name in METRICS if name.startswith(("lpips", "deep"))])
def test_a_set_of_two_is_a_pair(name: str, alone: dict[str, float], pictures: list[str]) -> None:
    """The distance of two images in a set equals the score of the pair to 1e-5 (docs/sets.md).

    `matrix` takes only one metric.
    """
    found = eyediff.matrix(Path(pictures[0]).parent, metric=name)
    assert found.distances[0, 1] == pytest.approx(alone[name], rel=1e-5)
