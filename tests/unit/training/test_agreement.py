"""The figures of the model card."""

from __future__ import annotations

from eyediff.training.distillation.agreement import agreement, markdown, table
from eyediff.training.distillation.evaluate import Measurement


def measured(kind: str, *pairs: tuple[float, float]) -> list[Measurement]:
    """Triples of 64 pixels out of (wanted, given), two pairs a triple."""
    return [Measurement(64, kind, i // 2, 0.5, wanted, given) for i, (wanted, given) in enumerate(pairs)]


def test_order_counts_triples_that_have_one() -> None:
    """A triple is ordered where both networks prefer the same candidate; where alex prefers none it does not count."""
    found = measured("jpeg", (0.1, 0.2), (0.3, 0.4), (0.5, 0.1), (0.2, 0.3), (0.2, 0.1), (0.2, 0.5))
    assert agreement(64, "jpeg", found).ordered == 0.5


def test_table_and_its_text() -> None:
    """The tables hold every kind, and mark what was held out."""
    found = measured("jpeg", (0.1, 0.1), (0.3, 0.4)) + measured("speckle", (0.1, 0.2), (0.3, 0.2))
    text = markdown(table(found + measured("unrelated", (0.7, 0.7), (0.8, 0.9))))
    assert "| all | 64 | 6 |" in text
    assert "| speckle (held out) |" in text
    assert "| jpeg | 1.000, 0.050 |" in text
    unrelated = next(line for line in table(measured("unrelated", (0.7, 0.7), (0.8, 0.9))) if line.name == "unrelated")
    assert unrelated.ordered is None
