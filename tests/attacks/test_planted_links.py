"""Links and foreign files under the names that eyediff uses beside an output.

`s.csv.lock`, `.resume`, `.partial` and `.part` were once opened without a check. In a shared folder, anybody may create
a link of such a name. The link led to another file, which was truncated to zero bytes. The defence: a temporary file
has a name that nobody can predict. The lock and the journal need fixed names, because they must be found again. They
are opened without following links, and only if they have the content that eyediff writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from eyediff.cli import run

from .test_refused_calls import compare, state  # noqa: F401  # a fixture

Compare = Callable[..., int]

TEXT = "a letter that nobody else has\n"

LEFT = f"{'0123456789abcdef' * 2}.part"
"""The end of the name of a temporary part file."""

OUTPUTS = {
    "s.csv": ["-o"],
    "s.jsonl": ["-o"],
    "s.json": ["-o"],
    "s.parquet": ["-o"],
    "j.xml": ["--junit"],
    "p.png": ["--plot"],
    "maps/maps.json": ["--maps"],
    "page/index.html": ["--report"],
    "page.html": ["--report"],
}


def options(folder: Path, name: str) -> list[object]:
    """Return the options that make the command write this output."""
    path = folder / name
    return [*OUTPUTS[name], path.parent if "/" in name else path]


CASES = [(name, ends) for name in OUTPUTS for ends in ((".lock",), (".partial", ".part", ".shard"))]
CASES += [(name, (".resume",)) for name in ("s.csv", "s.parquet")]


@pytest.mark.parametrize(("name", "ends"), CASES)
def test_planted_links_are_not_followed(
    compare: Compare,  # noqa: F811
    tmp_path: Path,
    name: str,
    ends: tuple[str, ...],
) -> None:
    """A file behind a planted link stays unchanged, and the link stays.

    The command succeeds, or it refuses a link that is in its way.
    """
    for module in ("pyarrow",) * (name == "s.parquet") + ("matplotlib",) * (name == "p.png"):
        pytest.importorskip(module)
    letter, links = tmp_path / "letter", [tmp_path / f"{name}{end}" for end in ends]
    letter.write_text(TEXT)
    links[0].parent.mkdir(exist_ok=True)
    for link in links:
        link.symlink_to(letter)
    for arguments in ([], ["--resume"] * (".resume" in ends)):
        assert compare(*options(tmp_path, name), *arguments) in (0, 2)
        assert letter.read_text() == TEXT
        assert all(link.is_symlink() for link in links)


@pytest.mark.parametrize("ends", [(".lock",), (".resume",), (".partial", ".part", "~", ".replaced", ".shard")])
@pytest.mark.parametrize("name", ["s.csv", "s.parquet", "m.npy"])
def test_foreign_files_beside_an_output_are_not_lost(
    compare: Compare,  # noqa: F811
    tmp_path: Path,
    name: str,
    ends: tuple[str, ...],
) -> None:
    """Foreign files beside an output stay byte for byte the same.

    The test runs over earlier results, and with --resume.
    """
    if name == "s.parquet":
        pytest.importorskip("pyarrow")
    foreign = [tmp_path / f"{name}{end}" for end in ends]

    def call(*more: str) -> int:
        if name == "m.npy":
            return run(["matrix", str(tmp_path / "a"), "-m", "lpips-mini", "-o", str(tmp_path / name)])
        return compare("-o", tmp_path / name, *more)

    assert call() == 0
    for path in foreign:
        path.write_text(TEXT)
    for more in ((), ("--resume",), ()):
        assert call(*more) in (0, 2)
        assert [path.read_text() for path in foreign] == [TEXT] * len(ends)


def test_parts_that_a_kill_left_go_at_the_next_run(compare: Compare, tmp_path: Path) -> None:  # noqa: F811
    """A run removes the part files that a killed run left of its output, its journal and its maps.

    The part files of other outputs stay.
    """
    for name in ("s.csv", "s.csv.resume", "other.csv"):
        (tmp_path / f"{name}.{LEFT}").write_text("half")
    (tmp_path / "maps").mkdir()
    (tmp_path / f"maps/maps.json.{LEFT}").write_text("half")
    assert compare("-o", tmp_path / "s.csv", "--maps", tmp_path / "maps") == 0
    (tmp_path / "maps/deep").mkdir()
    (tmp_path / f"maps/deep/x.png.{LEFT}").write_text("half")
    assert compare("-o", tmp_path / "s.csv", "--maps", tmp_path / "maps") == 0
    assert [path.name for path in tmp_path.rglob("*.part")] == [f"other.csv.{LEFT}"]


def test_what_unfinished_runs_kept_goes_when_one_is_finished(compare: Compare, tmp_path: Path) -> None:  # noqa: F811
    """A run that finishes removes the copies that unfinished runs kept.

    Runs that were killed and started again without --resume once left `s.csv~` and `s.csv~2` permanently.
    """
    output = tmp_path / "s.csv"
    assert compare("-o", output, "--resume") == 0
    rows, journal = output.read_bytes(), (tmp_path / "s.csv.resume").read_text()
    for kept, number in (("null", ""), ('"s.csv~"', "2")):
        (tmp_path / f"s.csv~{number}").write_bytes(rows)
        (tmp_path / f"s.csv~{number}.resume").write_text(re.sub('"kept": [^,]*', f'"kept": {kept}', journal))
    (tmp_path / "s.csv.resume").write_text(re.sub('"kept": [^,]*', '"kept": "s.csv~2"', journal))
    (tmp_path / "s.csv~9").write_text(TEXT)
    assert compare("-o", output) == 0
    assert sorted(path.name for path in tmp_path.glob("s.csv*")) == ["s.csv", "s.csv~9"]


def test_a_plot_does_not_replace_an_image_that_is_compared(compare: Compare, tmp_path: Path) -> None:  # noqa: F811
    """A plot does not replace an image that is compared, even if eyediff has drawn this image.

    A plot that another program has drawn is not replaced either.
    """
    figure = pytest.importorskip("matplotlib.figure")
    plot = tmp_path / "plot.png"
    assert compare("--plot", plot) == 0
    assert compare("--plot", plot) == 0
    plot.rename(tmp_path / "a/x.png")
    figure.Figure().savefig(plot)
    before = state(tmp_path)
    assert compare("--plot", tmp_path / "a/x.png") == 2
    assert compare("--plot", plot) == 2
    assert state(tmp_path) == before


@pytest.mark.parametrize("name", ["m.npy", "m.parquet", "m.npy.json"])
def test_a_matrix_does_not_replace_what_others_made(tmp_path: Path, name: str) -> None:
    """A matrix replaces only a matrix. Arrays, tables and texts of other programs were once replaced."""
    np = pytest.importorskip("numpy")
    output = tmp_path / name.removesuffix(".json")
    if name == "m.npy":
        np.save(output, np.eye(2))
    elif name == "m.parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({"x": [1]}), output)
    else:
        (tmp_path / name).write_text('{"rows": []}')
    folder = tmp_path / "a"
    folder.mkdir()
    for index in range(2):
        (folder / f"{index}.ppm").write_bytes(b"P6 48 48 255\n" + bytes([index]) * 48 * 48 * 3)
    call = ["matrix", str(folder), "-m", "lpips-mini", "-o", str(output)]
    before = state(tmp_path)
    assert run(call) == 2
    assert state(tmp_path) == before
    (tmp_path / name).unlink()
    assert run(call) == run(call) == 0
