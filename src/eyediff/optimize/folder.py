"""The folder of a run: a log that grows by whole lines, frames, and the pictures at the end, none ever half written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import UsageError, shown
from ..output.atomic_write import atomic_path, output_error
from ..output.files import Appender
from ..output.schema import dump

LOG, FRAMES, RESULT, BESIDE, CURVE = "log.jsonl", "frames", "result.png", "side-by-side.png", "curve.png"
FILMS = {"gif": "steps.gif", "apng": "steps.png"}


class Folder:
    """Where one run writes. Raises UsageError where another run lies there, OutputError where writing fails."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (LOG, FRAMES, RESULT, BESIDE, CURVE, *FILMS.values()):
            if (path / name).exists():
                raise UsageError(f"{shown(path)} holds a run already ({name}); name another folder")
        if path.exists() and not path.is_dir():
            raise UsageError(f"{shown(path)} is a file, a folder is needed; give another name")
        self._log: Appender | None = None

    def begin(self, header: object) -> None:
        """Make the folder, and the log with its header."""
        try:
            (self.path / FRAMES).mkdir(parents=True)
        except OSError as error:
            raise output_error(self.path, error) from error
        self._log = Appender(self.path / LOG)
        self.line(header)

    def line(self, record: object) -> None:
        """One more line of the log, whole or not at all."""
        if self._log is not None:
            self._log.write(f"{dump(record)}\n".encode())

    def frame(self, step: int, pixels: npt.NDArray[np.uint8]) -> str:
        """Keep a frame; returns its name in the folder."""
        name = f"{FRAMES}/{step:05}.png"
        self.picture(name, Image.fromarray(pixels))
        return name

    def picture(self, name: str, picture: Image.Image) -> None:
        """Write a PNG."""
        with atomic_path(self.path / name) as part:
            picture.save(part, "PNG", optimize=True)

    def film(self, kind: str, pictures: list[Image.Image], milliseconds: list[int]) -> None:
        """Write an animation, `kind` being one of FILMS; it begins anew when it is over."""
        first, *others = pictures
        with atomic_path(self.path / FILMS[kind]) as part:
            what = "GIF" if kind == "gif" else "PNG"
            first.save(part, what, save_all=True, append_images=others, duration=milliseconds, loop=0)

    def close(self) -> None:
        """May be called twice."""
        if self._log is not None:
            self._log.close()
