"""Download files by https only. A file is never larger than expected, and is verified before use."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..errors import FetchError
from ..interfaces import DownloadProgress
from .hashing import file_sha256

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager


SCHEMES = ("https",)
"""Allowed schemes of a URL.

The hash protects the content of a download. In addition, https prevents others from reading or redirecting the
download.
"""

CHUNK = 1 << 16
"""Number of bytes that are written to the file at a time. It is small, so that the progress bar moves smoothly."""

TIMEOUT = 30.0
"""Number of seconds after which a server that sends nothing counts as unreachable."""

PATIENCE = 60.0
"""Number of seconds in which at least CHUNK bytes must arrive. At this speed, the largest file would take six days."""

REDIRECTS = 10
"""Largest number of redirections that a download follows."""


def download(
    url: str,
    to: Path,
    size: int,
    sha256: str,
    *,
    progress: DownloadProgress | None = None,
    schemes: Collection[str] = SCHEMES,
) -> None:
    """Download a file with a known hash.

    Parameters
    ----------
    url : str
        Address of the file.
    to : Path
        Path of the new file. After a failure or an interruption, there is no file.
    size : int
        Size of the file in bytes. A larger file is refused.
    sha256 : str
        Hash of the file.
    progress : function, optional
        Function that is called after every chunk, with the number of bytes that have arrived and the expected number.
    schemes : collection of str
        Schemes that `url` and every redirection may have.

    Raises
    ------
    FetchError
        If the download fails, or if the hash of the file differs from `sha256`.
    """
    try:
        transfer(url, to, size, total=size, progress=progress, schemes=schemes)
        if (received := file_sha256(to)) != sha256:
            raise FetchError(
                f"{url} has a different content: its sha256 is {received}; expected {sha256}; the file was discarded"
            )
    except OSError as error:
        to.unlink(missing_ok=True)
        raise FetchError(f"{url} cannot be downloaded ({innermost_reason(error)})") from None
    except BaseException:
        to.unlink(missing_ok=True)
        raise


def transfer(
    url: str,
    to: Path,
    limit: int,
    *,
    total: int | None = None,
    tag: Path | None = None,
    progress: DownloadProgress | None = None,
    schemes: Collection[str] = SCHEMES,
) -> None:
    """Write the content of a URL to a file.

    Parameters
    ----------
    url : str
        Address of the content.
    to : Path
        Path of the file to write.
    limit : int
        Largest number of bytes that the file may have.
    total : int, optional
        Number of bytes that `progress` reports as expected. The default is the number that the server announces.
    tag : Path, optional
        Path of a small file that records which version of the content was transferred. If it is given and the server
        still has this version, an interrupted transfer continues after its last byte. Otherwise, the transfer starts
        again.
    progress : function, optional
        Function that is called after every chunk, with the number of bytes that have arrived and the expected number.
    schemes : collection of str
        Schemes that `url` and every redirection may have.

    Raises
    ------
    FetchError
        If the scheme of the URL or of a redirection is not allowed.
    OSError
        If the transfer fails, is interrupted, is too large or is too slow. The bytes that have arrived are kept.
    """
    version = tag.read_text(errors="replace").strip() if tag is not None and tag.exists() and to.exists() else ""
    received = to.stat().st_size if version else 0
    headers = {"Accept-Encoding": "identity"}  # a range counts bytes of the uncompressed file
    if received:
        headers |= {"Range": f"bytes={received}-", "If-Range": version}
    with _transport_errors(), _opened(url, headers, schemes) as answer:
        if received and answer.status == 416 and answer.headers.get("Content-Range") == f"bytes */{received}":
            return  # the file is complete
        if answer.status not in (200, 206):
            raise OSError(f"the server answers {answer.status} {answer.reason or ''}".rstrip())
        if tag is not None:
            tag.write_text(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        continues = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {received}-")
        received = received if continues else 0
        expected = received + int(answer.headers.get("Content-Length", 0)) if total is None else total
        with to.open("ab" if continues else "wb") as file:
            for chunk in _read_chunks(answer):
                received += file.write(chunk)
                if received > limit:
                    raise OSError(f"the server sends more than the expected {limit:,} bytes")
                if progress is not None:
                    progress(received, expected)


def _read_chunks(answer: BaseHTTPResponse) -> Iterator[bytes]:
    """Yield the body of an answer in chunks. Raises OSError if fewer than CHUNK bytes arrive in PATIENCE seconds.

    TIMEOUT alone is not enough, because a server that regularly sends a few bytes never reaches this time.
    """
    start, received = time.monotonic(), 0
    while chunk := answer.read1(CHUNK):
        yield chunk
        received += len(chunk)
        if time.monotonic() - start > PATIENCE:
            if received < CHUNK:
                raise OSError(f"fewer than {CHUNK:,} bytes arrived in {PATIENCE:g} seconds")
            start, received = time.monotonic(), 0


@contextmanager
def _opened(url: str, headers: dict[str, str], schemes: Collection[str]) -> Iterator[BaseHTTPResponse]:
    """Open a URL, and follow its redirections. The URL and each redirection must have a scheme in `schemes`."""
    import urllib3  # noqa: PLC0415 - most runs download nothing

    for _ in range(1 + REDIRECTS):
        check_scheme(url, schemes)
        with _pool(url) as pool:
            timeout = urllib3.Timeout(connect=TIMEOUT, read=TIMEOUT)
            answer = pool.request(
                "GET", url, headers=headers, redirect=False, retries=False, preload_content=False, timeout=timeout
            )
            try:
                if not (location := answer.get_redirect_location()):
                    yield answer
                    return
            finally:
                answer.close()
        url = urljoin(url, location)
    raise OSError(f"the server redirects more than {REDIRECTS} times")


def _pool(url: str) -> PoolManager:
    """Return a pool of connections that accepts only servers with valid certificates.

    The connections use the proxy of the environment variables, if there is one."""
    import ssl  # noqa: PLC0415
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415

    import certifi  # noqa: PLC0415
    import urllib3  # noqa: PLC0415

    parts = urlsplit(url)
    context = ssl.create_default_context()  # this trusts the authorities of the system, or of SSL_CERT_FILE
    for bundle in (certifi.where(), os.environ.get("REQUESTS_CA_BUNDLE")):
        if bundle:
            context.load_verify_locations(bundle)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy is None or proxy_bypass(parts.netloc):
        return urllib3.PoolManager(ssl_context=context)
    credentials = urlsplit(proxy)
    signed = f"{credentials.username}:{credentials.password or ''}" if credentials.username else None
    return urllib3.ProxyManager(
        proxy, ssl_context=context, proxy_headers=urllib3.make_headers(proxy_basic_auth=signed) if signed else None
    )


@contextmanager
def _transport_errors() -> Iterator[None]:
    """Convert the errors of urllib3 to OSError."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    try:
        yield
    except (HTTPError, ValueError) as error:
        raise OSError(innermost_reason(error)) from None


def check_scheme(url: str, schemes: Collection[str] = SCHEMES) -> None:
    """Raise FetchError unless the scheme of a URL is one of `schemes`."""
    if urlsplit(url).scheme not in schemes:
        raise FetchError(f"{url[:200]!r} is not downloaded, because only {', '.join(schemes)} is allowed")


def innermost_reason(error: BaseException) -> str:
    """Return the message of the innermost cause of an error, in one line. Libraries often wrap errors several times."""
    while (inner := error.__cause__ or (None if error.__suppress_context__ else error.__context__)) is not None:
        error = inner
    return " ".join(str(error).split())[:200] or type(error).__name__
