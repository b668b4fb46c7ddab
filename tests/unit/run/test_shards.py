"""Tests of the parts of a run: their rows, and their merging into the complete run. Wrong parts are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from eyediff import output as reports
from eyediff.errors import MergeError, OutputError, ResumeError, UsageError
from eyediff.output import RowFormat
from eyediff.records import Failure, Pair, ScoredPair, Unmatched
from eyediff.run import Limits, MergedRows, ResumableSink, compare, select_part
from eyediff.run.limits import NO_LIMITS
from eyediff.run.resume import settings_difference

from .fakes import Kept, job
from .folders import Crash, Folder, left

KINDS: tuple[RowFormat, ...] = ("csv", "jsonl")
ALONE = (Unmatched("reference", Path("a/alone.png")),)


@pytest.fixture(autouse=True)
def no_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use one bootstrap resample, because the bootstrap is not tested here and takes half of the time."""
    monkeypatch.setattr("eyediff.defaults.BOOTSTRAP", 1)


def write(folder: Folder, kind: RowFormat, number: int, of: int) -> Path:
    """Write one part to a file, and return its path."""
    path = folder.root / f"part{number}.{kind}"
    todo = select_part(job(folder.pairs, folder.reader, unmatched=ALONE), number, of)
    compare(todo, reports.sidecars(todo.metrics.header, kind, path), journal=ResumableSink(path, kind))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Return a folder with eleven pairs.

    One file cannot be read, and one name has all characters with a meaning in CSV.
    """
    folder = Folder(tmp_path, 9)
    folder.put("p04.png", 4, "torn")
    folder.put('q,"\n\r é.png', 1, 2)
    folder.put("r.png", 5, 5)
    return folder


def refused(paths: list[Path], *lines: str) -> None:
    """Check that each problem is one line with these words, and that no file is written or removed."""
    before = {path: path.read_bytes() for path in paths[0].parent.iterdir() if path.is_file()}
    with pytest.raises(MergeError) as caught:
        MergedRows(paths)
    assert len(caught.value.problems) == len(lines), caught.value.problems
    for problem, words in zip(caught.value.problems, lines, strict=True):
        assert words in problem and "\n" not in problem
    assert before == {path: path.read_bytes() for path in paths[0].parent.iterdir() if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("of", [1, 2, 3, 11, 14])
def test_parts_are_the_whole(kind: RowFormat, of: int, folder: Folder) -> None:
    """Merged parts have the rows, the order, the summary and the unmatched files of one run.

    The parts may be given in any order. There may be more parts than pairs. The lengths of the parts differ by at most
    one.
    """
    whole = Kept()
    expected = compare(job(folder.pairs, folder.reader, unmatched=ALONE), [whole])
    paths = [write(folder, kind, number, of) for number in range(1, of + 1)]
    merged = MergedRows(paths[::-1])
    kept = Kept()
    summary = merged.write([kept], NO_LIMITS)
    assert kept.rows == whole.rows and isinstance(kept.rows[4], Failure)
    assert summary == expected and len(merged) == 11
    assert [row.pair.name for row in merged] == [pair.name for pair in folder.pairs]
    sizes = [len(list(part.rows())) for part in merged._parts]
    assert max(sizes) - min(sizes) <= 1


def test_kinds_may_be_mixed_and_limits_hold(folder: Folder) -> None:
    """Parts of CSV and of JSON lines can be merged.

    A limit applies to the merged rows, and must be for a metric in them.
    """
    merged = MergedRows([write(folder, "csv", 1, 2), write(folder, "jsonl", 2, 2)])
    summary = merged.write([], Limits(maxima={"mse": 8.0}))
    scores = [row.scores["mse"] for row in merged if isinstance(row, ScoredPair)]
    assert len(summary.crossings) == sum(score > 8 for score in scores) > 0
    with pytest.raises(UsageError, match="ssim is not computed here"):
        Limits(minima={"ssim": 0.5}).resolve(merged.header)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_parts_are_refused(kind: RowFormat, folder: Folder) -> None:
    """Missing, repeated, truncated and damaged parts are refused.

    Parts with repeated, exchanged or foreign rows, and files that are not a part, are refused, too.
    """
    one, two, three = (write(folder, kind, number, 3) for number in (1, 2, 3))
    refused([one, three], "1 of 3 parts are missing: 2")
    refused([two], "2 of 3 parts are missing: 1, 3")
    refused([one, two, three, two], "are both part 2 of 3")
    refused([one, two, folder.root / "none"], "none cannot be read", "1 of 3 parts are missing: 3")
    refused([one, two, folder.pairs[0].candidate], "0.png ", "1 of 3 parts are missing: 3")
    good = two.read_bytes()
    lines = good.splitlines(keepends=True)
    bad: list[tuple[bytes, str]] = [
        (b"".join(lines[:-1]), "is incomplete: it has 3 of 4 rows; resume its run first"),
        (good[:-1], "ends in the middle of row 4"),
        (good[:-9], "ends in the middle of row 4"),
        (good + lines[-1], "has 5 rows, but the part has 4"),
        (good.replace(lines[-1], lines[-2]), "does not have the rows of part 2 in their order"),
        (b"".join([*lines[:-2], lines[-1], lines[-2]]), "does not have the rows of part 2 in their order"),
        (good.replace(lines[-1], b"\xff\n"), "is damaged in row 4"),
        (good.replace(lines[-1], b"x,y\n"), "is damaged in row 4"),
        (lines[0], "is incomplete: it has 0 of 4 rows"),
    ]
    for content, words in bad:
        two.write_bytes(content)
        refused([one, two, three], words)
    two.write_bytes(lines[0][:20])
    with pytest.raises(MergeError, match="part"):
        MergedRows([one, two, three])


def test_parts_of_other_runs_are_refused(folder: Folder) -> None:
    """Parts that differ in version, engine, weights, policy, number of parts or list are refused.

    The message names the difference and the file.
    """
    first = write(folder, "jsonl", 1, 2)
    second = write(folder, "jsonl", 2, 2)
    text = second.read_text()
    for old, new, words in [
        ('"eyediff": "0.1.0"', '"eyediff": "9"', "eyediff: '9', not '0.1.0'"),
        ("fake 1.0 cpu", "fake 2", "mse's engine: 'fake 2', not 'fake 1.0 cpu'; scores of different engines"),
        ("ab" * 32, "cd" * 32, "mse's weights: 'cdcdcdcdcdcd...', not 'abababababab...'"),
        ('"refuse"', '"crop"', "size policy: 'crop', not 'refuse'"),
        ('"worst"', '"refuse"', "alpha policy: 'refuse', not 'worst'"),
        ('"of": 2', '"of": 3', "number of parts: '3', not '2'"),
    ]:
        assert old in text
        second.write_text(text.replace(old, new, 1))
        with pytest.raises(MergeError, match=r"part2.jsonl does not belong to the same run as .*part1.jsonl") as caught:
            MergedRows([first, second])
        assert words in caught.value.problems[0]
    folder.put("new.png", 1, 2)
    write(folder, "jsonl", 2, 2)
    with pytest.raises(MergeError, match="list of pairs"):
        MergedRows([first, second])


def test_a_difference_of_settings() -> None:
    """A list of texts or numbers is shown under the name of its setting."""
    found = settings_difference({"ignore": ["0,0,3,3", "1,1,2,2"]}, {"ignore": ["5,5,4,4"]})
    assert found == ("ignore", "0,0,3,3; 1,1,2,2", "5,5,4,4")
    assert settings_difference({"range": [0, 4095]}, {"range": [0, 1023]}) == ("range", "0; 4095", "0; 1023")
    assert settings_difference({"range": [0, 4095]}, {"range": [0, 4095]}) is None


def test_a_header_from_outside_is_checked(folder: Folder) -> None:
    """Values of a wrong type or beyond their range are refused, even if the numbers are very large."""
    path = write(folder, "jsonl", 1, 2)
    first, *rest = path.read_text().splitlines(keepends=True)
    for key, value in [("part", 0), ("part", "1"), ("of", 10**400), ("pairs", -1), ("alpha", "x"), ("unmatched", 3)]:
        header = json.loads(first)
        header["shard"][key] = value
        path.write_text(json.dumps(header) + "\n" + "".join(rest))
        with pytest.raises(MergeError):
            MergedRows([path])


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_resumed_as_that_part_only(kind: RowFormat, folder: Folder) -> None:
    """After a crash, only missing rows of the part are computed.

    Another part, or another list, is refused and changes nothing.
    """
    path = folder.root / f"part1.{kind}"
    todo = select_part(job(folder.pairs, folder.reader), 1, 2)
    sinks = [*reports.sidecars(todo.metrics.header, kind, path), Kept(2, Crash())]
    with pytest.raises(Crash):
        compare(todo, sinks, journal=ResumableSink(path, kind))
    with pytest.raises(MergeError, match=r"is incomplete: it has 3 of 6 rows; resume its run first"):
        MergedRows([path, write(folder, kind, 2, 2)])
    before = path.read_bytes()
    for number, of, found in ((2, 2, folder.pairs), (1, 3, folder.pairs), (1, 2, folder.pairs[1:])):
        other = select_part(job(found, folder.reader), number, of)
        with pytest.raises(ResumeError, match=r"shard: '1/2' before|list of pairs: "):
            compare(other, [], journal=ResumableSink(path, kind, resume=True))
    assert path.read_bytes() == before
    folder.read.clear()
    compare(todo, reports.sidecars(todo.metrics.header, kind, path), journal=ResumableSink(path, kind, resume=True))
    assert len(folder.read) == 4  # three missing rows, and one row that had failed
    assert b'"shard"' in (path if kind == "jsonl" else Path(f"{path}.shard")).read_bytes()


def test_a_card_overwrites_no_file_of_others(folder: Folder) -> None:
    """If a foreign file has the name of the sidecar of a CSV file, the run is refused before it begins.

    The file stays.
    """
    precious = folder.root / "part1.csv.shard"
    precious.write_text("mine")
    with pytest.raises(OutputError, match="eyediff did not write it"):
        write(folder, "csv", 1, 2)
    assert precious.read_text() == "mine" and folder.read == []
    assert "part1.csv.shard.new" not in left(folder.root)


def test_numbers_that_are_no_part() -> None:
    """Parts are counted from 1, and other numbers are refused. Pairs without a length cannot be divided."""
    pairs = [Pair("p", Path("a"), Path("b"))]
    for number, of in ((0, 2), (3, 2), (1, 0)):
        with pytest.raises(UsageError, match=f"part {number} of {of}"):
            select_part(job(pairs), number, of)
    with pytest.raises(UsageError, match="without a length"):
        select_part(job(iter(pairs)), 1, 2)
    assert replace(select_part(job(pairs), 1, 1).metrics.header, shard=None) == job(pairs).metrics.header
