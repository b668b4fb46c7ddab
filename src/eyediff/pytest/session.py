"""Share records between the processes of one pytest session: which goldens a test stored, and which comparisons failed.

Each record is a file in a folder, which the first process makes and removes. So all processes of pytest-xdist see all
records, and no record is lost if a process crashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class StoredGolden:
    """A golden that a session stored, and the test that stored it.

    `picture` is a hash of the image. `new` is False if the file already had the same image.
    """

    path: str
    test: str
    picture: str
    new: bool


class Session:
    """The records of one pytest session, which are files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def claim(self, golden: StoredGolden) -> StoredGolden:
        """Record that a test stores a golden. Return the record of the first test that stored this golden."""
        name = hashlib.sha256(golden.path.encode("utf-8", "surrogateescape")).hexdigest()
        record = self.folder / f"golden-{name}.json"
        part = self.folder / f"golden-{name}.{os.getpid()}"
        part.write_text(json.dumps(vars(golden)))
        try:
            os.link(part, record)  # atomic, and only one process succeeds
        except FileExistsError:
            return StoredGolden(**json.loads(record.read_text()))
        finally:
            part.unlink()
        return golden

    def goldens(self) -> list[StoredGolden]:
        """Return the goldens of the session, sorted by path."""
        found = [StoredGolden(**record) for record in self._records("golden")]
        return sorted(found, key=lambda golden: golden.path)

    def add_failure(self, record: dict[str, Any]) -> None:
        """Write the record of a comparison that failed."""
        self._failure(record["folder"]).write_text(json.dumps(record))

    def drop_failure(self, folder: Path) -> None:
        """Remove the record of a failed comparison, because the test repeats this comparison."""
        self._failure(str(folder)).unlink(missing_ok=True)

    def _failure(self, folder: str) -> Path:
        name = hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"failure-{name}.json"

    def failures(self) -> list[dict[str, Any]]:
        """Return the records of the comparisons that failed, sorted by test and golden."""
        return sorted(self._records("failure"), key=lambda record: (str(record["test"]), str(record["golden"])))

    def _records(self, kind: str) -> Iterator[Any]:
        return (json.loads(path.read_text()) for path in self.folder.glob(f"{kind}-*.json"))

    def remove(self) -> None:
        """Remove the folder with all records."""
        shutil.rmtree(self.folder, ignore_errors=True)
