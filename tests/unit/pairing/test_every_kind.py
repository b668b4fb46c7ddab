"""No file is skipped silently. Each of 40 kinds of files is compared, becomes a failed row, or is counted."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyediff.cli import run
from eyediff.pairing.walk import images_below, natural_key

SIDE = 24
PICTURE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (SIDE, SIDE, 3), np.uint8))


def _encoded(kind: str) -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, kind)
    return file.getvalue()


def _array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(PICTURE))
    return file.getvalue()


READABLE = {
    **{f"a{suffix}": _encoded("PNG") for suffix in (".png", ".PNG", "", ".bin", ".dat", ".txt", ".tmp", ".v2")},
    **{f"b{suffix}": _encoded("JPEG") for suffix in (".jpg", ".jpeg", ".JPE", ".jfif", ".jpg_large")},
    "c.webp": _encoded("WEBP"),
    "d.bmp": _encoded("BMP"),
    "d": _encoded("BMP"),
    "e.tiff": _encoded("TIFF"),
    "f.gif": _encoded("GIF"),
    "g.ppm": _encoded("PPM"),
    "g": _encoded("PPM"),
    "h.ico": _encoded("ICO"),
}
FAILING = {
    "k.tga": _encoded("TGA"),
    "k2": _encoded("TGA") + bytes(8) + b"TRUEVISION-XFILE.\0",
    "l.npy": _array(),
    "l2": _array(),
    "m.exr": b"v/1\x01" + bytes(60),
    "m2": b"v/1\x01" + bytes(60),
    "n.jp2": b"\x00\x00\x00\x0cjP  " + bytes(60),
    "o.png": b"",
    "p.jpg": b"no image at all",
    "q.psd": b"8BPS" + bytes(60),
    "r.dds.hdr": b"#?RADIANCE\n" + bytes(60),
    "s.heic": bytes(4) + b"ftypheic" + bytes(60),
}
OTHERS = {
    "notes.txt": b"BMW is a car",
    "readme.md": b"# A title",
    "table.csv": b"a,b",
    "page.html": b"<!DOCTYPE html>",
    "LICENSE": b"Permission is hereby granted",
    "data.json": b"{}",
    "film.mp4": bytes(4) + b"ftypisom" + bytes(60),
    ".hidden.png": _encoded("PNG"),
    ".DS_Store": bytes(10),
}


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    both = [tmp_path / "a", tmp_path / "b"]
    for folder in both:
        folder.mkdir()
        for name, content in {**READABLE, **FAILING, **OTHERS}.items():
            (folder / name).write_bytes(content)
    return both


def test_every_file_is_compared_failed_or_counted(
    folders: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(READABLE | FAILING | OTHERS) >= 40
    output = tmp_path / "out.json"
    assert run(["compare", *map(str, folders), "-m", "psnr", "-o", str(output)]) == 3
    rows = json.loads(output.read_text())["rows"]
    assert {row["pair"] for row in rows if row["error"] is None} == set(READABLE)
    assert {row["pair"] for row in rows if row["error"] is not None} == set(FAILING)
    said = capsys.readouterr().err
    assert f"skipped {2 * len(OTHERS)} files" in said
    for kind in ("4 hidden", "2 .txt", "2 .md", "2 .csv", "2 .html", "2 no suffix", "2 .json", "2 .mp4"):
        assert kind in said


def test_names_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """At every level, 2 comes before 10. Equal numbers are sorted by their digits."""
    names = ["1.png", "2.png", "10.png", "a/frame2.png", "a/frame10.png", "a/frame010.png", "b2/1.png", "b10/1.png"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(_encoded("PNG"))
    listed = images_below(tmp_path).images
    assert sorted(listed) == sorted(names)
    assert [name for name in listed if name != "a/frame010.png"] == [n for n in names if n != "a/frame010.png"]
    assert natural_key("a2") < natural_key("a10") < natural_key("b1")
    assert natural_key("a01") != natural_key("a1")
