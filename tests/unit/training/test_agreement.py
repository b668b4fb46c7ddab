"""Tests of the values and tables of the model card."""

from __future__ import annotations

from eyediff.distortions import UNRELATED
from eyediff.training.distillation.agreement import (
    agreement_by_distortion,
    agreement_by_source,
    format_markdown,
    measure_agreement,
)
from eyediff.training.distillation.evaluate import TRIPLES, UNRELATED_FACTOR, Measurement


def measurements(kind: str, *pairs: tuple[float, float], source: str = "kodak") -> list[Measurement]:
    """Return triples of 64 pixels from (expected, estimated), two pairs for each triple."""
    return [
        Measurement(source, 64, kind, i // 2, 0.5, expected, estimated) for i, (expected, estimated) in enumerate(pairs)
    ]


def test_order_counts_triples_that_have_one() -> None:
    """A triple counts as ordered if both networks prefer the same candidate.

    A triple whose distances by alex are equal does not count.
    """
    pairs = measurements("jpeg", (0.1, 0.2), (0.3, 0.4), (0.5, 0.1), (0.2, 0.3), (0.2, 0.1), (0.2, 0.5))
    assert measure_agreement("kodak", 64, "jpeg", pairs).ordered == 0.5


def test_tables_hold_every_source_and_kind() -> None:
    """Each source has lines of its own, and a family has one line for all sources.

    Held-out families are marked. Unrelated pairs have no order.
    """
    pairs = measurements("jpeg", (0.1, 0.1), (0.3, 0.4)) + measurements("speckle", (0.1, 0.2), (0.3, 0.2))
    pairs += measurements("unrelated", (0.7, 0.7), (0.8, 0.9)) + measurements(
        "jpeg", (0.2, 0.2), (0.4, 0.5), source="clic"
    )
    text = format_markdown(pairs)
    assert "| kodak | all | 64 | 6 |" in text
    assert "| clic | all | 64 | 2 |" in text
    assert "| speckle (held out) |" in text
    assert "| jpeg | 1.000, 0.050 |" in text
    unrelated = next(line for line in agreement_by_source(pairs) if line.name == "unrelated")
    assert unrelated.ordered is None
    assert unrelated.pairs == 2


def test_all_kinds_have_the_same_number_in_all() -> None:
    """The agreement on all pairs leaves out the further triples of unrelated pictures. Others use them."""
    count = TRIPLES[64]
    few = [Measurement("kodak", 64, "jpeg", i // 2, 0.5, i / 10, i / 9) for i in range(2 * count)]
    many = [
        Measurement("kodak", 64, UNRELATED, i // 2, 0.0, i / 10, i / 9) for i in range(2 * count * UNRELATED_FACTOR)
    ]
    pairs = {line.name: line.pairs for line in agreement_by_source([*few, *many])}
    assert pairs == {"all": 4 * count, "trained families": 2 * count, UNRELATED: 2 * count * UNRELATED_FACTOR}
    assert {line.name: line.pairs for line in agreement_by_distortion(many)} == {UNRELATED: len(many)}
