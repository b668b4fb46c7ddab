"""Tests of the table of supervision for lpips-mini, with generated photos and triplets of known order."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from eyediff import votes
from eyediff.errors import OutputError, UsageError
from eyediff.evaluation import agreement as judging
from eyediff.evaluation.weight_sources import WeightSourceSettings, compare
from eyediff.metrics.backbones import SQUEEZE
from eyediff.training.init import kmeans
from eyediff.votes.ordered_triplets import write_ordered_triplets
from eyediff.weights import read_metric, write_metric
from tests.cli.test_compare import call  # noqa: F401 - a fixture
from tests.golden.lpips_cases import seeded_parameters
from tests.unit.distortions.scenes import photos_in


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return photos_in(tmp_path_factory.mktemp("photos"), 3, 160)


@pytest.fixture(scope="module")
def table(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ordered_triplets(tmp_path_factory.mktemp("votes") / "study", photos, 3, 0)


def test_triplets_of_known_order(photos: Path, table: Path, tmp_path: Path) -> None:
    """A study has six subsets of three triplets with unanimous votes.

    The same seed gives the same bytes, and no study is overwritten.
    """
    study = votes.read_study(table, "2afc")
    assert len(study.subsets) == 6 and len(study.items) == 18
    assert {item.share for item in study.triplets} == {0.0, 1.0}
    again = write_ordered_triplets(tmp_path / "again", photos, 3, 0).parent
    assert all((again / file.name).read_bytes() == file.read_bytes() for file in table.parent.iterdir())
    with pytest.raises(OutputError, match="exists already"):
        write_ordered_triplets(again, photos, 3, 0)


def test_the_table_is_what_eval_says(
    photos: Path, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score of each origin is that of its metric in `judge`.

    Several seeds give the mean, the lowest and the highest score. Existing weights are used again.
    """
    monkeypatch.setattr(kmeans, "CROPS", 8)
    study, folder = votes.read_study(table, "2afc"), tmp_path / "kept"
    how = judging.EvaluationOptions(resamples=20)
    found = compare(study, WeightSourceSettings("mini", photos, seeds=2), how, folder)
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == [
        "gaussian-mini-0.safetensors", "gaussian-mini-1.safetensors", "kmeans-mini-0.safetensors",
        "kmeans-mini-1.safetensors",
    ]  # fmt: skip
    assert read_metric(files[2]).description.provenance["photos"] == 3
    cells = {(cell.origin, cell.subset): cell for cell in found.cells}
    plain = judging.judge(study, ["lpips-mini", *map(str, files), "psnr"], resamples=20)
    assert cells["supervised, votes", "mean"].score == plain.line("lpips-mini", "mean", "agreement").value
    assert cells["psnr", "noise"].low == plain.line("psnr", "noise", "agreement").low
    two = [plain.line(str(file), "mean", "agreement").value for file in files[2:]]
    cell = cells["k-means", "mean"]
    assert (cell.score, cell.least, cell.most, cell.low) == (pytest.approx(sum(two) / 2), min(two), max(two), None)
    before = [file.stat().st_mtime_ns for file in files]
    compare(study, WeightSourceSettings("mini", photos, seeds=2), how, folder)
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_command(call, table: Path, tmp_path: Path) -> None:  # noqa: F811
    """Without photos, the table has no k-means. An imported network of another backbone is refused."""
    write_metric(tmp_path / "x.safetensors", trunk="squeeze", mode="imported", provenance={},
                 parameters=seeded_parameters(SQUEEZE))  # fmt: skip
    said = call("eval", "supervision", table, "--trunk", "mini", "--seeds", "1", "--bootstrap", "0", "-f", "csv")
    origins = list(dict.fromkeys(row["origin"] for row in csv.DictReader(said.out.splitlines())))
    assert said.code == 0
    assert origins == ["human", "majority", "supervised, votes", "Gaussian", "l2", "ssim", "psnr"]
    said = call("eval", "supervision", table, "--trunk", "mini", "--imported", tmp_path / "x.safetensors")
    assert said.code == 2 and "is not a metric file for the backbone mini" in said.err
    assert "Gaussian" in call("eval", "supervision", table, "--trunk", "mini", "--seeds", "2", "--bootstrap", "0").out


def test_plans_that_cannot_be(table: Path, tmp_path: Path) -> None:
    """An unknown backbone and a number of 0 seeds are refused."""
    for plan in (WeightSourceSettings("resnet"), WeightSourceSettings(seeds=0)):
        with pytest.raises(UsageError, match="expected one of alex"):
            compare(votes.read_study(table, "2afc"), plan, judging.EvaluationOptions(), tmp_path)
