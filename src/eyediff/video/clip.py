"""Open a video file and decode its frames with PyAV. No other file of eyediff imports PyAV."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import defaults
from ..errors import ImageError, shown
from ..images.formats import HEAD, UnsupportedImage, recognise
from ..metrics.ops import Array
from ..optional import import_optional
from ..output.text import amount
from ..records import Pixels
from .picture import Converter, coding, quarters

if TYPE_CHECKING:
    from av import VideoFrame

THUMB_WIDTH, THUMB_HEIGHT = 64, 36
"""Size in pixels of the small gray copies of frames, from which shifts in time are detected."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame that is not converted to RGB yet.

    Parameters
    ----------
    number
        Number of the frame in its clip, counted from 0.
    time
        Time of the frame in the file, in seconds.
    thumb
        Gray copy of the frame, with THUMB_HEIGHT x THUMB_WIDTH values from 0 to 255.
    picture
        The frame as PyAV decoded it.
    damaged
        True if the decoder had to guess parts of the frame.
    """

    number: int
    time: float
    thumb: Array
    picture: VideoFrame
    damaged: bool


class Clip:
    """The main video stream of a file, to be used in a `with` block. Its frames can be read only once.

    Attributes
    ----------
    width, height
        Size in pixels of the first frame, as it is displayed.
    seconds
        Duration of a frame in seconds, according to the frame rate of the file.
    announced
        Number of frames according to the header of the file, or None if the header does not state it.
    notes
        Remarks for people, such as assumptions about the colours.

    Raises
    ------
    UsageError
        If PyAV is not installed.
    ImageError
        If the file cannot be read as a video.
    """

    def __init__(self, path: Path) -> None:
        self._av = _pyav()
        self.path, self.name = path, shown(path)
        self.broken = 0
        """Number of data packets that could not be decoded so far."""
        self._stopped = ""
        self.announced: int | None = None
        self.seconds = 0.04
        self._converter = Converter(self._av)
        self._container = self._open()
        try:
            self._describe()
        except BaseException:
            self._container.close()
            raise

    def _open(self) -> Any:
        if not self.path.is_file():
            reason = "is a folder; give a video file" if self.path.is_dir() else "does not exist; check the path"
            raise ImageError(f"{self.name} {reason}")
        # Without these options, a playlist could make FFmpeg open other files, or the network.
        options = {"protocol_whitelist": "file", "format_whitelist": ",".join(sorted(defaults.VIDEO_FORMATS))}
        try:
            return self._av.open(f"file:{self.path}", options=options)
        except (self._av.error.FFmpegError, ValueError, OSError) as error:
            raise ImageError(f"{self.name} cannot be read as a video: {self._diagnose(error)}") from error

    def _diagnose(self, error: Exception) -> str:
        """Return why the file cannot be opened: it is an image, has another format, or the reason of the library."""
        with suppress(OSError, UnsupportedImage), self.path.open("rb") as file:
            kind = recognise(file.read(HEAD))
            return f"it is an image ({kind}); `eyediff compare` compares images, and the pages of a file one by one"
        if getattr(error, "errno", None) == errno.EINVAL:  # the format is not in the list of allowed formats
            return "its format is not that of a video file; give a file such as .mp4, .mkv, .webm or .avi"
        return f"{_reason(error)}; the file may be incomplete"

    def _find_stream(self) -> None:
        """Find the video stream in the file. Read its frame rate and its number of frames from the header."""
        stream = self._container.streams.best("video")
        if stream is None:
            raise ImageError(f"{self.name} contains no video; give a file with a video stream")
        if stream.codec_context is None:
            raise ImageError(f"{self.name} cannot be decoded: this build of PyAV has no decoder for its video format")
        self._check_size(stream.codec_context.width, stream.codec_context.height)
        stream.thread_type = "AUTO"  # threads decode parts of a frame, or several frames, at the same time
        self._stream = stream
        rate = stream.average_rate or stream.guessed_rate
        self.seconds = float(1 / rate) if rate else 0.04
        self.announced = stream.frames or None

    def _check_size(self, width: int, height: int) -> None:
        """Raise ImageError if frames of this size are too large."""
        if width * height > defaults.MAX_PIXELS:
            raise ImageError(
                f"{self.name} has frames of {width}x{height} pixels; the limit is {defaults.MAX_PIXELS} pixels in a "
                "frame"
            )

    def _describe(self) -> None:
        self._find_stream()
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise ImageError(f"no frame of {self.name} can be decoded; the file is damaged or incomplete")
        self._first: Frame | None = first
        self.coding = coding(first.picture)
        turned = quarters(first.picture) % 2
        sides = (first.picture.width, first.picture.height)
        self.width, self.height = sides[::-1] if turned else sides
        self.notes = self._notes(first.picture)

    def _notes(self, first: VideoFrame) -> tuple[str, ...]:
        notes = [*self.coding.notes]
        if self.coding.assumed:
            notes.insert(0, f"the file does not state its colour coding; {self.coding.assumed} is assumed")
        if first.pts is None:
            notes.append(f"the frames have no times; a duration of {1000 * self.seconds:.4g} ms is assumed for each")
        if first.rotation % 90:
            notes.append(f"the file requests a rotation by {first.rotation} degrees; only multiples of 90 are applied")
        return tuple(f"{self.name}: {note}" for note in notes)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames that can be decoded, in the order of their display.

        After the last frame, `shortfall` tells whether frames are missing.
        """
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
        """Yield the decoded frames. Packets that cannot be decoded are skipped and counted."""
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
        """Return why frames of the file seem to be missing, or None if the file seems to be complete.

        Parameters
        ----------
        count
            Number of frames that were decoded.
        last
            Time in the file, in seconds, of the last decoded frame.
        """
        parts = [f"reading stopped with an error ({self._stopped})"] if self._stopped else []
        parts += [f"{amount(self.broken, 'packet')} could not be decoded"] if self.broken else []
        if self.announced is not None and self.announced > count:
            parts.append(f"its header states {amount(self.announced, 'frame')}, but {count} could be decoded")
        end = self._announced_end()
        if not parts and end is not None and end - last > 2 * self.seconds + 0.001:
            parts.append(f"its header states {end:.6g} s of video, but the last frame begins at {last:.6g} s")
        return "; ".join(parts) or None

    def _announced_end(self) -> float | None:
        """Return the time in seconds at which the video ends, according to the header of the file.

        Return None if the header does not say it.
        """
        stream, start = self._stream, float((self._stream.start_time or 0) * self._stream.time_base)
        if stream.duration:
            return start + float(stream.duration * stream.time_base)
        tagged = _seconds(stream.metadata.get("DURATION", ""))  # Matroska files have the duration in this tag
        if tagged is not None:
            return tagged
        # If the file has sound, too, the duration may be that of the sound.
        if self._container.duration and len(self._container.streams) == 1:
            return float(self._container.duration / self._av.time_base)
        return None

    def pixels(self, frame: Frame) -> Pixels:
        """Return a frame as H x W x 3 sRGB pixels. They are uint8, or uint16 if the video has more than 8 bits.

        Several threads may call this method at the same time. Raises ImageError if the frame is damaged, or if its
        pixel format cannot be converted.
        """
        if frame.damaged:
            raise ImageError(f"{self.name}: frame {frame.number} is damaged and is not compared")
        try:
            return self._converter.pixels(frame.picture)
        except (self._av.error.FFmpegError, ValueError) as error:
            what = f"{self.name}: frame {frame.number} with the format {frame.picture.format.name}"
            raise ImageError(f"{what} cannot be converted to RGB: {_reason(error)}") from error

    def close(self) -> None:
        """Close the file. Afterwards, no more frames can be decoded, but decoded frames can be converted to RGB."""
        self._container.close()

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _seconds(clock: str) -> float | None:
    """Return the number of seconds in a text such as "00:01:02.5", or None if the text has another form."""
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

    av.logging.set_level(av.logging.PANIC)  # hide the log of FFmpeg; errors are raised as exceptions
    return av
