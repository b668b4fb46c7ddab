"""Rows of every kind, with every kind of file name."""

from __future__ import annotations

import math
from pathlib import Path

from eyediff.records import (
    Crossing,
    Failure,
    Header,
    MetricHeader,
    Pair,
    Row,
    ScoredPair,
    Statistics,
    Summary,
    Unmatched,
)

HEADER = Header(
    eyediff="0.1.0",
    metrics={
        "lpips": MetricHeader("0.1", "0123456789abcdef" * 4, "onnxruntime 1.32.0 cpu"),
        "psnr": MetricHeader("1", None, "numpy 2.4.6"),
    },
    size="refuse",
    higher_is_better={"lpips": False, "psnr": True},
)

STRANGE = 'a,"b"\nc\rd é \u2028 =1+1.png'
"""A file name with characters that are special in CSV, in JSON or on a terminal."""

UNDECODABLE = "caf\udce9.png"
"""A file name as Python decodes it. Its byte 0xE9 is not valid UTF-8."""


def pair(name: str) -> Pair:
    return Pair(name, Path("before") / name, Path("after") / name)


ROWS: list[Row] = [
    ScoredPair(pair("cat.png"), 640, 480, {"lpips": 0.1 + 0.2, "psnr": 18.04554}),
    ScoredPair(pair("same.png"), 64, 64, {"lpips": 0.0, "psnr": math.inf}, notes=("frame 1 of 3",)),
    Failure(pair("torn.png"), "read", "after/torn.png: truncated: 12 of 40 rows"),
    Failure(pair("tiny.png"), "size", "lpips needs sides of at least 31 pixels", 8, 8),
    ScoredPair(pair("tiny difference.png"), 64, 64, {"lpips": 1.25e-7, "psnr": -math.inf}),
]

STATISTICS = {
    "lpips": Statistics(0.1000000417, 1.25e-7, 0.1414, 0.0, 0.3, (0.0, 0.2), (("cat.png", 0.3), ("same.png", 0.0)), 2),
    "psnr": Statistics(math.inf, 18.0, None, 18.04554, math.inf, None, (("cat.png", 18.04554),), 2),
}

SUMMARY = Summary(
    count=5,
    failed=2,
    metrics=STATISTICS,
    unmatched=(Unmatched("reference", Path("before/alone.png")), Unmatched("candidate", Path("after/new.png"))),
    crossings=(Crossing("cat.png", "lpips", 0.3, 0.1), Crossing("cat.png", "psnr", 18.04554, 20.0)),
)
