"""Merge the rows of the frames of two animations into one row, which has the worst score of each metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records import Failure, Header, Row, ScoredPair


def merge_frames(rows: Sequence[Row], header: Header) -> tuple[Row, int]:
    """Return one row for a pair of animations, and the index of the frame that the pictures of a report show.

    Parameters
    ----------
    rows
        One row for each frame, in order. There must be at least one row.
    header
        Header of the run, which says for each metric whether higher is better.

    Returns
    -------
    Row
        Row with the worst score of each metric, and a note that states the frame of this score. If a metric cannot
        score one of the frames, the metric has no score. If a frame has no score at all, the row is a failure, because
        differences in this frame would be missed.
    int
        Index of the worst frame by the first metric that has a score.
    """
    pair, scored = rows[0].pair, list[ScoredPair]()
    for number, row in enumerate(rows, 1):
        if isinstance(row, Failure):
            return Failure(pair, row.stage, f"frame {number}: {row.message}", row.width, row.height), number - 1
        scored.append(row)
    worst: dict[str, int] = {}
    reasons: dict[str, str] = {}
    for name in header.metrics:
        lacking = next((index for index, row in enumerate(scored) if name in row.reasons), None)
        if lacking is not None:
            reasons[name] = f"frame {lacking + 1}: {scored[lacking].reasons[name]}"
        else:
            choose = min if header.higher_is_better[name] else max
            worst[name] = choose(range(len(scored)), key=lambda index: scored[index].scores[name])
    first = scored[0]
    if not worst:
        message = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return Failure(pair, "score", message, first.width, first.height), 0
    of = worst_note(f"{len(rows)} frames", {name: f"{index + 1}" for name, index in worst.items()})
    merged = ScoredPair(
        pair,
        first.width,
        first.height,
        {name: scored[index].scores[name] for name, index in worst.items()},
        (of, *dict.fromkeys(note for row in scored for note in row.notes)),
        reasons,
        regions={name: found for name, index in worst.items() if (found := scored[index].regions.get(name))},
    )
    return merged, next(iter(worst.values()))


def worst_note(of: str, worst: Mapping[str, str]) -> str:
    """Return a note that states which score of each metric counts, such as "worst of 4 frames: 2 (psnr), 3 (ssim)"."""
    metrics: dict[str, list[str]] = {}
    for metric, place in worst.items():
        metrics.setdefault(place, []).append(metric)
    places = (place if len(metrics) == 1 else f"{place} ({', '.join(names)})" for place, names in metrics.items())
    return f"worst of {of}: {', '.join(places)}"
