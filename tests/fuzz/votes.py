"""The readers of votes: tables of every kind, as CSV and JSON lines, and a folder in the layout of BAPPS.

The first byte selects the kind and the suffix of a table, or says that the rest is one share of votes, a `.npy` file.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np

from eyediff.errors import StudyError
from eyediff.votes import StudyKind, read_study
from tests.unit.images.make import RGB, noise, png

from .target import Target, refused

KINDS = get_args(StudyKind)
SHARE = 2 * len(KINDS)
COLUMNS = ("reference,a,b,votes_a,votes_b", "a,b,same,total", "reference,candidate,mos")


def check(data: bytes, folder: Path) -> str:
    """Check that the shares of a study are from 0 to 1, or that a StudyError names the file in printable lines."""
    number, content = (data[0] % (SHARE + 1) if data else 0), data[1:]
    for name in ("r.png", "a.png", "b.png"):
        (folder / name).write_bytes(png(noise(), RGB))
    path, kind = folder / f"votes.{('csv', 'jsonl')[number % 2]}", KINDS[number // 2 % len(KINDS)]
    if number == SHARE:
        path, kind = folder / "study", "2afc"
        for column in ("ref", "p0", "p1", "judge"):
            (path / "cnn" / column).mkdir(parents=True)
            name = "0.npy" if column == "judge" else "0.png"
            (path / "cnn" / column / name).write_bytes(content if column == "judge" else png(noise(), RGB))
    else:
        path.write_bytes(content)
    try:
        study = read_study(path, kind)
    except StudyError as error:
        for problem in error.problems:
            refused(StudyError(problem), ": ")  # paths in a table may lead anywhere, even to missing files
        return refused(error, path)
    assert study.items
    for item in (*study.triplets, *study.jnd_pairs):
        assert 0 <= item.share <= 1, item
    assert all(math.isfinite(item.mos) for item in study.opinions)
    return "read"


def seeds() -> Iterator[bytes]:
    """Yield a table of each kind and suffix, and a share of votes of several number types."""
    rows = (("r.png", "a.png", "b.png", 3, 1), ("a.png", "b.png", 1, 3), ("r.png", "a.png", 4.5))
    for number, (columns, row) in enumerate(zip(COLUMNS, rows, strict=True)):
        texts = [f'"{value}"' if isinstance(value, str) else str(value) for value in row]
        names = columns.split(",")
        table = f"{columns},subset,name\n{','.join(map(str, row))},all,1\n{','.join(texts)},some,2\n"
        line = ", ".join(f'"{name}": {text}' for name, text in zip(names, texts, strict=True))
        yield bytes([2 * number]) + table.encode()
        yield bytes([2 * number + 1]) + f'{{{line}}}\n\n{{{line}, "subset": "x"}}\n'.encode()
    for dtype in ("<f8", "<f4", "|u1", ">i4"):
        file = io.BytesIO()
        np.save(file, np.ones(1, dtype))
        yield bytes([SHARE]) + file.getvalue()


WORDS = (
    b"reference,", b"candidate,", b"votes_a", b"votes_b", b"same", b"total", b"mos", b"subset", b"name", b"r.png",
    b'"votes_a": ', b'"total": ', b"1e308", b"1e-320", b"nan", b"inf", b"-1", b"null", b"[[[[", b"9" * 400,
    b"'descr': '<f8'", b"'shape': (1,)", b"'fortran_order': False", b"'descr': '|O'", b"\xef\xbb\xbf", b'""',
    b"\n", b"\r",
    b"\x93NUMPY\x01\0", b"../x",
)  # fmt: skip

TARGET = Target("votes", check, seeds, WORDS)
