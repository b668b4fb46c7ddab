"""Hostile results that try to make `eyediff accept` replace or copy the wrong files.

Results come from a CI machine, so anybody may have written their paths. The defence: a reference is replaced only
inside the folder that the user names. This is checked for its name and for its place on the disk, and no part of the
path may be a link. A candidate must be a regular file, not a link, and an image. One path that leads outside the folder
refuses the whole call.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from eyediff.cli import run

TEXT = "a letter that nobody else has\n"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the results of a failed run with relative paths.

    Its folders also have links to files outside them, a folder with the name of an image, and a pipe.
    """
    monkeypatch.chdir(tmp_path)
    for side, level in (("before", 0), ("after", 90)):
        Path(side).mkdir()
        for name in ("a.png", "b.png"):
            Image.new("L", (16, 16), level).save(f"{side}/{name}")
    Path("letter.png").write_text(TEXT)
    Path("elsewhere").mkdir()
    Image.new("L", (16, 16), 33).save("elsewhere/a.png")
    Path("before/link.png").symlink_to("../letter.png")
    Path("before/inner").symlink_to("../elsewhere")
    Path("before/folder.png").mkdir()
    Path("after/link.png").symlink_to("../elsewhere/a.png")
    os.mkfifo("after/pipe.png")
    output = tmp_path / "out.json"
    pairs = [f'{{"reference": "before/{name}", "candidate": "after/{name}"}}\n' for name in ("a.png", "b.png")]
    Path("pairs.jsonl").write_text("".join(pairs))
    assert run(["compare", "--pairs", "pairs.jsonl", "-m", "l2", "--max", "l2=0", "-o", str(output)]) == 1
    return output


def state(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def forge(results: Path, **paths: str) -> None:
    """Give the first pair these paths."""
    record = json.loads(results.read_text())
    record["rows"][0] |= paths
    results.write_text(json.dumps(record))


@pytest.mark.parametrize(
    "reference",
    [
        "letter.png",
        "before/../letter.png",
        "/etc/passwd",
        "before/link.png",
        "before/inner/a.png",
        "before/link.png/x.png",
        "before/folder.png",
        "before",
        "before/b.png",  # the second pair has the same reference
        "file:///etc/passwd",
        "https://example.invalid/a.png",
        "beforehand/a.png",
        "before\0.png",
        "",
    ],
)
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_no_reference_outside(
    results: Path, tmp_path: Path, reference: str, dry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No file changes, although the second pair is valid. One line gives the reason."""
    forge(results, reference=reference)
    before = state(tmp_path)
    capsys.readouterr()
    assert run(["accept", "out.json", "before", "--all", *dry]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert state(tmp_path) == before


@pytest.mark.parametrize("candidate", ["letter.png", "after/link.png", "after/pipe.png", "after", "/dev/zero", "x\0y"])
def test_no_candidate_but_images(results: Path, tmp_path: Path, candidate: str) -> None:
    """A file that is not an image is not copied into the references, and it is not read without limit.

    The other pair is accepted.
    """
    forge(results, candidate=candidate)
    before = Path("before/a.png").read_bytes()
    assert run(["accept", "out.json", "before", "--all"]) == 3
    assert Path("before/a.png").read_bytes() == before
    assert Path("before/b.png").read_bytes() == Path("after/b.png").read_bytes()
    assert Path("letter.png").read_text() == TEXT and not list(tmp_path.rglob("*.part"))


def test_files_without_a_partner_stay_inside(results: Path, tmp_path: Path) -> None:
    """A candidate without a reference is refused if its path is not inside the folder of candidates.

    The new reference gets the path that the candidate has in its folder.
    """
    record = json.loads(results.read_text())
    before = state(tmp_path)
    for path in ("elsewhere/a.png", "after/../letter.png"):
        record["unmatched"] = [{"side": "candidate", "path": path}]
        results.write_text(json.dumps(record))
        assert run(["accept", "out.json", "before", "--all", "--candidate", "after"]) == 2
    results.unlink()
    del before[str(results)]
    assert state(tmp_path) == before


@pytest.mark.parametrize("place", ["../letter.png", "/etc/passwd", 3, "goldens/link.png", None])
def test_the_folder_of_pytest(results: Path, tmp_path: Path, place: object) -> None:
    """The failures that the pytest fixture leaves are checked like results.

    A link in the folder of failures refuses the call.
    """
    goldens, failure = Path("goldens"), Path("report/test/golden")
    goldens.mkdir()
    failure.mkdir(parents=True)
    goldens.joinpath("link.png").symlink_to("../letter.png")
    Image.new("L", (16, 16), 5).save(failure / "candidate.png")
    record = {"test": "t.py::t", "golden": "a.png", "path": place, "reason": "too different"}
    (failure / "scores.json").write_text(json.dumps(record))
    before = state(tmp_path)
    assert run(["accept", "report", "goldens", "--all"]) == 2
    assert state(tmp_path) == before
    (failure / "scores.json").write_text(json.dumps(record | {"path": "goldens/a.png"}))
    Path("linked").mkdir()
    Path("linked/test").symlink_to("../report/test")
    assert run(["accept", "linked", "goldens", "--all"]) == 2
    assert run(["accept", "report", "goldens", "a.png"]) == 0
    assert (goldens / "a.png").read_bytes() == (failure / "candidate.png").read_bytes()
