"""A folder of Parquet files as an output that can be continued, for more rows than one file should have.

`part-000000.parquet`, ... hold the columns of CSV; `_eyediff.json` is the header, as JSON lines begin with it. A part
appears whole under its name or not at all, so that whatever is there when a run is killed holds. All else begins with
an underscore, which readers of folders pass over: at every moment the folder is one table of what is done.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import defaults
from ..errors import OutputError, ResumeError, UsageError, shown
from ..records import Header, Pair, Row, ScoredPair, Summary
from .atomic_write import remove, trouble, whole
from .files import Lock
from .schema import BEFORE_SCORES, Failed, Record, dump, encodable, header_record, row_record

HEADER = "_eyediff.json"
_PART = re.compile(r"part-(\d{6,})\.parquet")


def arrow() -> Any:
    """The module pyarrow. Raises UsageError, which says what to install, where it is not there."""
    try:
        return importlib.import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise UsageError("Parquet needs pyarrow: pip install 'eyediff[ray]'") from error


def schema(metrics: Sequence[str]) -> Any:
    """Columns of results: those of CSV, with null where CSV has an empty cell."""
    pa = arrow()
    texts = [(name, pa.string()) for name in BEFORE_SCORES[:3]]
    sides = [(name, pa.int64()) for name in BEFORE_SCORES[3:]]
    return pa.schema([*texts, *sides, *((name, pa.float64()) for name in metrics), ("error", pa.string())])


def table(rows: Iterable[Row], metrics: Sequence[str]) -> Any:
    """Rows as an Arrow table."""
    return arrow().Table.from_pylist([_cells(row) for row in rows], schema(metrics))


def _cells(row: Row) -> dict[str, object]:
    record = row_record(row)
    error = record["error"]
    cells: dict[str, object] = {name: record[name] for name in BEFORE_SCORES}  # type: ignore[literal-required]
    cells |= {name: float(value) for name, value in record["scores"].items()}
    return cells | {"error": f"{error['stage']}: {error['message']}" if error else None}


def record(cells: dict[str, Any], metrics: Sequence[str]) -> Record:
    """A row of a table, as the other formats have it."""
    stage, _, message = (cells["error"] or "").partition(": ")
    return Record(
        pair=cells["pair"],
        reference=cells["reference"],
        candidate=cells["candidate"],
        width=cells["width"],
        height=cells["height"],
        scores={name: cells[name] for name in metrics if cells[name] is not None or not stage},
        error=Failed(stage=stage, message=message) if stage else None,
    )


class ParquetFolder:
    """A sink that writes parts into a folder, and with `resume` goes on where an earlier run stopped.

    A pair whose row is there, with its scores, is not computed again; its files are not looked at. Failed rows are
    taken out and tried again. New rows follow in new parts, in the order of the run.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        self._path, self._resume = path, resume
        self._rows: list[Row] = []
        self._keys = np.empty(0, "S16")
        self._told: npt.NDArray[np.bool_] = np.empty(0, bool)

    def open(self, header: Header) -> None:
        """Raises UsageError or OutputError where it cannot be begun, ResumeError where it cannot be continued."""
        self._metrics = tuple(header.metrics)
        arrow()
        first = dump(header_record(header) | {"alpha": header.alpha}) + "\n"
        try:
            self._path.mkdir(exist_ok=True)
            self._lock = Lock(self._path / "_results")
            try:
                self._begin(first)
            except BaseException:
                self._lock.release()
                raise
        except OSError as error:
            raise trouble(self._path, error) from error
        self._written = time.monotonic()

    def _begin(self, first: str) -> None:
        there = self._path / HEADER
        parts = self._parts()
        if not self._resume and (parts or there.exists()):
            raise OutputError(f"{shown(self._path)} holds results: continue them with --resume, or give another folder")
        if parts and (not there.exists() or there.read_text(encoding="utf-8") != first):
            raise ResumeError(
                f"cannot continue {shown(self._path)}: its {HEADER} is not that of this run (version, metrics, "
                "weights, engine or size policy); call it as before, or give another folder"
            )
        for torn in self._path.glob("_part-*.parquet.new"):
            remove(torn)
        self._recall(parts)
        self._next = 1 + max((int(_PART.fullmatch(part.name)[1]) for part in parts), default=-1)  # type: ignore[index]
        self._put(there, first.encode())

    def _parts(self) -> list[Path]:
        return sorted(path for path in self._path.iterdir() if _PART.fullmatch(path.name))

    def _recall(self, parts: Sequence[Path]) -> None:
        """Note which rows are there: 16 bytes and the scores of each. Parts with failed rows are written anew."""
        pa, pq = arrow(), importlib.import_module("pyarrow.parquet")
        keys, figures = [], []
        for part in parts:
            try:
                found = pq.ParquetFile(part).read()
                if found.schema != schema(self._metrics):
                    raise ValueError("other columns")
                scored = found.filter(found["error"].is_null())
                if any(column.null_count for column in scored.columns[:-1]):
                    raise ValueError("rows without values")
            except (ValueError, OSError, pa.ArrowException) as error:
                raise ResumeError(f"{shown(part)} is damaged, or not ours ({error}): move it away") from error
            if len(scored) < len(found):
                found = scored
                self._write_part(part, found)
            texts = zip(*(found[name].to_pylist() for name in BEFORE_SCORES[:3]), strict=True)
            keys.append(np.array([_key(*text) for text in texts], "S16"))
            columns = [found[name].to_numpy() for name in (*BEFORE_SCORES[3:], *self._metrics)]
            figures.append(np.column_stack(columns).astype(np.float64))
        if keys:
            whole = np.concatenate(keys)
            order = np.argsort(whole)
            self._keys, self._figures = whole[order], np.concatenate(figures)[order]
            self._told = np.zeros(len(whole), bool)

    def _place(self, pair: Pair) -> int | None:
        key = np.array(_key(*map(encodable, (pair.name, str(pair.reference), str(pair.candidate)))), "S16")
        place = int(np.searchsorted(self._keys, key))
        return place if place < len(self._keys) and self._keys[place] == key else None

    def recall(self, pair: Pair) -> ScoredPair | None:
        """The row of a pair that is there, by its name and paths."""
        place = self._place(pair)
        if place is None:
            return None
        self._told[place] = True
        width, height, *scores = self._figures[place].tolist()
        return ScoredPair(pair, int(width), int(height), dict(zip(self._metrics, scores, strict=True)))

    def write(self, row: Row) -> None:
        """Keep it for the next part, unless it was recalled."""
        place = self._place(row.pair) if len(self._keys) else None
        if place is not None and self._told[place]:
            return
        self._rows.append(row)
        late = time.monotonic() - self._written > defaults.PARQUET_SECONDS
        if late or len(self._rows) >= defaults.PARQUET_ROWS:
            self._flush()

    def _flush(self) -> None:
        self._write_part(self._path / f"part-{self._next:06}.parquet", table(self._rows, self._metrics))
        self._rows.clear()
        self._next += 1
        self._written = time.monotonic()

    def _write_part(self, path: Path, rows: Any) -> None:
        stream = arrow().BufferOutputStream()
        importlib.import_module("pyarrow.parquet").write_table(rows, stream, compression="zstd")
        self._put(path, stream.getvalue().to_pybytes())

    def _put(self, path: Path, content: bytes) -> None:
        """Write a file so that it is there whole or not at all."""
        with whole(path, path.with_name(f"_{path.name}.new")) as part:
            part.write_bytes(content)

    def close(self, summary: Summary) -> None:  # noqa: ARG002  # parts know no summary
        """Write the last part."""
        try:
            if self._rows:
                self._flush()
        finally:
            self._lock.release()


def _key(*texts: str) -> bytes:
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).digest()
