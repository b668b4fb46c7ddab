"""Handle Ctrl-C during a run.

Ctrl-C is a request to stop soon. It does not raise an exception in the middle of a row.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType, TracebackType

from ..records import Row


class Interrupts:
    """A context manager that changes what Ctrl-C does inside its `with` block.

    The first Ctrl-C only sets `seen` to True. The second Ctrl-C raises KeyboardInterrupt. The context manager does
    nothing outside the main thread, because only the main thread receives signals. It also does nothing if the
    application has installed its own handler for Ctrl-C.
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
        """Yield the rows. If Ctrl-C was pressed, raise KeyboardInterrupt after the row that was yielded last."""
        for row in rows:
            yield row
            if self.seen:
                raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the arguments of a signal handler
        self.seen = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
