"""Archives of votes, downloaded from a server on this machine. No test downloads the real archives."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run
from eyediff.errors import EyediffError, FetchError, OutputError, StudyError
from eyediff.votes import read_study
from eyediff.votes.fetch import fetch
from eyediff.weights.fetch import CHUNK

HTTP = ("http", "https")


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "gray").save(file, "PNG")
    return file.getvalue()


def votes() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([0.4]))
    return file.getvalue()


def archive(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for info in more:
            tar.addfile(info)
    return file.getvalue()


ITEM = {f"./val/cnn/{column}/000000.png": picture() for column in ("ref", "p0", "p1")} | {
    "./val/cnn/judge/000000.npy": votes()
}
GOOD = archive(ITEM)


class Server(BaseHTTPRequestHandler):
    """A server that sends `content`. If `cut` is not 0, the first answer stops after `cut` bytes."""

    content, cut, status, ranged, tag = GOOD, 0, 200, True, '"1"'
    asked: list[str | None]

    def do_GET(self) -> None:
        kind, since = type(self), self.headers["Range"]
        kind.asked.append(since)
        same = kind.ranged and self.headers["If-Range"] == kind.tag
        start = int(since.removeprefix("bytes=").rstrip("-")) if since and same else 0
        if start >= len(kind.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(kind.content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else kind.status)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(kind.content) - 1}/{len(kind.content)}")
        self.send_header("ETag", kind.tag)
        self.send_header("Content-Length", str(len(kind.content) - start))
        self.end_headers()
        self.wfile.write(kind.content[start : kind.cut or None])
        kind.cut = 0

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[tuple[type[Server], str]]:
    kind = type("Server", (Server,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield kind, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_an_archive_becomes_a_study(server: tuple[type[Server], str], tmp_path: Path) -> None:
    """The archive is downloaded, hashed, and unpacked to the folder that `eval` reads. No other file is left."""
    found = fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    assert found.sha256 == sha256(GOOD).hexdigest() and found.passed_over == 0
    assert len(read_study(tmp_path, "2afc").items) == 1
    left = {path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")}
    assert left == {"2afc", "twoafc_val.tar.gz", "twoafc_val.tar.gz.sha256"}


@pytest.mark.parametrize(("ranged", "tag"), [(True, '"1"'), (False, '"1"'), (True, '"2"')])
def test_a_cut_download_is_gone_on_with(
    server: tuple[type[Server], str], tmp_path: Path, ranged: bool, tag: str
) -> None:
    """The download is resumed where it stopped, if the server supports this.

    It starts from the beginning if the server does not support this, or if the file of the server has changed.
    """
    padding = np.random.default_rng(0).bytes(2 * CHUNK)
    server[0].content, server[0].cut, server[0].ranged = archive(ITEM | {"noise": padding}), 2 * CHUNK - 1, ranged
    with pytest.raises(FetchError, match="repeat the call to continue"):
        fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    assert not (tmp_path / "2afc").exists() and not (tmp_path / "twoafc_val.tar.gz").exists()
    server[0].tag = tag
    fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    assert server[0].asked == [None, f"bytes={2 * CHUNK - 1}-"]
    assert (tmp_path / "twoafc_val.tar.gz").read_bytes() == server[0].content


@pytest.mark.parametrize(
    ("content", "error", "match"),
    [
        (b"<html>moved</html>", StudyError, "not a complete"),
        (GOOD[: len(GOOD) // 2], StudyError, "not a complete"),
        (archive({"../val/cnn/ref/0.png": picture()}), StudyError, "no votes"),
        (archive({"/val/cnn/ref/0.png": picture(), "val/cnn/ref/../../0.png": b""}), StudyError, "no votes"),
        (archive({"readme": b"hello"}), StudyError, "number of other entries: 1"),
    ],
)
def test_what_is_no_archive_of_votes(
    server: tuple[type[Server], str], tmp_path: Path, content: bytes, error: type[EyediffError], match: str
) -> None:
    """The error is one line that names the file. Nothing is unpacked, in the folder or outside of it."""
    server[0].content = content
    with pytest.raises(error, match=match) as raised:
        fetch("twoafc_val", tmp_path / "in", host=server[1], schemes=HTTP)
    assert "twoafc_val.tar.gz" in str(raised.value) and "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert {path.suffix for path in (tmp_path / "in").iterdir()} <= {".lock"}


def test_links_and_devices_are_left_out(server: tuple[type[Server], str], tmp_path: Path) -> None:
    """Links and devices are left out and counted, even if their names are those of images."""
    link, device = tarfile.TarInfo("val/cnn/ref/000001.png"), tarfile.TarInfo("val/cnn/ref/000002.png")
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    server[0].content = archive(ITEM, link, device)
    assert fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP).passed_over == 2
    assert [path.name for path in (tmp_path / "2afc/val/cnn/ref").iterdir()] == ["000000.png"]


def test_another_sum_is_refused(server: tuple[type[Server], str], tmp_path: Path) -> None:
    """The hash of the archive must equal the given hash, or the hash of the first download."""
    with pytest.raises(FetchError, match="expected 00ff"):
        fetch("twoafc_val", tmp_path, sha256="00ff", host=server[1], schemes=HTTP)
    fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    (tmp_path / "twoafc_val.tar.gz").write_bytes(GOOD + b"\0")
    with pytest.raises(FetchError, match="remove the file"):
        fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)


def test_refusals(server: tuple[type[Server], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Downloads that are wrong or not possible are refused.

    The cases are a missing page, http, a folder that already has the votes, a file in place of the folder, offline
    mode, and an unknown name.
    """
    server[0].status = 404
    with pytest.raises(FetchError, match="404"):
        fetch("jnd", tmp_path, host=server[1], schemes=HTTP)
    with pytest.raises(FetchError, match="only https"):
        fetch("jnd", tmp_path, host=server[1])
    server[0].status = 200
    fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    (tmp_path / "twoafc_val.tar.gz").unlink()
    for _ in range(2):  # in the second call, the partial download is already complete
        with pytest.raises(OutputError, match="exists already"):
            fetch("twoafc_val", tmp_path, host=server[1], schemes=HTTP)
    assert server[0].asked[-1] == f"bytes={len(GOOD)}-"
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        fetch("twoafc_val", tmp_path / "file", host=server[1], schemes=HTTP)
    monkeypatch.setenv("EYEDIFF_OFFLINE", "1")
    assert run(["eval", "fetch", str(tmp_path / "new"), "jnd"]) == 2
    assert run(["eval", "fetch", str(tmp_path / "new"), "everything"]) == 2
    assert not (tmp_path / "new").exists()
