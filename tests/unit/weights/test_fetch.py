"""Downloads from a local server."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from eyediff.errors import FetchError
from eyediff.weights import fetch
from eyediff.weights.fetch import download

CONTENT = bytes(range(256)) * 4096  # 1 MiB, which is several chunks of a download
SHA256 = hashlib.sha256(CONTENT).hexdigest()
HTTP = ("http",)  # this server has no certificate; other tests check that http is refused by default


class Answers(BaseHTTPRequestHandler):
    """Server with one path for each way in which a server can behave."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body, announced = CONTENT, len(CONTENT)
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header(
                "Location", {"https": "https://127.0.0.1:9/x", "file": "file:///etc/passwd"}[self.path[4:]]
            )
            self.end_headers()
            return
        if self.path == "/moved":
            self.send_response(301)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        if self.path == "/other":
            body = CONTENT[::-1]
        if self.path == "/short":
            body = CONTENT[:1000]
        if self.path == "/more":
            body, announced = CONTENT * 8, len(CONTENT) * 8
        self.send_response(200)
        if "/unannounced" not in self.path:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        pieces, pause = {"slow": (16, 0.05), "trickles": (1000, 0.05)}.get(self.path.split("/")[-1], (1, 0.0))
        with suppress(ConnectionError):  # the client may close the connection early
            for start in range(0, len(body), len(body) // pieces):
                time.sleep(pause)
                self.wfile.write(body[start : start + len(body) // pieces])

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """Run the server, and return its address. `Answers.asked` has the requested paths."""
    Answers.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/good", "/moved", "/unannounced"])
def test_brings_the_file_and_tells_how_far(server: str, tmp_path: Path, path: str) -> None:
    """The file is downloaded, and the progress is reported.

    This also holds after a redirection, and if the server does not state the size of the file.
    """
    told: list[tuple[int, int]] = []
    download(server + path, tmp_path / "x", len(CONTENT), SHA256, progress=lambda *far: told.append(far), schemes=HTTP)
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert len(told) > 2 and told == sorted(told) and told[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "404"),
        ("/other", "has a different content: its sha256 is .* expected"),
        ("/short", "IncompleteRead|has a different content"),
        ("/more", "sends more than the expected 1,048,576 bytes"),
        ("/to/https", "'https://127.0.0.1:9/x' is not downloaded, because only http is allowed"),
        ("/to/file", "'file:///etc/passwd' is not downloaded"),
    ],
)
def test_a_download_that_fails_leaves_nothing(server: str, tmp_path: Path, path: str, reason: str) -> None:
    """A missing page, wrong content, too few or too many bytes, and a redirection to another scheme leave no file."""
    with pytest.raises(FetchError, match=reason) as caught:
        download(server + path, tmp_path / "x", len(CONTENT), SHA256, schemes=HTTP)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scheme", ["http", "ftp", "file", ""])
def test_only_https_is_used(server: str, tmp_path: Path, scheme: str) -> None:
    """Any other scheme is refused before a request is sent."""
    with pytest.raises(FetchError, match="only https is allowed"):
        download(server.replace("http", scheme) + "/good", tmp_path / "x", len(CONTENT), SHA256)
    assert Answers.asked == []


def test_nobody_answers(tmp_path: Path) -> None:
    """If no server answers, the error states the innermost reason, in one line."""
    with pytest.raises(FetchError, match=r"http://127\.0\.0\.1:9/x cannot be downloaded \(.*refused.*\)"):
        download("http://127.0.0.1:9/x", tmp_path / "x", 1, SHA256, schemes=HTTP)


@pytest.mark.parametrize("path", ["/trickles", "/unannounced/trickles"])
def test_a_server_that_trickles_is_given_up(
    server: str, tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download is stopped if a server sends only a kilobyte at a time, which would take 50 seconds in total.

    Such a server is never silent for long. A server that is only slow is accepted, although its download takes longer
    than PATIENCE.
    """
    monkeypatch.setattr(fetch, "PATIENCE", 0.4)
    start = time.monotonic()
    with pytest.raises(
        FetchError, match=r"trickles cannot be downloaded \(fewer than 65,536 bytes arrived in 0\.4 seconds\)"
    ):
        download(server + path, tmp_path / "x", len(CONTENT), SHA256, schemes=HTTP)
    assert time.monotonic() - start < 10 and list(tmp_path.iterdir()) == []
    download(server + "/slow", tmp_path / "x", len(CONTENT), SHA256, schemes=HTTP)


def test_an_interruption_leaves_nothing(server: str, tmp_path: Path) -> None:
    """Ctrl-C during a download leaves no file."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server + "/good", tmp_path / "x", len(CONTENT), SHA256, progress=interrupt, schemes=HTTP)
    assert list(tmp_path.iterdir()) == []
