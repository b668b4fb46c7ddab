"""Tests of references that occur in several pairs.

Their features are computed once, and their scores are exactly those of separate pairs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from eyediff import images, weights
from eyediff.engines.network_engine import NetworkEngine
from eyediff.engines.onnx_runner import OnnxRunner
from eyediff.metrics import lpips
from eyediff.metrics.backbones import ALEX
from eyediff.records import Features, Numbers, Pair, Pixels, ScoredPair
from eyediff.run import compare
from eyediff.scoring.references import ReferenceCache
from tests.golden.lpips_cases import seeded_parameters
from tests.unit.run.fakes import Engine, Kept, job


class Looker(Engine):
    """The fake engine with a method that computes features. It counts the calls."""

    def __init__(self, can: bool = True) -> None:
        super().__init__()
        self.can, self.looks, self.against_calls = can, 0, 0

    def look(self, x: Pixels) -> Features | None:
        self.looks += 1
        return (x.astype(np.float32),) if self.can else None

    def against(self, seen: Features, b: Pixels) -> Numbers:
        self.against_calls += 1
        found: Numbers = ((seen[0].astype(np.float64) - b.astype(np.float64)) ** 2).mean((1, 2, 3))
        return found


def file_against(count: int) -> list[Pair]:
    """Return `count` pairs of one reference and different candidates."""
    return [Pair(f"p{i:02}.png", Path("a.png"), Path(f"b/p{i:02}.png")) for i in range(count)]


@pytest.mark.parametrize("side", [4, 1200])
def test_a_reference_is_looked_at_once(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The features of a repeated reference are computed once, and the rows equal those of separate pairs.

    Small images share a batch, and each large image has its own call.
    """
    from tests.unit.run.fakes import Reader

    engine, plain, kept, expected = Looker(), Engine(), Kept(), Kept()
    size = (side, side)
    compare(job(file_against(5), Reader(lambda _: size), engines={"mse": engine}), [kept])
    compare(job(file_against(5), Reader(lambda _: size), engines={"mse": plain}), [expected])
    assert kept.scores == expected.scores
    assert engine.looks == 1
    # The first pair of large images is compared from pixels, because its reference has occurred only once so far.
    assert sum(shape[0] for shape in engine.batches) == (0 if side == 4 else 1)


def test_references_that_come_once_are_not_looked_at() -> None:
    """No features are computed for references that occur once, because a comparison from pixels is faster."""
    engine, kept = Looker(), Kept()
    found = [Pair(f"p{i}", Path(f"a{i}"), Path(f"b{i}")) for i in range(6)]
    compare(job(found, engines={"mse": engine}), [kept])
    assert engine.looks == 0 and len(kept.rows) == 6


def test_an_engine_that_cannot_look_compares_pairs() -> None:
    """If the features do not fit in memory, the engine is asked once, and every pair is computed from pixels."""
    engine, kept, expected = Looker(can=False), Kept(), Kept()
    compare(job(file_against(5), engines={"mse": engine}), [kept])
    compare(job(file_against(5)), [expected])
    assert kept.scores == expected.scores
    assert (engine.looks, engine.against_calls) == (1, 0)


def test_an_engine_that_fails_to_look_costs_rows_not_the_run() -> None:
    """An error of `look` fails pairs, but not the run. The message is one line that names the metric."""

    class Broken(Looker):
        def look(self, x: Pixels) -> Features | None:
            raise RuntimeError("no more memory")

    kept = Kept()
    compare(job(file_against(3), engines={"mse": Broken()}), [kept])
    assert any("mse: RuntimeError: no more memory" in failure.message for failure in kept.failures)
    assert len(kept.rows) == 3


def test_pictures_are_told_apart_by_identity_not_by_content() -> None:
    """Arrays with equal pixels are different references. A new array is not mistaken for an array that was deleted."""
    references = ReferenceCache()
    a, b = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    first, second, third = references.track([a, b, a])
    assert first is third and first is not second
    assert references.track([a, b]) == [first, second]
    assert (first.times, second.times) == (3, 2)
    del a
    fresh = np.zeros((2, 2, 3), np.uint8)
    (new,) = references.track([fresh])
    assert new.times == 1


@pytest.mark.parametrize("transparent", [False, True])
def test_files_score_as_separate_pairs_to_the_last_bit(tmp_path: Path, transparent: bool) -> None:
    """With a network, files with one reference have exactly the scores of separate pairs.

    Transparent images are compared on both backgrounds.
    """
    random = np.random.RandomState(3)
    (tmp_path / "b").mkdir()
    (tmp_path / "copies").mkdir()
    shape = (40, 50, 4 if transparent else 3)
    PILImage.fromarray(random.randint(0, 256, shape).astype(np.uint8)).save(tmp_path / "a.png")
    found, copies = [], []
    for name in ("0.png", "1.png", "2.png", "3.png"):
        PILImage.fromarray(random.randint(0, 256, shape).astype(np.uint8)).save(tmp_path / "b" / name)
        (tmp_path / "copies" / name).write_bytes((tmp_path / "a.png").read_bytes())
        found.append(Pair(name, tmp_path / "a.png", tmp_path / "b" / name))
        copies.append(Pair(name, tmp_path / "copies" / name, tmp_path / "b" / name))
    network = lpips.Network(ALEX, seeded_parameters(ALEX), weights.load_heads("alex", "0.1"))
    engine = NetworkEngine(OnnxRunner("cpu", 2), network)
    kept, separate = Kept(), Kept()
    for pairs, sink in ((found, kept), (copies, separate)):
        compare(job(pairs, images.read, engines={"mse": engine}), [sink])
    assert all(isinstance(row, ScoredPair) for row in kept.rows)
    assert kept.scores == separate.scores
