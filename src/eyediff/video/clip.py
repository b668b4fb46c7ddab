"""One video file: opened, described, decoded frame by frame. The only file that imports PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import defaults
from ..errors import ImageError, shown
from ..metrics.ops import Array
from ..optional import import_optional
from ..records import Pixels
from .picture import Converter, coding, quarters

if TYPE_CHECKING:
    from av import VideoFrame

THUMB_WIDTH, THUMB_HEIGHT = 64, 36
"""Of the small gray copies by which neighbours are told apart."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame before its conversion to RGB.

    `number` counts from 0; `time` is in seconds, as the file has it. `thumb` is THUMB_HEIGHT x THUMB_WIDTH, gray from 0
    to 255. `damaged` where the decoder had to guess.
    """

    number: int
    time: float
    thumb: Array
    picture: VideoFrame
    damaged: bool


class Clip:
    """The first video stream of a file. Open it with `with`; its frames can be read once.

    `width` and `height` are those of the first frame as it is shown, in pixels; `seconds` is how long a frame lasts by
    the file's rate; `announced` the frames that its header promises (None: it does not say). `notes` say what is
    assumed of its colours, and what else a person should know.

    Raises UsageError where PyAV is not installed, ImageError where the file cannot be read as a video.
    """

    def __init__(self, path: Path) -> None:
        self._av = _pyav()
        self.path, self.name = path, shown(path)
        self.broken = 0
        """Packets of data that could not be decoded, so far."""
        self._stopped = ""
        self._converter = Converter(self._av)
        self._container = self._open()
        try:
            self._describe()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> Any:
        if not self.path.is_file():
            reason = "is a folder, not a video file" if self.path.is_dir() else "does not exist"
            raise ImageError(f"{self.name} {reason}")
        # A playlist could make FFmpeg open other files, or the network: neither is what was asked for.
        options = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(defaults.VIDEO_FORMATS))}
        try:
            return self._av.open(f"file:{self.path}", options=options)
        except (self._av.error.FFmpegError, ValueError, OSError) as error:
            raise ImageError(f"{self.name} cannot be read as a video: {_reason(error)}; it may be cut short") from error

    def _describe(self) -> None:
        stream = self._container.streams.best("video")
        if stream is None:
            raise ImageError(f"{self.name} holds no video; give a file with a video stream")
        if stream.codec_context is None:
            raise ImageError(f"{self.name}: no decoder for its video is in this build of PyAV")
        if stream.codec_context.width * stream.codec_context.height > defaults.MAX_PIXELS:
            size = f"{stream.codec_context.width}x{stream.codec_context.height}"
            raise ImageError(f"{self.name} announces frames of {size}, more than {defaults.MAX_PIXELS} pixels")
        stream.thread_type = "AUTO"  # frames, too, are decoded side by side
        self._stream = stream
        rate = stream.average_rate or stream.guessed_rate
        self.seconds = float(1 / rate) if rate else 0.04
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise ImageError(f"{self.name}: not one frame can be decoded; the file is damaged or cut short")
        self._first: Frame | None = first
        self.coding = coding(first.picture)
        turned = quarters(first.picture) % 2
        sides = (first.picture.width, first.picture.height)
        self.width, self.height = sides[::-1] if turned else sides
        self.announced: int | None = stream.frames or None
        self.notes = self._notes(first.picture)

    def _notes(self, first: VideoFrame) -> tuple[str, ...]:
        notes = [*self.coding.notes]
        if self.coding.assumed:
            notes.insert(0, f"its colours are not tagged; {self.coding.assumed} is assumed")
        if first.pts is None:
            notes.append(f"it has no times; frames are taken to come every {1000 * self.seconds:.4g} ms")
        if first.rotation % 90:
            notes.append(f"it is to be turned by {first.rotation} degrees when shown; only quarters are turned here")
        return tuple(f"{self.name}: {note}" for note in notes)

    def frames(self) -> Iterator[Frame]:
        """Yield the readable frames in display order; `shortfall` says whether frames are missing."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._frames

    def _decoded(self) -> Iterator[Frame]:
        small = self._av.video.reformatter.VideoReformatter()
        area = self._av.video.reformatter.Interpolation.AREA
        for number, picture in enumerate(self._pictures()):
            thumb = small.reformat(picture, THUMB_WIDTH, THUMB_HEIGHT, "gray", interpolation=area, threads=1)
            gray = thumb.to_ndarray().astype(np.float32)
            time = number * self.seconds if picture.pts is None else float(picture.time)
            yield Frame(number, time, gray, picture, bool(picture.is_corrupt))

    def _pictures(self) -> Iterator[VideoFrame]:
        """Yield the decoded frames; packets that cannot be decoded are counted and skipped."""
        errors = self._av.error
        try:
            for packet in self._container.demux(self._stream):
                try:
                    yield from packet.decode()
                except errors.InvalidDataError:
                    self.broken += 1
        except errors.EOFError:
            return
        except errors.FFmpegError as error:
            self._stopped = _reason(error)

    def shortfall(self, count: int, last: float) -> str | None:
        """Return the reason why the file seems to end too early; None if it does not.

        `count` frames were decoded. The last one began `last` seconds into the file.
        """
        parts = [f"it cannot be read on ({self._stopped})"] if self._stopped else []
        parts += [f"{self.broken} of its packets could not be decoded"] if self.broken else []
        if self.announced is not None and self.announced > count:
            parts.append(f"its header promises {self.announced} frames, {count} could be decoded")
        end = self._announced_end()
        if not parts and end is not None and end - last > 2 * self.seconds + 0.001:
            parts.append(f"its header promises {end:.6g} s of video, the last frame begins at {last:.6g} s")
        return "; ".join(parts) or None

    def _announced_end(self) -> float | None:
        """Seconds at which the video ends by the file's own word."""
        stream, start = self._stream, float((self._stream.start_time or 0) * self._stream.time_base)
        if stream.duration:
            return start + float(stream.duration * stream.time_base)
        tagged = _seconds(stream.metadata.get("DURATION", ""))  # as Matroska says it
        if tagged is not None:
            return tagged
        if self._container.duration and len(self._container.streams) == 1:  # or it may be the sound that is longer
            return float(self._container.duration / self._av.time_base)
        return None

    def pixels(self, frame: Frame) -> Pixels:
        """Return the frame as H x W x 3 sRGB: uint8, or uint16 if the video has more than 8 bits. Thread-safe.

        Raises ImageError where the frame is damaged or its format cannot be converted.
        """
        if frame.damaged:
            raise ImageError(f"{self.name}: frame {frame.number} is damaged; what the decoder guessed is not compared")
        try:
            return self._converter.pixels(frame.picture)
        except (self._av.error.FFmpegError, ValueError) as error:
            what = f"{self.name}: frame {frame.number} of format {frame.picture.format.name}"
            raise ImageError(f"{what} cannot be made RGB: {_reason(error)}") from error

    def close(self) -> None:
        """Let go of the file. No frame can be decoded after that; those that are there can still be made RGB."""
        self._container.close()

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _seconds(clock: str) -> float | None:
    """Return the seconds of a text such as "00:01:02.5"; None for any other text."""
    try:
        hours, minutes, seconds = clock.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def _pyav() -> ModuleType:
    import_optional("av", "reading videos")
    import av.error
    import av.video.reformatter

    av.logging.set_level(av.logging.PANIC)  # FFmpeg's own log would mix with ours; what matters arrives as an exception
    return av
