"""Tests of the recipe on a few generated pictures: the loss falls, runs are resumed, and files can be read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from eyediff.cli import run
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.errors import DeviceError, OutputError, ResumeError, UsageError, WeightsError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX, MINI
from eyediff.metrics.ops import Array
from eyediff.output.files import Lock
from eyediff.training.distillation import distill as room
from eyediff.training.distillation import recipe as recipe_file
from eyediff.training.distillation.evaluate import Measurement
from eyediff.training.distillation.log import LOG
from eyediff.training.distillation.pair_dataset import CHUNK, DatasetBuilder, DatasetPlan, PairDataset
from eyediff.training.distillation.pair_distances import map_side
from eyediff.training.distillation.recipe import DistillationRecipe
from eyediff.training.distillation.run import BatchSampler, DistillationRun
from eyediff.training.distillation.student_network import initial_parameters, read_network, weights

from ..distortions.scenes import photos_in

CPU = torch.device("cpu")
SHORT = DistillationRecipe(steps=40, sides=(64, 128), groups=(40, 8), turns=(64, 128), batch=8, seed=3)


def seeded_teacher() -> lpips.Network:
    """Return AlexNet with seeded parameters: a teacher that needs no file."""
    parts = weights(initial_parameters(ALEX, 11))
    heads = tuple(parts.pop(f"head/{index}") for index in range(len(ALEX.taps)))
    return lpips.Network(ALEX, parts, heads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of six generated photos."""
    return photos_in(tmp_path_factory.mktemp("photos"), 6, 192)


@pytest.fixture(scope="module")
def datasets(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[PairDataset]:
    """Return complete datasets of both sides."""
    folder = tmp_path_factory.mktemp("groups")
    made = [
        PairDataset(folder / str(side), DatasetPlan(SHORT.seed, side, count))
        for side, count in zip(SHORT.sides, SHORT.groups, strict=True)
    ]
    with DatasetBuilder(made, [sorted(photos.iterdir())], 1) as builder:
        for dataset in made:
            builder.wait(dataset, dataset.plan.count)
    return made


def sampler(datasets: list[PairDataset], recipe: DistillationRecipe = SHORT) -> BatchSampler:
    return BatchSampler(recipe, datasets, DatasetBuilder(datasets, [], 1), seeded_teacher(), CPU)


def begin(datasets: list[PairDataset], recipe: DistillationRecipe = SHORT) -> DistillationRun:
    return DistillationRun(recipe, sampler(datasets, recipe))


def steps(run: DistillationRun, number: int) -> list[float]:
    return [float(run.advance()["distance"]) for _ in range(number)]


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_batches_hold_the_teachers_values(datasets: list[PairDataset]) -> None:
    """The distances of a batch are those of the oracle in double precision, to the rounding of float32.

    A feature is a sum of about 10,000 products. Another order of the sum changes it by 1e-5 of its value.
    """
    pixels, expected = sampler(datasets).batch(0)
    engine = NetworkEngine(NumpyRunner(), seeded_teacher())
    groups = pixels.numpy()
    oracle = engine.distances(np.ascontiguousarray(groups[:2, 0]), np.ascontiguousarray(groups[:2, 1]))
    np.testing.assert_allclose(expected.distances[:2, 0], oracle, rtol=1e-4, atol=1e-6)


def test_maps_average_to_the_distance_where_cells_divide_the_grids(datasets: list[PairDataset]) -> None:
    """The mean of a map is close to the distance.

    At 64 pixels, AlexNet's first and last layers have 15 x 15 and 3 x 3 positions, which divide into 3 x 3 cells. The
    second layer has 7 x 7 positions, which do not. So mean and distance differ by less than a tenth. They are equal for
    identical pictures.
    """
    _, expected = sampler(datasets).batch(0)
    np.testing.assert_allclose(expected.maps.mean((2, 3)), expected.distances, rtol=0.1, atol=1e-3)
    assert expected.maps.shape[-1] == map_side(64) == 3


def test_crops_are_of_groups_that_are_ready(datasets: list[PairDataset]) -> None:
    """A step uses as many groups as the recipe allows, with crops of the side of its turn.

    The same step gives the same crops again.
    """
    source = sampler(datasets)
    assert source.crops(0).shape == (2, 4, 64, 64, 3)  # 1/64 of 40 groups is less than the required 2
    assert source.crops(8000).shape == (8, 4, 64, 64, 3)
    assert source.crops(8001).shape == (2, 4, 128, 128, 3)
    np.testing.assert_array_equal(source.crops(8000), sampler(datasets).crops(8000))
    assert (source.crops(8000) != source.crops(8002)).any()


def test_dataset_that_is_complete_is_not_made_again(datasets: list[PairDataset]) -> None:
    """A builder of complete datasets starts no process, and needs no pictures."""
    assert not any(dataset.missing(CHUNK) for dataset in datasets)
    DatasetBuilder(datasets, [], 1).wait(datasets[0], SHORT.groups[0])


def test_what_keeps_a_worker_from_making_groups_is_raised(tmp_path: Path) -> None:
    """A picture that cannot be used ends the run, which does not wait for groups that are never made."""
    Image.new("RGB", (60, 50)).save(tmp_path / "small.png")
    dataset = PairDataset(tmp_path / "groups", DatasetPlan(0, 64, 2))
    with pytest.raises(UsageError, match=r"small\.png: 60x50 is too small"):
        DatasetBuilder([dataset], [[tmp_path / "small.png"]], 1).wait(dataset, 2)


def test_builder_stops_when_the_run_is_over(photos: Path, tmp_path: Path) -> None:
    """A run that ends early does not make all remaining groups."""
    dataset = PairDataset(tmp_path / "groups", DatasetPlan(0, 64, 64 * CHUNK))
    with DatasetBuilder([dataset], [sorted(photos.iterdir())], 1) as builder:
        builder.wait(dataset, CHUNK)
    assert CHUNK <= dataset.ready < 8 * CHUNK


def test_dataset_of_another_plan_is_refused(datasets: list[PairDataset]) -> None:
    """Groups that were made with other settings are refused."""
    with pytest.raises(ResumeError, match="other settings"):
        PairDataset(datasets[0].folder, DatasetPlan(SHORT.seed + 1, 64, SHORT.groups[0]))


def test_loss_falls(datasets: list[PairDataset], monkeypatch: pytest.MonkeyPatch) -> None:
    """After 40 steps on a few pictures, the loss is less than two thirds of the first losses."""
    monkeypatch.setattr("eyediff.training.distillation.recipe.WARMUP", 4)
    losses = steps(begin(datasets), 40)
    assert np.mean(losses[-8:]) < 2 / 3 * np.mean(losses[:8])


def test_resumed_run_is_the_same_to_the_last_bit(datasets: list[PairDataset], tmp_path: Path, one_thread: None) -> None:
    """A run that is saved, loaded and continued gives exactly the values of an uninterrupted run."""
    unbroken, first = begin(datasets), begin(datasets)
    losses = steps(unbroken, 12)
    steps(first, 7)
    first.save(tmp_path / "run.safetensors")
    second = begin(datasets)
    second.load(tmp_path / "run.safetensors")
    assert steps(second, 5) == losses[7:]
    assert same(unbroken.student.weights(), second.student.weights())


def test_other_seed_gives_another_network() -> None:
    """The seed decides the first weights. The same seed gives the same weights."""
    one, again, other = (weights(initial_parameters(MINI, seed)) for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


def test_run_of_another_recipe_is_not_resumed(
    datasets: list[PairDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resumed run must have the same settings and constants as before. Only its length may differ."""
    path = tmp_path / "run.safetensors"
    begin(datasets).save(path)
    begin(datasets, replace(SHORT, steps=99)).load(path)
    with pytest.raises(ResumeError, match=r"the settings \{'rate': 0.002\}, but this run has \{'rate': 0.001\}"):
        begin(datasets, replace(SHORT, rate=1e-3)).load(path)
    monkeypatch.setattr(recipe_file, "PLAIN_WEIGHT", 0.5)
    with pytest.raises(ResumeError, match=r"\{'plain_weight': 1.0\}, but this run has \{'plain_weight': 0.5\}"):
        begin(datasets).load(path)


def test_rate_rises_stays_and_falls() -> None:
    """The rate rises over 300 steps, is constant, and falls to 1/200."""
    recipe = DistillationRecipe()
    assert recipe.rate_at(0, 0) < 0.01 * recipe.rate
    assert recipe.rate_at(300, 0.01) == recipe.rate_at(10_000, 0.4) == recipe.rate
    assert recipe.rate_at(20_000, 0.7) == pytest.approx(recipe.rate / 2)
    assert recipe.rate_at(30_000, 1) == pytest.approx(recipe.rate / 200)


def test_run_with_a_time_limit_ends_by_the_clock(datasets: list[PairDataset]) -> None:
    """The progress of a run with a time limit is the share of its minutes, whatever the number of steps."""
    run = begin(datasets, replace(SHORT, minutes=2))
    steps(run, 2)
    assert run.progress == 0
    run.seconds = 90
    assert run.progress == 0.75
    run.seconds = 150
    assert run.progress == 1


def test_cuda_that_is_not_there_is_refused() -> None:
    """A missing device is refused. Only `auto` selects another device."""
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert room.select_device("auto") == room.select_device("cpu") == CPU
    with pytest.raises(DeviceError, match="no CUDA device"):
        room.select_device("cuda")


def test_whole_command_from_photos_to_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """A run writes weights, a log and a checkpoint.

    A second run without `resume` is refused. A finished run is not repeated. Lines of the log after the checkpoint are
    removed.
    """
    monkeypatch.setattr(room, "load_teacher", seeded_teacher)
    recipe = replace(SHORT, steps=6, groups=(8, 2), batch=2)
    output, work = tmp_path / "mini.safetensors", tmp_path / "work"
    progress: list[float] = []

    def go(resume: bool) -> None:
        room.distill([photos], output, work, recipe, resume=resume, workers=1, device=CPU, report=progress.append)

    go(resume=False)
    assert len(progress) == 6 and progress[-1] == 1
    made = read_network(output)
    assert made.trunk is MINI
    assert all((head >= 0).all() for head in made.heads or ())
    assert json.loads((work / LOG).read_text().splitlines()[-1])["step"] == 6
    with pytest.raises(ResumeError, match="already has a run"):
        go(resume=False)
    before = output.read_bytes()
    lines = (work / LOG).read_text()
    (work / LOG).write_text(
        lines + '{"step": 7, "distance": 1, "maps": 1, "order": 1}\n'
    )  # a crash lost this step, because it was not saved
    progress.clear()
    go(resume=True)
    assert progress == []
    assert output.read_bytes() == before
    assert (work / LOG).read_text() == lines


def test_a_folder_that_another_run_works_in_is_refused(photos: Path, tmp_path: Path) -> None:
    """A folder that another run uses is refused before any work, and stays unchanged.

    Two runs in one folder would overwrite each other's files.
    """
    work = tmp_path / "work"
    work.mkdir()
    lock = Lock(work / room.SAVED)
    try:
        with pytest.raises(OutputError, match="another run"):
            room.distill(
                [photos], tmp_path / "m", work, SHORT, resume=True, workers=1, device=CPU, report=lambda _: None
            )
    finally:
        lock.release()
    assert not (tmp_path / "m").exists() and list(work.glob("groups*")) == []


def refused(photos: Path, output: Path, work: Path, error: type[Exception], why: str) -> None:
    """Check that `distill` raises an error before any work, so that not even the work folder exists."""
    with pytest.raises(error, match=why):
        room.distill([photos], output, work, SHORT, resume=False, workers=1, device=CPU, report=lambda _: None)
    assert not work.exists()


def test_an_output_that_is_not_ours_is_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    """A text, other weights, a folder or a pipe is refused as the output, and stays unchanged.

    The command does not wait for the pipe.
    """
    (tmp_path / "text").write_text("mine")
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "weights", {"format": "pt"})
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = (tmp_path / "weights").read_bytes()
    for name in ("text", "weights", "folder", "pipe"):
        why = f"{name} exists and is not a network that eyediff distilled"
        refused(photos, tmp_path / name, tmp_path / "work", WeightsError, why)
    assert (tmp_path / "text").read_text() == "mine" and (tmp_path / "weights").read_bytes() == before


def test_weights_that_cannot_start_are_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    """Initial weights that do not fit are refused, and no folder is made.

    The error names the file, the first parameter that does not fit, and the expected parameters.
    """
    start = tmp_path / "other.safetensors"
    keywords = {"resume": False, "workers": 1, "device": CPU, "report": print}
    for name, said in (
        ("features.0.weight", r"features\.0\.weight has the shape \(64, 3, 11, 11\); expected \(32, "),
        ("features.10.weight", r"they have unknown parameters: 'features\.10\.weight'; "),
    ):
        save_file({name: np.zeros((64, 3, 11, 11), np.float32)}, start)
        with pytest.raises(WeightsError, match=rf"other\.safetensors: the weights do not fit Mini: {said}") as caught:
            room.distill([photos], tmp_path / "x", tmp_path / "work", SHORT, start=start, **keywords)
        assert str(caught.value).endswith(
            "another network, or to another version of it; expected the 14 parameters from features.0.weight to "
            "features.6.bias; give weights of this version of the network, or start without weights"
        )
    assert not (tmp_path / "work").exists()


def test_an_output_that_cannot_be_written_is_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    """An output that cannot be written is refused before any work.

    Its folder is a file, or its name is too long for a temporary file. A plot in a missing folder is refused, too.
    """
    from eyediff.cli.distill import distill

    (tmp_path / "file").touch()
    for name in ("file/m", "x" * 240):
        refused(photos, tmp_path / name, tmp_path / "work", OutputError, "cannot write")
    with pytest.raises(OutputError, match=r"x\.png: the folder"):
        distill([photos], tmp_path / "m", plot=tmp_path / "none" / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_pictures_of_a_run_and_of_an_evaluation(tmp_path: Path) -> None:
    """The plot of the losses and the scatter plot are written as images."""
    pytest.importorskip("matplotlib")
    from eyediff.training.distillation import plots as drawing

    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"step": {n}, "distance": {0.2 / n}, "maps": 0.3, "order": 0.1}}\n' for n in (1, 2)))
    drawing.draw_losses(log, tmp_path / "log.png")
    found = [Measurement("kodak", side, "jpeg", i, 0.5, i / 10, i / 9) for side in (64, 128) for i in range(8)]
    drawing.draw_scatter(found, tmp_path / "scatter.png")
    for name in ("log.png", "scatter.png"):
        with Image.open(tmp_path / name) as drawn:
            assert drawn.size[0] > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "-o"),
        ("-o x --weights y", "--evaluate"),
        ("-o x --rate inf", "--rate inf is not valid; expected a finite number, above 0 and at most 1"),
        ("-o x --rate 0", "--rate 0.0 is not valid"),
        ("-o x --minutes nan", "--minutes nan is not valid; expected a finite number, at least 0, such as 60"),
        ("-o x --minutes inf", "--minutes inf is not valid"),
        ("-o x --held-out y", "--evaluate"),
        ("--evaluate --held-out a/x --held-out b/x", "folders with different names"),
    ],
)
def test_calls_that_cannot_be_meant(
    options: str, message: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training needs an output, and a rate above 0 and at most 1.

    Options for an evaluation need --evaluate. Held-out folders need different names.
    """
    assert run(["distill", str(photos), *options.split()]) == 2
    assert message in capsys.readouterr().err
