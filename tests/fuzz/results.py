"""The readers of files that eyediff writes: baselines, parts of a run, indexes of folders, and scores of tables.

The first byte selects the reader. For an index, it also says whether the rest is the whole file or only the description
of its points.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from eyediff import output as reports
from eyediff import run, tables
from eyediff.errors import MergeError, UsageError
from eyediff.gates import read_earlier
from eyediff.output.read_rows import parse_record
from eyediff.output.schema import dump, json_row, pair_cells, pair_columns
from eyediff.records import Failure, ScoredPair, Summary, TableHeader, Unmatched
from eyediff.run.shards import names_sha256
from eyediff.sets import ImageSet, open_index
from eyediff.sets.store import _header
from tests.unit.gates.made import run_to
from tests.unit.output.samples import ROWS, STRANGE
from tests.unit.run.fakes import header, job, pairs
from tests.unit.sets import made

from .target import Target, refused

EARLIER, PART, PART_CSV, INDEX, ABOUT, SCORES = range(6)
SPLIT = b"\n-----\n"


def check(data: bytes, folder: Path) -> str:
    """Check the content with the reader that the first byte selects."""
    kind, content = data[0] % 6 if data else 0, data[1:]
    return (_earlier, _part, _part_csv, _index, _about, _scores)[kind](content, folder)


def _earlier(content: bytes, folder: Path) -> str:
    """Check that a pair has as many scores as there are names, not all of them NaN, or that a UsageError is raised."""
    path = folder / "old.csv"
    path.write_bytes(content)
    try:
        found = read_earlier(path)
    except UsageError as error:
        return refused(error, path)
    for scores in found.scores.values():
        assert scores is None or (len(scores) == len(found.names) and any(score == score for score in scores))
    return "read"


def _part(content: bytes, folder: Path) -> str:
    """Check that the rows can be written again, or that each line of the MergeError names a file."""
    (folder / "part.jsonl").write_bytes(_hashed(content))
    return _merged(folder / "part.jsonl")


def _part_csv(content: bytes, folder: Path) -> str:
    rows, _, card = content.partition(SPLIT)
    (folder / "part.csv").write_bytes(rows)
    (folder / "part.csv.shard").write_bytes(card)
    return _merged(folder / "part.csv")


def _merged(path: Path) -> str:
    try:
        found = run.MergedRows([path])
    except MergeError as error:
        for problem in error.problems:
            refused(MergeError(problem), path.name, "parts are missing")
        return "refused"
    rows = list(found)
    assert len(rows) == len(found)
    metrics = tuple(found.header.metrics)
    for row in rows:
        assert isinstance(row, (ScoredPair, Failure))
        text = dump(json_row(pair_columns(metrics), pair_cells(row, metrics)))
        assert parse_record(text, "jsonl", metrics).pair.name == row.pair.name
    return "read"


def _scores(content: bytes, folder: Path) -> str:
    """Check that a table can be rendered in every format, or that a UsageError is raised."""
    path = folder / "scores.jsonl"
    path.write_bytes(content)
    try:
        found = tables.StoredTable(path)
    except UsageError as error:
        return refused(error, path)
    sink = tables.ScoresByMethod(found.layout)
    assert found.write([sink]).count == len(found)
    for kind in tables.TABLE_FORMATS:
        assert tables.render(sink.summarise(), kind, per_group=True)
    return "read"


def _hashed(content: bytes) -> bytes:
    """Return the content with the hash of the names in its rows, so that the hash does not stop mutations."""
    first, _, rest = content.partition(b"\n")
    with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
        record = json.loads(first)
        names = [json.loads(line)["pair"] for line in rest.split(b"\n") if line]
        record["shard"]["part_sha256"] = names_sha256(names).hexdigest()
        return json.dumps(record).encode() + b"\n" + rest
    return content


def _index(content: bytes, folder: Path) -> str:
    """Check that an index has points for its names, or that a UsageError leaves the index unchanged."""
    source = _folder(folder)
    path = folder / "index"
    path.write_bytes(content)
    try:
        with open_index(made.job(), source, path) as found:
            assert len(found.names) == len(found.points)
            assert {*found.names, *(each.name for each in found.failed)} == set(source.names)
            assert found.shape.height > 0 and found.shape.width > 0
    except UsageError as error:
        assert path.read_bytes() == content
        return refused(error, path)
    return "read"


def _about(content: bytes, folder: Path) -> str:
    points = made.points(made.some(3)).astype("<f4")
    return _index(_header(*points.shape, len(content)) + points.tobytes() + content, folder)


def _folder(root: Path) -> ImageSet:
    """Create four tiny images with one time. One of the images is broken."""
    source = made.folder(root / "set", made.some(3))
    (source.folder / "03").write_text("broken")
    for path in source.folder.iterdir():
        os.utime(path, ns=(10**18, 10**18))
    return ImageSet(source.folder, [*source.names, "03"])


def seeds() -> Iterator[bytes]:
    """Yield valid files of each kind."""
    scores = {"a.png": (0.5, 20.0), STRANGE: (1e-7, np.inf), "torn.png": None}
    with TemporaryDirectory() as text:
        folder = Path(text)
        for suffix in (".csv", ".jsonl", ".json"):
            yield bytes([EARLIER]) + run_to(folder / f"old{suffix}", scores).read_bytes()
        alone = (Unmatched("reference", Path("a/alone.png")),)
        part = run.select_part(job(pairs(3), unmatched=alone), 1, 1)
        for kind, number in (("jsonl", PART), ("csv", PART_CSV)):
            path = folder / f"part.{kind}"
            for sink in [*reports.sidecars(part.metrics.header, kind, path), reports.row_sink(kind, path)]:  # type: ignore[arg-type]
                sink.open(part.metrics.header)
                for at, row in enumerate(ROWS[:3]):
                    pair = pairs(3)[at]
                    again = Failure(pair, "read", row.message) if isinstance(row, Failure) else None
                    sink.write(again or ScoredPair(pair, 4, 4, {"mse": float("inf") if at else 0.1}))
                sink.close(Summary(3, 1, {}))
            card = SPLIT + (folder / "part.csv.shard").read_bytes() if kind == "csv" else b""
            yield bytes([number]) + path.read_bytes() + card
        sink, path = reports.row_sink("jsonl", folder / "scores.jsonl"), folder / "scores.jsonl"
        sink.open(header(groups="subfolder", table=TableHeader(("one", "two"), 2, {"torn.png": ["two"]}, alone)))
        for at, name in enumerate(("one/p00.png", "two/p00.png", "one/p01.png", "two/p01.png")):
            pair = replace(pairs(1)[0], name=name, group=f"scene {at // 2}")
            sink.write(ScoredPair(pair, 4, 4, {"mse": 0.1 * at, "sim": 1 - 0.1 * at}))
        sink.close(Summary(4, 0, {}))
        yield bytes([SCORES]) + path.read_bytes()
        source = _folder(folder)
        with open_index(made.job(), source, folder / "index") as found:
            about = (folder / "index").read_bytes()
            yield bytes([INDEX]) + about
            yield bytes([ABOUT]) + about[512 + found.points.nbytes :]


WORDS = (
    SPLIT, b'"shard":{', b'"part":1', b'"of":1', b'"pairs":', b'"metrics":', b'"version":', b'"weights_sha256":',
    b'"engine":', b'"scores":', b'"rows":', b'"error":null', b'"stage":', b'"unmatched":', b'"side":"reference"',
    b'"path":', b'"higher_is_better":', b'"made":', b'"shape":', b'"height":', b'"files":', b'"failed":', b'"schema":',
    b"1e999", b"NaN", b"-1", b"null", b"true", b"[[[[", b"{}", b'"inf"', b"9" * 400, b"9" * 30, b'"\\ud800"', b'""',
    b'"table":{', b'"methods":', b'"images":', b'"left_out":{', b'"alpha":',
    b"pair,reference,candidate,width,height,", b",error\n", b'"inf"', b"s3://x", b"\\u001b[31m", b"\\n", b"\n",
)  # fmt: skip

TARGET = Target("results", check, seeds, WORDS)
