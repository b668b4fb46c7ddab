"""The reader of unfinished outputs: rows and their journal.

An input is a byte for the format, then the output and its journal, with SPLIT between them.
Paths are relative to the folder, so that a journal is valid in any folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from eyediff.errors import OutputError, ResumeError
from eyediff.output.read_rows import ReadableFormat, parse_record
from eyediff.output.schema import header_record, pair_columns
from eyediff.output.writers import WRITERS
from eyediff.records import Failure, Pair, Row, ScoredPair, Summary
from eyediff.run import ResumableSink, Resume
from tests.unit.run.fakes import header

from .target import Target, refused

SPLIT = b"\n-----\n"
PAIRS = [Pair(name, Path(f"a{name}"), Path(f"b{name}")) for name in ("p0.png", "p1.png", "p2.png")]
METRICS = ("mse", "sim")


def check(data: bytes, folder: Path) -> str:
    """Check that a refused output is unchanged, or that a continued output has a complete row for each pair."""
    kind = get_args(ReadableFormat)[data[0] & 1 if data else 0]
    parts = data[1:].split(SPLIT, 1)
    names = ("out", "out.resume")[: len(parts)]
    before = dict(zip(names, parts, strict=False))
    for name, content in before.items():
        (folder / name).write_bytes(content)
    try:
        with inside(folder):
            continued(kind)
    except ResumeError as error:
        now = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
        assert now == before, "touched, though it was refused"
        return refused(error, folder / "out", "out.resume")
    except OutputError as error:
        return refused(error, folder / "out")
    whole = (folder / "out").read_bytes()
    first = WRITERS[kind](pair_columns(METRICS), header_record(header(METRICS))).begin().encode()
    assert whole.startswith(first) and whole.endswith(b"\n")
    told = [parse_record(line, kind, METRICS).pair.name for line in split(whole[len(first) :].decode(), kind)]
    assert told[: len(PAIRS)] == [pair.name for pair in PAIRS], told
    return "read"


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Use the folder as the current one, with files of one size and time for the pairs. The last file is missing."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        for path in [path for pair in PAIRS for path in (pair.reference, pair.candidate)][:-1]:
            path.write_bytes(b"x")
            os.utime(path, ns=(10**18, 10**18))
        yield
    finally:
        os.chdir(before)


def continued(kind: ReadableFormat, stop: int = 9, *, resume: Resume = True) -> None:
    """Run over the pairs. Before the row with the number `stop`, the run ends as after a kill."""
    sink = ResumableSink(Path("out"), kind, resume=resume)
    sink.open(header(METRICS))
    failed = 0
    for number, pair in enumerate(PAIRS):
        if number == stop:
            sink._files.close()  # as the end of the process does
            sink._sink._target._file.close()
            sink._locked.close()
            return
        row: Row | None = sink.recall(pair)
        if row is None and pair.candidate.exists():
            row = ScoredPair(pair, 4, 4, {"mse": 0.1 * number, "sim": float("inf")})
        elif row is None:
            row = Failure(pair, "read", f'no "file",\n{pair.candidate}')
        failed += isinstance(row, Failure)
        sink.write(row)
    sink.close(Summary(len(PAIRS), failed, {}))


def split(text: str, kind: ReadableFormat) -> Iterator[str]:
    """Yield the records of a text. A CSV record continues while a quotation mark is open."""
    record = ""
    for line in text.split("\n")[:-1]:
        record += line + "\n"
        if kind == "jsonl" or record.count('"') % 2 == 0:
            yield record
            record = ""
    assert not record


def seeds() -> Iterator[bytes]:
    """Yield the files of runs that stopped before each row, and of a run that finished with a failure."""
    for number, kind in enumerate(get_args(ReadableFormat)):
        for stop in range(len(PAIRS) + 1):
            with TemporaryDirectory() as text, inside(Path(text)):
                continued(kind, stop, resume="hash" if stop == 2 else False)
                found = [Path(name).read_bytes() for name in ("out", "out.resume")]
            yield bytes([number]) + SPLIT.join(found)


WORDS = (
    SPLIT, b'"pair": ', b'"paths": ', b'"stamps": ', b'"size": ', b'"journal": 2', b'"kept": "out~"',
    b'"notes": ["a"]', b'"settings": ', b"[1, 1000000000000000000]", b"null", b"1e999", b"NaN", b"-1", b'"\\ud800"',
    b"9" * 400, b'"p0.png"', b"ap0.png", b"Infinity", b'"error":', b'"scores":', b'"inf"', b"[[[[", b"{}", b"\n",
)  # fmt: skip

TARGET = Target("resume", check, seeds, WORDS)
