"""Handle Ctrl-C as a request to stop soon, not as an exception in the middle of a row."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType

from ..records import Row


class Interrupts:
    """Context in which the first Ctrl-C only sets `seen`, and the second raises KeyboardInterrupt.

    It does nothing outside the main thread, because only that thread receives signals. It also does nothing if the
    application has its own handler.
    """

    seen = False
    _installed = False

    def __enter__(self) -> Interrupts:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def requested(self) -> bool:
        """Return whether Ctrl-C was pressed."""
        return self.seen

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield rows until Ctrl-C is pressed; then raise KeyboardInterrupt."""
        for row in rows:
            yield row
            if self.seen:
                raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the arguments of a signal handler
        self.seen = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
