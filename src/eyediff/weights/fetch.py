"""Downloads: https only, into a file of their own, never more than expected, checked before anyone sees them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias
from urllib.parse import urljoin, urlsplit

from ..errors import FetchError
from .hashing import file_sha256

Progress: TypeAlias = Callable[[int, int], None]
"""Told the bytes that have come and the bytes that are expected."""

SCHEMES = ("https",)
"""What may carry weights. The hash guards them too, but nobody on the way needs to see or steer what is fetched."""

CHUNK = 1 << 16
"""Bytes written at a time: a progress bar of smooth steps."""

TIMEOUT = 30
"""Seconds without an answer after which a server counts as gone."""

PATIENCE = 60.0
"""Seconds within which CHUNK bytes must come: at a kilobyte a second the largest file would take six days."""


def download(
    url: str,
    to: Path,
    size: int,
    sha256: str,
    *,
    progress: Progress | None = None,
    schemes: Collection[str] = SCHEMES,
) -> None:
    """Bring `url` to the file `to`, which must turn out to have this hash; redirections keep to `schemes` too.

    Raises FetchError; `to` is then gone.
    """
    import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - takes a fifth of a second, and most runs fetch nothing

    check_scheme(url, schemes)
    meter, patience = _Meter(url, to, size, progress), Patience(to)
    bring = pooch.HTTPDownloader(
        progressbar=meter, chunk_size=CHUNK, timeout=TIMEOUT, hooks={"response": [patience.watch, guard(schemes)]}
    )
    try:
        with patience:
            bring(url, str(to), None)
        if (found := file_sha256(to)) != sha256:
            raise FetchError(f"{url} brought something else: sha256 {found}, expected {sha256}; nothing of it was kept")
    except (OSError, ValueError) as error:  # requests' errors are OSErrors
        to.unlink(missing_ok=True)
        raise FetchError(f"cannot fetch {url} ({reason(error)})") from None
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def guard(schemes: Collection[str]) -> Callable[..., None]:
    """What requests calls for each response, before it follows it: FetchError where it leads out of `schemes`."""

    def check(response: Any, **_: Any) -> None:
        if response.is_redirect:
            check_scheme(urljoin(response.url, response.headers["location"]), schemes)

    return check


def check_scheme(url: str, schemes: Collection[str] = SCHEMES) -> None:
    """Raise FetchError where this is no way to bring a file."""
    if urlsplit(url).scheme not in schemes:
        raise FetchError(f"refused to fetch {url[:200]!r}: only {', '.join(schemes)} is used")


def reason(error: BaseException) -> str:
    """The innermost reason: requests wraps it three times over."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return " ".join(str(error).split())[:200] or type(error).__name__


class Patience:
    """Ends a download of which fewer than CHUNK bytes come to `path` in PATIENCE seconds: a server that sends a little
    now and then is never silent for TIMEOUT. Raises OSError at the block's end.

    `watch` is called with each response, as requests' hooks are; in the end all are closed.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._over, self._lost = path, threading.Event(), False
        self._responses: list[Any] = []

    def watch(self, response: Any, **_: Any) -> None:
        """Take the response under watch."""
        self._responses.append(response)

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for response in self._responses:  # pooch leaves those of failed downloads open
            response.close()
        if self._lost and (error is None or isinstance(error, Exception)):
            raise OSError(f"fewer than {CHUNK:,} bytes came in {PATIENCE:g} seconds") from None

    def _look(self) -> None:
        before = 0
        while not self._over.wait(PATIENCE):
            now = self._path.stat().st_size if self._path.exists() else 0
            if now - before < CHUNK and self._responses:
                with suppress(RuntimeError, ValueError):  # it has ended just now
                    self._responses[-1].raw.shutdown()  # whoever waits for more of it reads its end
                    self._lost = True
                return
            before = now


class _Meter:
    """What pooch takes for a progress bar: counts, tells, and stops a server that does not stop."""

    def __init__(self, url: str, to: Path, size: int, progress: Progress | None) -> None:
        self.total = 0  # pooch writes the server's own figure here
        self._url, self._to, self._size, self._progress = url, to, size, progress

    def update(self, _: int) -> None:  # pooch tells the size of its pieces, not how full they are: the file knows
        if (done := self._to.stat().st_size) > self._size:
            raise FetchError(f"{self._url} sends more than the {self._size:,} bytes that it should; stopped")
        if self._progress is not None:
            self._progress(done, self._size)

    def reset(self) -> None:
        """Nothing is counted here."""

    def close(self) -> None:
        """Nothing is open here."""
