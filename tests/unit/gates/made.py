"""Helpers that create two runs over the same pairs without images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from eyediff.gates import Baseline, Earlier, read_earlier
from eyediff.output import row_sink
from eyediff.records import Failure, Row, ScoredPair, Summary
from tests.unit.output.samples import HEADER, pair

Scores = Mapping[str, tuple[float, float] | None]
"""LPIPS and PSNR of each pair, or None for a pair that failed."""


def rows(scores: Scores) -> Iterable[Row]:
    for name, values in scores.items():
        if values is None:
            yield Failure(pair(name), "read", "torn")
        else:
            yield ScoredPair(pair(name), 64, 64, dict(zip(HEADER.metrics, values, strict=True)))


def run_to(path: Path, scores: Scores) -> Path:
    """Write the results of a run with these scores, as `-o` writes them."""
    kinds = {".jsonl": "jsonl", ".csv": "csv", ".json": "json"}
    written = row_sink(kinds[path.suffix], path)  # type: ignore[arg-type]
    written.open(HEADER)
    for row in rows(scores):
        written.write(row)
    written.close(Summary(len(scores), 0, {}))
    return path


def earlier(tmp_path: Path, scores: Scores) -> Earlier:
    return read_earlier(run_to(tmp_path / "old.jsonl", scores))


def against(before: Earlier, scores: Scores, **tolerances: float) -> Baseline:
    """Compare a complete run with an earlier run."""
    baseline = Baseline(before, HEADER, tolerances)
    baseline.open(HEADER)
    for row in rows(scores):
        baseline.write(row)
    baseline.close(Summary(len(scores), 0, {}))
    return baseline
