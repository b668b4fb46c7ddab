"""The commands that are killed: how each is called, its stages, and the files that it must leave."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

EARLIER = b"pair,reference,candidate,width,height,earlier\n"
"""Content of the output file before a run. It may disappear only when a complete result replaces it."""

BROKEN = "00007.png"
"""The only candidate that is not an image."""

Files = dict[str, bytes]
"""The content of the files in a folder, by path."""


def python(*words: str, set_: str = "pass") -> list[str]:
    """Return the call of the command line in a separate process.

    `set_` is code that runs first, with settings such as `defaults.PARQUET_ROWS = 50`.
    """
    script = f"import sys; from eyediff import defaults; {set_}; from eyediff.cli import run; sys.exit(run())"
    return [sys.executable, "-c", script, *words]


def images(folder: Path, count: int, side: int) -> None:
    """Create two folders of small images, `a` and `b`.

    One file of `b` is not an image: its row has an error, and a continued run tries it again.
    """
    random = np.random.default_rng(0)
    for part in "ab":
        (folder / part).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(random.integers(0, 256, (side, side, 3), np.uint8)).save(folder / part / f"{index:05}.png")
    (folder / "b" / BROKEN).write_bytes(b"no picture")


def files(place: Path) -> Files:
    """Return the content of all files in a folder.

    The first line of a journal is omitted, because it states how often a run was continued.
    """
    found = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    return {name: data.partition(b"\n")[2] if name.endswith(".resume") else data for name, data in found.items()}


def nothing_torn(before: Files, after: Files, whole: Files) -> None:
    """Check that no result is incomplete after a kill.

    Each file whose name the undisturbed run also has must have the content before the run, or its final content.
    """
    for name in after.keys() & whole.keys():
        assert after[name] in (whole[name], before.get(name)), f"{name} is torn"


@dataclass(frozen=True)
class Work:
    """A command over the folders of `images`, called in a folder of its own.

    `command` returns the call for the inputs and the folder. `stage` returns the stage of the run from the files in the
    folder, and `aims` are the stages at which kills are aimed. `check` raises AssertionError if a kill lost something.
    It takes the files before the kill, after the kill, and at the end of an undisturbed run. `result` returns what must
    be the same at the end.

    If `earlier` is True, a file has the name of the output before a run. If `over` is True, a run starts over the files
    of the last run.
    """

    name: str
    command: Callable[[Path, Path], Sequence[str]]
    stage: Callable[[Path], str]
    aims: Sequence[str]
    output: str
    check: Callable[[Files, Files, Files], None] = nothing_torn
    result: Callable[[Path], object] = files
    count: int = 300
    side: int = 32
    earlier: bool = True
    over: bool = False


def _compare(kind: str) -> Work:
    output = f"out.{kind}"

    def command(inputs: Path, place: Path) -> list[str]:
        again = ["--resume"] if (place / f"{output}.resume").exists() else []
        return python("compare", str(inputs / "a"), str(inputs / "b"), "-o", output, *again)

    def stage(place: Path) -> str:
        if list(place.glob(f"{output}.*.part")):
            return "continuing"
        begun = (place / f"{output}.resume").exists() and (place / output).exists()
        return "rows" if begun and (place / output).read_bytes().count(b"\n") > 1 else "start"

    def check(before: Files, after: Files, whole: Files) -> None:
        """Check that complete rows are rows of the undisturbed run.

        No earlier row may be missing, and only a failed row may occur twice. Before the end, the earlier result must
        exist, too.
        """
        rows = _rows(after.get(output, b""))
        expected = _rows(whole[output])
        if rows:
            assert rows.keys() <= expected.keys(), "a row that no undisturbed run has"
            assert all(count == 1 for row, count in rows.items() if BROKEN.encode() not in row), "a row is there twice"
            kept = {row for row in _rows(before.get(output, b"")) if BROKEN.encode() not in row}
            assert rows.keys() >= kept, "a row is lost"
        done = rows.keys() == expected.keys()
        assert done or EARLIER in after.values() or EARLIER not in before.values(), "the earlier result is lost"

    def result(place: Path) -> Files:
        """Return the files except copies of the earlier result. A copy may stay if no journal names it."""
        return {name: data for name, data in files(place).items() if not (data == EARLIER and "~" in name)}

    return Work(f"compare-{kind}", command, stage, ("rows", "continuing"), output, check, result)


def _rows(content: bytes) -> Counter[bytes]:
    """Count the complete lines of a result. The earlier result has none."""
    return Counter() if content == EARLIER else Counter(content.splitlines(keepends=True)[: content.count(b"\n")])


def _parquet() -> Work:
    def command(inputs: Path, place: Path) -> list[str]:
        again = ["--resume"] if (place / "out.parquet.resume").exists() else []
        compare = ("compare", str(inputs / "a"), str(inputs / "b"), "-o", "out.parquet", *again)
        return python(*compare, set_="defaults.PARQUET_ROWS = 20")

    def stage(place: Path) -> str:
        try:
            if list(place.glob("out.parquet*/_*.new")):
                return "writing a part"
        except FileNotFoundError:  # the finished folder has replaced it in the meantime
            return "rows"
        if list(place.glob("out.parquet.*.part")):
            return "continuing"
        return "rows" if list(place.glob("out.parquet/part-*")) else "start"

    def check(before: Files, after: Files, whole: Files) -> None:
        """Check that no row is missing: the parts are unchanged, or the folder of all rows has replaced them."""
        assert _part_rows(before) <= _part_rows(after), "a row is lost"

    def result(place: Path) -> object:
        import pyarrow.parquet as pq

        parts = sorted((place / "out.parquet").glob("part-*.parquet"))
        rows = [row for part in parts for row in pq.read_table(part).to_pylist()]
        others = [name for name in files(place) if "/part-" not in name or not name.endswith(".parquet")]
        return rows, others

    return Work(
        "compare-parquet", command, stage, ("writing a part", "continuing"), "out.parquet", check, result, earlier=False
    )


def _part_rows(files: Files) -> set[str]:
    """Return the names of the pairs that have scores in the parts of any folder."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [data for name, data in files.items() if name.rpartition("/")[2].startswith("part-")]
    tables = [pq.read_table(pa.BufferReader(data)).to_pylist() for data in parts]
    return {row["pair"] for rows in tables for row in rows if row["error"] is None}


def _drawn() -> Work:
    """Return the work of a report in a folder, and maps, over those of an earlier run.

    The images of the report are in a folder with a random name.
    """

    def command(inputs: Path, place: Path) -> list[str]:
        drawn = ("-m", "lpips-mini", "--report", "page", "--maps", "maps")
        return python("compare", str(inputs / "a"), str(inputs / "b"), *drawn)

    def stage(place: Path) -> str:
        if list(place.glob("page/index.html.*.part")):
            return "writing the page"
        return "pictures and maps" if list(place.glob("maps/*.png.*.part")) else "start"

    def check(before: Files, after: Files, whole: Files) -> None:
        """Check that the page is from an earlier run or this run, and that all its images exist."""
        page = after.get("page/index.html")
        assert page is not None or "page/index.html" not in before, "the earlier page is lost"
        if page is not None:
            folder = PICTURES.search(page)
            named = [name for name in after if folder and folder[0].decode() in name]
            assert len(named) == sum("/pictures-" in name for name in whole), "a page without its pictures"
        settled = {name: data for name, data in whole.items() if not name.startswith(("page/", "maps/maps.json"))}
        nothing_torn(before, after, settled)

    def result(place: Path) -> Files:
        return {
            PICTURES.sub(b"pictures", name.encode()).decode(): PICTURES.sub(b"pictures", data)
            for name, data in files(place).items()
        }

    aims = ("pictures and maps", "writing the page")
    output = "page/index.html"
    return Work(
        "compare-report", command, stage, aims, output, check, result, count=60, side=64, earlier=False, over=True
    )


PICTURES = re.compile(rb"pictures-[0-9a-f]{8}")


def _set(name: str, *words: str, aims: Sequence[str]) -> Work:
    """Return the work of a command over one folder. The command keeps an index if `words` name one."""

    def command(inputs: Path, place: Path) -> list[str]:
        return python(name, str(inputs / "a"), *words, "-o", "out.csv")

    def stage(place: Path) -> str:
        try:
            indexes, parts = (
                [part.stat().st_size for part in place.glob(f"{of}.*.part")] for of in ("points", "out.csv")
            )
        except FileNotFoundError:  # the part has replaced the output in the meantime
            return "start"
        if any(indexes):
            return "indexing"
        return ("writing" if parts[0] else "computing") if parts else "start"

    return Work(name, command, stage, aims, "out.csv", count=500)


def _table() -> Work:
    """Return the work of a table of two methods with the same images. Its scores are continued."""

    def command(inputs: Path, place: Path) -> list[str]:
        folders = (str(inputs / "a"), f"one={inputs / 'b'}", f"two={inputs / 'b'}")
        return python("table", *folders, "-m", "psnr,lpips-mini", "--scores", "scores.csv", "--resume", "-o", "out.csv")

    def stage(place: Path) -> str:
        if list(place.glob("scores.csv.*.part")):
            return "continuing"
        rows = place / "scores.csv"
        return "rows" if rows.exists() and rows.read_bytes().count(b"\n") > 1 else "start"

    def check(before: Files, after: Files, whole: Files) -> None:
        """Check that the table is unchanged or complete, and that no row of the scores is missing."""
        nothing_torn(
            *({name: data for name, data in found.items() if name == "out.csv"} for found in (before, after, whole))
        )
        kept = {row for row in _rows(before.get("scores.csv", b"")) if BROKEN.encode() not in row}
        assert kept <= _rows(after.get("scores.csv", b"")).keys(), "a row is lost"

    return Work("table", command, stage, ("rows", "continuing"), "out.csv", check, count=200)


def _distill() -> Work:
    """Return the work of a distillation that saves every four steps, so that kills occur during a save.

    EYEDIFF_WEIGHTS gives the place of AlexNet's weights.
    """
    often = "from eyediff.training.distillation import distill; distill.SAVED_EVERY = 4; distill.LOGGED_EVERY = 2"

    def command(inputs: Path, place: Path) -> list[str]:
        again = ["--resume"] if (place / "out.safetensors.work").exists() else []
        size = ("--groups", "128", "2", "--steps", "40", "--batch", "4", "--device", "cpu", "--workers", "1")
        return python("distill", str(inputs / "a"), "-o", "out.safetensors", *size, *again, set_=often)

    def stage(place: Path) -> str:
        work = place / "out.safetensors.work"
        if list(work.glob(".run*.tmp")) or list(work.glob("*.part")):
            return "saving"
        log = work / "log.jsonl"
        if log.exists() and log.stat().st_size:
            return "steps"
        return "groups" if list(work.glob("groups-*")) else "start"

    aims, output = ("groups", "saving"), "out.safetensors"
    return Work("distill", command, stage, aims, output, _distilled, _tensors, count=4, side=300, earlier=False)


def _train() -> Work:
    """Return the work of a training of heads of lpips-mini on a table of votes.

    It saves every four steps and after every epoch.
    """
    often = "from eyediff.training.ranking import train; train.SAVED_EVERY = 4; train.LOGGED_EVERY = 2"

    def command(inputs: Path, place: Path) -> list[str]:
        pictures = sorted((inputs / "a").iterdir())
        threes = zip(pictures[2:], pictures[:-2], pictures[1:-1], strict=True)
        rows = [",".join((*map(str, three), str(index % 3), "2")) for index, three in enumerate(threes)]
        (place / "votes.csv").write_text("\n".join(("reference,a,b,votes_a,votes_b", *rows)))
        again = ["--resume"] if (place / "out/run.safetensors").exists() else []
        size = ("--epochs", "8", "--decay", "2", "--batch", "4")
        return python("train", "votes.csv", "--trunk", "mini", "-o", "out", *size, *again, set_=often)

    def stage(place: Path) -> str:
        if list(place.glob("out/.*.tmp")) or list(place.glob("out/*.part")):
            return "saving"
        return "steps" if (place / "out/log.jsonl").exists() else "start"

    aims, output = ("steps", "saving"), "out/metric.safetensors"
    return Work("train", command, stage, aims, output, _distilled, _tensors, count=40, side=64, earlier=False)


def _tensors(place: Path) -> Files:
    """Return all files, but saved runs without their headers. safetensors writes header strings in any order."""
    found = files(place)
    return {
        name: data[8 + int.from_bytes(data[:8], "little") :] if name.endswith("/run.safetensors") else data
        for name, data in found.items()
    }


def _distilled(before: Files, after: Files, whole: Files) -> None:
    """Check that the weights and the saved run are complete if they exist."""
    from safetensors.numpy import load

    for name, data in after.items():
        if name.endswith(".safetensors"):
            assert load(data), name


ALL = (
    *(_compare("csv"), _compare("jsonl"), _parquet(), _drawn(), _table(), _distill(), _train()),
    _set("matrix", aims=("computing", "writing")),
    _set("nearest", "--duplicates", "0.9", "--index", "points", aims=("indexing", "writing")),
    _set("diversity", aims=("computing",)),
)
"""To test another command, add its work here."""

WORKS = {work.name: work for work in ALL}
