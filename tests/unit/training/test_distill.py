"""The recipe on a handful of generated pictures: it learns, goes on where it stopped, and writes what can be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.numpy_runner import NumpyRunner
from eyediff.errors import OutputError, ResumeError, UsageError, WeightsError
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX, MINI
from eyediff.metrics.ops import Array
from eyediff.output.files import Lock
from eyediff.training.distillation import distill as room
from eyediff.training.distillation.evaluate import Measurement
from eyediff.training.distillation.log import LOG
from eyediff.training.distillation.pair_dataset import CHUNK, Deck, Plan
from eyediff.training.distillation.recipe import Recipe
from eyediff.training.distillation.run import Run, batch_indices, learning_rate
from eyediff.training.distillation.student_network import initial, read_network, weights

from ..distortions.scenes import photos_in

SHORT = Recipe(steps=40, sides=(64, 128), groups=(40, 8), turns=(64, 128), warmup=4, seed=3)


def seeded_teacher() -> lpips.Network:
    """AlexNet with parameters out of a seed: a teacher that needs no file."""
    parts = weights(initial(ALEX, 11))
    heads = tuple(parts.pop(f"head/{index}") for index in range(len(ALEX.taps)))
    return lpips.Network(ALEX, parts, heads)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six generated photos."""
    return photos_in(tmp_path_factory.mktemp("photos"), 6, 192)


@pytest.fixture(scope="module")
def decks(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Deck]:
    """Pairs of both sides with the seeded teacher's values."""
    folder = tmp_path_factory.mktemp("decks")
    made = []
    for side, count in zip(SHORT.sides, SHORT.groups, strict=True):
        deck = Deck(folder / str(side), Plan(SHORT.seed, side, count))
        assert list(deck.fill(sorted(photos.iterdir()), seeded_teacher(), 1))[-1] == count
        made.append(deck)
    return made


def steps(run: Run, number: int) -> list[float]:
    return [run.advance()[0] for _ in range(number)]


def same(a: dict[str, Array], b: dict[str, Array]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def test_deck_holds_the_teachers_values(decks: list[Deck]) -> None:
    """Pairs are made whole, and their values are those of the oracle in double precision, up to float32 rounding: about
    10,000 products a feature in other order leave 1e-5 of a value."""
    deck = decks[0]
    assert not deck.missing(CHUNK)
    engine = NetworkEngine(NumpyRunner(), seeded_teacher())
    pixels = np.array(deck.pixels[:2])
    expected = engine.distances(pixels[:, 0], pixels[:, 1])
    np.testing.assert_allclose(deck.totals[:2, 0], expected, rtol=1e-4, atol=1e-6)


def test_maps_average_to_the_distance_where_cells_divide_the_grids(decks: list[Deck]) -> None:
    """At 64 pixels AlexNet's first and last grids, 15 x 15 and 3 x 3, divide into 3 x 3 cells; the second, 7 x 7, does
    not, so that mean and distance differ by less than a tenth, and are equal for identical pictures."""
    means = decks[0].maps.mean((2, 3))
    np.testing.assert_allclose(means, decks[0].totals, rtol=0.1, atol=1e-3)


def test_finished_deck_is_not_made_again(decks: list[Deck]) -> None:
    """A deck whose pairs are all there asks nobody for anything."""
    assert list(decks[0].fill([], seeded_teacher(), 1)) == []


def test_deck_of_another_plan_is_refused(decks: list[Deck]) -> None:
    """Pairs made with other settings are not taken for these."""
    with pytest.raises(ResumeError, match="other settings"):
        Deck(decks[0].folder, Plan(SHORT.seed + 1, 64, SHORT.groups[0]))


def test_loss_falls(decks: list[Deck]) -> None:
    """After 40 steps on a few pictures the loss is at most two thirds of what it began with."""
    losses = steps(Run(SHORT, decks), 40)
    assert np.mean(losses[-8:]) < 2 / 3 * np.mean(losses[:8])


def test_resumed_run_is_the_same_to_the_last_bit(decks: list[Deck], tmp_path: Path, one_thread: None) -> None:
    """A run that is saved, loaded and gone on with gives exactly what an unbroken one gives."""
    whole, first = Run(SHORT, decks), Run(SHORT, decks)
    losses = steps(whole, 12)
    steps(first, 7)
    first.save(tmp_path / "run.safetensors")
    second = Run(SHORT, decks)
    second.load(tmp_path / "run.safetensors")
    assert steps(second, 5) == losses[7:]
    assert same(whole.weights(), second.weights())


def test_other_seed_gives_another_network() -> None:
    """The seed decides the first weights, and the same seed gives the same."""
    one, again, other = (weights(initial(MINI, seed)) for seed in (0, 0, 1))
    assert same(one, again)
    assert not same(one, other)


def test_run_of_another_recipe_is_not_resumed(decks: list[Deck], tmp_path: Path) -> None:
    """Settings may not change between the parts of a run, except the number of steps."""
    path = tmp_path / "run.safetensors"
    Run(SHORT, decks).save(path)
    Run(Recipe(**{**SHORT_FIELDS, "steps": 99}), decks).load(path)
    with pytest.raises(ResumeError, match="was begun as"):
        Run(Recipe(**{**SHORT_FIELDS, "rate": 1e-3}), decks).load(path)


SHORT_FIELDS = {name: getattr(SHORT, name) for name in Recipe.__slots__}


def test_rate_is_level_until_it_falls() -> None:
    """Steps that come before the fall do not depend on how many there will be, so that a run can be made longer."""
    short, long = Recipe(steps=1000), Recipe(steps=2000)
    assert [learning_rate(short, step) for step in range(640)] == [learning_rate(long, step) for step in range(640)]
    assert learning_rate(short, 0) < learning_rate(short, 400) == short.rate
    assert learning_rate(short, 999) < 0.02 * short.rate


def test_every_epoch_sees_every_group_once(decks: list[Deck]) -> None:
    """Batches of an epoch share no group; the next epoch has another order."""
    deck = decks[1]
    size = len(batch_indices(deck, 0))
    assert size == 8
    assert sorted(batch_indices(deck, 0)) == list(range(8))
    big = decks[0]
    assert batch_indices(big, 0) != batch_indices(big, 1)


def test_whole_command_from_photos_to_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    """Weights, log and saved run are written; a run is not overwritten unasked; a finished one is not done again."""
    monkeypatch.setattr(room, "teacher", seeded_teacher)
    recipe = Recipe(steps=6, sides=(64, 128), groups=(8, 2), turns=(64, 128), warmup=2)
    output, work = tmp_path / "mini.safetensors", tmp_path / "work"
    told: list[tuple[str, int, int]] = []

    def go(resume: bool) -> None:
        room.distill(photos, output, work, recipe, resume=resume, workers=1, report=lambda *what: told.append(what))

    go(resume=False)
    assert told[-1] == ("steps", 6, 6)
    assert {stage for stage, _, _ in told} == {"pairs", "steps"}
    made = read_network(output)
    assert made.trunk is MINI
    assert all((head >= 0).all() for head in made.heads or ())
    assert json.loads((work / LOG).read_text().splitlines()[-1])["step"] == 6
    with pytest.raises(ResumeError, match="--resume"):
        go(resume=False)
    before = output.read_bytes()
    lines = (work / LOG).read_text()
    (work / LOG).write_text(lines + '{"step": 7, "distance": 1, "maps": 1}\n')  # lost with a crash before saving
    told.clear()
    go(resume=True)
    assert told == []
    assert output.read_bytes() == before
    assert (work / LOG).read_text() == lines


def test_a_folder_that_another_run_works_in_is_refused(photos: Path, tmp_path: Path) -> None:
    """Two runs in one folder would each save over the other: the second ends before any work, the folder as it was."""
    work = tmp_path / "work"
    work.mkdir()
    lock = Lock(work / room.SAVED)
    try:
        with pytest.raises(OutputError, match="another run"):
            room.distill(photos, tmp_path / "m", work, SHORT, resume=True, workers=1, report=lambda *what: None)
    finally:
        lock.release()
    assert not (tmp_path / "m").exists() and list(work.glob("pairs*")) == []


def refused(photos: Path, output: Path, work: Path, error: type[Exception], why: str) -> None:
    """Before any work: there is not even a folder for it."""
    with pytest.raises(error, match=why):
        room.distill(photos, output, work, SHORT, resume=False, workers=1, report=lambda *_: None)
    assert not work.exists()


def test_an_output_that_is_not_ours_is_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    """A text, another's weights, a folder, a pipe, which is not waited for: each stays as it was."""
    from safetensors.numpy import save_file

    (tmp_path / "text").write_text("mine")
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "weights", {"format": "pt"})
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = (tmp_path / "weights").read_bytes()
    for name in ("text", "weights", "folder", "pipe"):
        why = f"{name} exists and is no network that eyediff distilled"
        refused(photos, tmp_path / name, tmp_path / "work", WeightsError, why)
    assert (tmp_path / "text").read_text() == "mine" and (tmp_path / "weights").read_bytes() == before


def test_an_output_that_cannot_be_written_is_refused_before_the_work(photos: Path, tmp_path: Path) -> None:
    """A file where its folder should be, and a name that a part could not have; a plot without a folder, too."""
    from eyediff.cli.distill import distill

    (tmp_path / "file").touch()
    for name in ("file/m", "x" * 240):
        refused(photos, tmp_path / name, tmp_path / "work", OutputError, "cannot write")
    with pytest.raises(OutputError, match=r"x\.png: there is no folder"):
        distill(photos, tmp_path / "m", plot=tmp_path / "none" / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_pictures_of_a_run_and_of_an_evaluation(tmp_path: Path) -> None:
    """Both drawings are written as pictures."""
    pytest.importorskip("matplotlib")
    from eyediff.training.distillation import plots as drawing

    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1, "distance": 0.2, "maps": 0.3}\n{"step": 2, "distance": 0.1, "maps": 0.2}\n')
    drawing.losses(log, tmp_path / "log.png")
    found = [Measurement(side, "jpeg", i, 0.5, i / 10, i / 9) for side in (64, 128) for i in range(8)]
    drawing.scatter(found, tmp_path / "scatter.png")
    for name in ("log.png", "scatter.png"):
        with Image.open(tmp_path / name) as drawn:
            assert drawn.size[0] > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "-o"), ({"output": Path("x"), "weights": Path("y")}, "--evaluate")],
)
def test_calls_that_cannot_be_meant(options: dict[str, Path], message: str, photos: Path) -> None:
    """Training needs somewhere to write; weights to measure need --evaluate."""
    from eyediff.cli.distill import distill

    with pytest.raises(UsageError, match=message):
        distill(photos, **options)
