"""Write the folder of a run: a log, frames and final images. A reader never sees an incomplete file or line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..errors import UsageError, shown
from ..output.atomic_write import atomic_path, output_error
from ..output.files import Appender
from ..output.schema import dump

LOG, FRAMES, RESULT, SIDE_BY_SIDE, CURVE = "log.jsonl", "frames", "result.png", "side-by-side.png", "curve.png"
ANIMATIONS = {"gif": "steps.gif", "apng": "steps.png"}


class RunFolder:
    """Writer for the folder into which one run writes its results.

    Parameters
    ----------
    path : Path
        Path of the folder. The folder must not contain the results of another run.

    Raises
    ------
    UsageError
        If the folder contains the results of a run, or if the path is a file.
    OutputError
        If a file cannot be written. Only the methods raise this error.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in (LOG, FRAMES, RESULT, SIDE_BY_SIDE, CURVE, *ANIMATIONS.values()):
            if (path / name).exists():
                raise UsageError(
                    f"{shown(path)} already contains the results of an optimisation ({name}); choose another folder"
                )
        if path.exists() and not path.is_dir():
            raise UsageError(f"{shown(path)} is a file; expected a folder; choose another path")
        self._log: Appender | None = None

    def create(self, header: object) -> None:
        """Create the folder and the log, and write `header` as the first line of the log."""
        try:
            (self.path / FRAMES).mkdir(parents=True)
        except OSError as error:
            raise output_error(self.path, error) from error
        self._log = Appender(self.path / LOG)
        self.write_log(header)

    def write_log(self, record: object) -> None:
        """Append a record to the log, as one complete line."""
        if self._log is not None:
            self._log.write(f"{dump(record)}\n".encode())

    def write_frame(self, step: int, pixels: npt.NDArray[np.uint8]) -> str:
        """Write a frame, and return the path of its file relative to the folder."""
        name = f"{FRAMES}/{step:05}.png"
        self.write_picture(name, Image.fromarray(pixels))
        return name

    def write_picture(self, name: str, picture: Image.Image) -> None:
        """Write a PNG file."""
        with atomic_path(self.path / name) as part:
            picture.save(part, "PNG", optimize=True)

    def write_animation(self, kind: str, pictures: list[Image.Image], milliseconds: list[int]) -> None:
        """Write an animation that repeats endlessly. `kind` is a key of ANIMATIONS."""
        first, *others = pictures
        with atomic_path(self.path / ANIMATIONS[kind]) as part:
            file_format = "GIF" if kind == "gif" else "PNG"
            first.save(part, file_format, save_all=True, append_images=others, duration=milliseconds, loop=0)

    def close(self) -> None:
        """Close the log. A second call does nothing."""
        if self._log is not None:
            self._log.close()
