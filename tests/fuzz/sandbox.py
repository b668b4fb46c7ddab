"""While a target runs, a change outside its folder, an access to the network or a start of code is a finding.

Python reports these actions as audit events (PEP 578). Native code that calls the system directly is not seen.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ONE = {"os.mkdir": 2, "os.rmdir": 1, "os.remove": 1, "os.chmod": 2, "os.utime": 3, "os.chown": 3, "os.truncate": None}
_TWO = {"os.rename": 2, "os.link": 2, "os.symlink": None}
"""Events with one path or two paths, and the positions of the folders to which the paths may be relative."""

_NEVER = ("pickle.find_class", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork")
_NEVER += ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.send", "urllib.", "ftplib.", "webbrowser.")

_state: dict[str, object] = {"hooked": False, "folder": None, "found": []}


class EscapedError(BaseException):
    """An action that no foreign file or argument may cause.

    It is not an Exception, so that code that handles errors does not catch it.
    """


@contextmanager
def sandbox(folder: Path) -> Iterator[None]:
    """Raise EscapedError for actions outside `folder`, even if the target swallows the first EscapedError.

    Temporary files are created in `folder`.
    """
    if not _state["hooked"]:
        sys.addaudithook(_look)  # until the process ends; the hook is active only while a folder is set
        _state["hooked"] = True
    found: list[str] = []
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    _state.update(folder=str(folder.resolve()), found=found)
    try:
        yield
    finally:
        _state["folder"], tempfile.tempdir = None, before
    if found:
        raise EscapedError(found[0])


def _look(event: str, arguments: tuple[object, ...]) -> None:
    folder = _state["folder"]
    if folder is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITING and not isinstance(path, int):
            _within(str(folder), event, path)
    elif event in _ONE or event in _TWO:
        at = _ONE[event] if event in _ONE else _TWO[event]
        for number, path in enumerate(arguments[: 1 if event in _ONE else 2]):
            base = arguments[at + number] if at is not None and at + number < len(arguments) else -1
            _within(str(folder), event, path, base)
    elif event.startswith(_NEVER):
        _tell(f"{event} {arguments!r}")


def _within(folder: str, event: str, path: object, base: object = -1) -> None:
    if isinstance(path, int):
        return
    start = f"/proc/self/fd/{base}" if isinstance(base, int) and base >= 0 else os.getcwd()  # noqa: PTH109
    real = os.path.realpath(os.path.join(start, os.fsdecode(path)))  # type: ignore[call-overload]  # noqa: PTH118
    if real != os.devnull and real != folder and not real.startswith(folder + os.sep) and "__pycache__" not in real:
        _tell(f"{event} {real!r}")


def _tell(what: str) -> None:
    _state["found"].append(what)  # type: ignore[attr-defined]
    raise EscapedError(what)
