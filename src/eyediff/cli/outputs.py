"""Outputs that can be continued, by the name of -o: CSV, JSON lines, and a folder of Parquet parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

from .. import output as reports
from .. import run
from ..output.files import is_regular
from ..output.parquet import ParquetFolder
from ..run.journal import path_of as resume_path

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


def count_saved(journal: run.Journal | None) -> Callable[[], int] | None:
    """What counts the rows that are safe, for an output that holds rows back; None where each is written at once."""
    return (lambda: journal.saved) if isinstance(journal, ParquetFolder) else None


def can_resume(journal: run.Journal | None, output: Path | None) -> bool:
    """Whether --resume could continue the output now."""
    return output is not None and (
        isinstance(journal, ParquetFolder) or (journal is not None and resume_path(output.resolve()).exists())
    )
