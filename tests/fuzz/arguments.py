"""The command line with any arguments, in a folder of a few small files.

Each byte of an input stands for an argument of `arguments`. RAW is followed by a length and that many bytes, which
become an argument. No argument leads out of the folder or to a server, so a call that does this is a finding.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import matplotlib.font_manager  # noqa: F401 - looks for fonts by a process, once: before anything is watched
from PIL import Image as PILImage

from eyediff import cli
from tests.unit.images.make import noise

from .target import Target

RAW = 255
CODES = {0, 1, 2, 3, 130}

VALUES = (
    "a.png", "b.png", "set", "other", "empty", "text.txt", "missing.png", "old.csv", "part.jsonl", "torn.png", "new",
    "out.csv", "out.jsonl", "out.json", "out.txt", "out.html", "out.xml", "out.npy", "out.parquet", "new.png", ".", "",
    "psnr", "ssim", "l2", "lpips-mini", "fsim", "lpips", "psnr,ssim", "psnr@1", "lpips-mini@0.0", "nonsense", ",",
    "psnr=1", "psnr=-1", "psnr=nan", "psnr=inf", "ssim=0.5", "=", "x=1", "0", "1", "2", "-1", "1e9", "1e999", "nan",
    "99999999999999999999", "1/1", "2/3", "3/2", "0/0", "1GB", "2GB", "1B", "99EB", "resize", "crop", "refuse", "stem",
    "name", "worst", "csv", "jsonl", "json", "text", "npy", "png", "png,npy", "cpu", "cuda", "auto", "noise", "all",
    "inf", "alex",
    "subfolder", "(.)", "(", "--", "-", "-h", "--help", "--version", "é\udce9", "a\nb", "\x1b[31m", "\0", "%s", "{0}",
)  # fmt: skip


@cache
def arguments() -> tuple[str, ...]:
    """Return every command, every option, and values that some of them accept; 254 at most."""
    found: dict[str, None] = {}

    def walk(command: object) -> None:
        for parameter in getattr(command, "params", ()):
            found.update(dict.fromkeys(option for option in parameter.opts if option.startswith("-")))
        for name, below in getattr(command, "commands", {}).items():
            found[name] = None
            walk(below)

    walk(cli.create_command())
    every = tuple(dict.fromkeys([*found, *VALUES]))
    assert len(every) < RAW
    return every


def check(data: bytes, folder: Path) -> str:
    """Check that the exit code is valid and that all output is text.

    For exit code 2, the last line on standard error must give the reason.
    """
    put(folder)
    given = decoded(data)
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", how) for how in ("strict", "backslashreplace"))
    with inside(folder), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", ["eyediff"]):
        code = cli.run(given)
        out.flush()
        err.flush()
    told = err.buffer.getvalue().decode()  # type: ignore[attr-defined]
    printed = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert code in CODES, f"exit code {code!r}"
    assert "Traceback" not in told, told
    if code == 2 and not told:  # a group of commands without a command prints its help
        assert "Usage:" in printed, printed
        return "refused"
    if code == 2:
        lines = told.splitlines()
        assert lines and lines[-1].startswith("eyediff: ") and lines[-1].isprintable(), told
        return "refused"
    return "read"


def decoded(data: bytes) -> list[str]:
    """Return the arguments that an input stands for."""
    found, rest, every = [], list(data), arguments()
    while rest and len(found) < 24:
        code = rest.pop(0)
        if code == RAW:
            length = rest.pop(0) % 32 if rest else 0
            raw, rest = bytes(rest[:length]), rest[length:]
            found.append(raw.replace(b"/", b"_").replace(b"..", b"_").decode("utf-8", "surrogateescape"))
        else:
            found.append(every[code % len(every)])
    if found[:1] == ["optimize"]:
        found += ["--steps", "1"]
    return found


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Use the folder as current folder, as home and as cache, and work offline."""
    before = Path.cwd()
    homes = dict.fromkeys(("HOME", "EYEDIFF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"), str(folder / "home"))
    os.chdir(folder)
    try:
        with mock.patch.dict(os.environ, {**homes, "EYEDIFF_OFFLINE": "1", "EYEDIFF_WEIGHTS": "", "COLUMNS": "80"}):
            yield
    finally:
        os.chdir(before)


@cache
def contents() -> dict[str, bytes]:
    """Return the files of the folder with their content."""
    file = io.BytesIO()
    PILImage.fromarray(noise(24, 20)).save(file, "PNG")
    other = io.BytesIO()
    PILImage.fromarray(noise(24, 20, seed=1)).save(other, "PNG")
    one, two = file.getvalue(), other.getvalue()
    found = {"a.png": one, "b.png": two, "torn.png": one[:99], "text.txt": b"hello\n"}
    found |= {"set/x.png": one, "set/y.png": two, "other/x.png": two, "other/y.png": two, "other/z.png": one}
    with TemporaryDirectory() as text:
        folder = Path(text)
        for name, content in found.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        with inside(folder), redirect_stderr(io.StringIO()):
            assert cli.run(["compare", "set", "other", "-m", "psnr", "-o", "old.csv"]) == 3
            assert cli.run(["compare", "set", "other", "-m", "psnr", "--shard", "1/2", "-o", "part.jsonl"]) == 3
        return found | {name: (folder / name).read_bytes() for name in ("old.csv", "part.jsonl")}


def put(folder: Path) -> None:
    """Write the files of `contents` into an empty folder."""
    for name in ("set", "other", "empty", "home"):
        (folder / name).mkdir()
    for name, content in contents().items():
        (folder / name).write_bytes(content)


def seeds() -> Iterator[bytes]:
    """Yield calls that work, a call with each argument, and a call with raw bytes."""
    calls = (
        "compare a.png b.png", "compare set other -m psnr,ssim -o out.csv --max psnr=1 --report new",
        "compare set other --baseline old.csv -m psnr --junit out.xml", "compare a.png other --maps new --format jsonl",
        "compare set other -m psnr -o out.jsonl --shard 1/1 --resume", "compare a.png b.png --memory 1GB --size crop",
        "matrix set -o out.npy", "matrix set --to other --format csv", "nearest a.png other -k 1 --index new",
        "nearest set --duplicates 1", "diversity set --groups (.)", "merge part.jsonl part.jsonl", "metrics",
        "optimize a.png b.png -o new -m ssim", "optimize noise a.png -o new -m lpips-mini --side 1", "demo -o new",
        "distill none -o new", "video a.png b.png --plot out.html", "weights list", "weights get alex",
        "weights add text.txt --trunk alex --trust", "weights verify", "weights where", "--version", "-h", "",
        "compare set other -m psnr -o out.parquet --alpha refuse --match stem --workers 1 --device cpu",
    )  # fmt: skip
    every = arguments()
    for call in calls:
        yield bytes(every.index(word) if word in every else 0 for word in call.split())
    yield from (bytes([every.index("compare"), code, every.index("a.png")]) for code in range(len(every)))
    yield bytes([every.index("compare"), RAW, 3, 255, 0, 7, every.index("a.png")])


TARGET = Target("arguments", check, seeds, most=64)
