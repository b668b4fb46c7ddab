"""Outputs that can be continued, by the name of -o: CSV, JSON lines, and a folder of Parquet parts."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from .. import output as reports
from .. import run
from ..output.files import is_regular
from ..output.parquet import ParquetFolder

Kind: TypeAlias = reports.Format | Literal["parquet"]
"""Parquet is no format of a stream: it is asked for by the output's name alone."""


def parquet_folder(asked: reports.Format | None, output: Path | None) -> Literal["parquet"] | None:
    """Whether -o names one: `NAME.parquet`, without a --format."""
    return "parquet" if asked is None and output is not None and output.suffix.lower() == ".parquet" else None


def journal_of(kind: Kind, output: Path, resume: bool) -> run.Journal | None:
    """The output as one that can be continued; None where it cannot."""
    if kind == "parquet":
        return ParquetFolder(output, resume=resume)
    if kind in ("csv", "jsonl") and is_regular(output):
        return run.JournaledFile(output, kind, resume=resume)
    return None
