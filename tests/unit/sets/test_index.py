"""An index of embeddings, which is built once and used again.

An index that does not fit the call is refused, and stays unchanged.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from eyediff.errors import OutputError, Setting, UsageError
from eyediff.run.stamps import ChangeSign
from eyediff.sets import EmbeddingJob, ImageSet, IndexedPoints, open_index

from .made import Levels, folder, job, points, put, some, touch


@pytest.fixture
def source(tmp_path: Path) -> ImageSet:
    return folder(tmp_path / "set", some(6))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def kept(
    index: Path, source: ImageSet, job: EmbeddingJob, rebuild: bool = False, by: ChangeSign = "time"
) -> IndexedPoints:
    with open_index(job, source, index, rebuild=rebuild, index_by=by) as found:
        return IndexedPoints(found.names, np.array(found.points), found.shape, found.failed)


def test_the_second_question_costs_no_pass(source: ImageSet, tmp_path: Path) -> None:
    """The index is built once. The second call returns the same points, names and failures without a pass."""
    (source.folder / "03").write_text("broken")
    first, second = Levels(), Levels()
    built = kept(tmp_path / "index", source, job(first))
    read = kept(tmp_path / "index", source, job(second))
    assert (first.passes, second.passes) == (5, 0)
    assert list(read.names) == list(built.names) == ["00", "01", "02", "04", "05"]
    assert [each.name for each in read.failed] == ["03"] and "not an image" in read.failed[0].message
    np.testing.assert_array_equal(read.points, built.points)
    np.testing.assert_allclose(read.points, points([*some(6)[:3], *some(6)[4:]]), atol=1e-7)
    assert read.shape == built.shape and left(tmp_path) == ["index", "set"]


def test_without_an_index_nothing_is_left(source: ImageSet, tmp_path: Path) -> None:
    """Without an index, the points are stored in a temporary file that has no name."""
    with open_index(job(), source) as found:
        assert found.points.shape == (6, 36)
    assert left(tmp_path) == ["set"]


def test_it_is_a_file_that_others_can_read(source: ImageSet, tmp_path: Path) -> None:
    """safetensors can open the index, which has the points and a JSON description of them."""
    built = kept(tmp_path / "index", source, job())
    found = load_file(tmp_path / "index")
    np.testing.assert_array_equal(found["points"], built.points)
    about = json.loads(found["about"].tobytes())
    assert about["made"]["metric"] == "lpips-alex" and [name for name, _ in about["files"]] == list(built.names)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"metric": "lpips-vgg"}, "metric: 'lpips-alex' before, 'lpips-vgg' now"),
        ({"version": "0.0"}, "version: '0.1' before, '0.0' now"),
        ({"weights_sha256": "cd" * 32}, "weights: 'abababababab...' before, 'cdcdcdcdcdcd...' now"),
        ({"engine": "levels tf32"}, "engine: 'levels' before, 'levels tf32' now"),
        ({"size": "crop"}, "size policy: 'refuse' before, 'crop' now"),
    ],
)
def test_made_with_something_else(source: ImageSet, tmp_path: Path, change: dict[str, str], word: str) -> None:
    """The error is one line that says what differs and what to do, and the index stays unchanged.

    `lpips` and `lpips-alex` count as the same metric.
    """
    kept(tmp_path / "index", source, job())
    before = (tmp_path / "index").read_bytes()
    with pytest.raises(UsageError) as error:
        kept(tmp_path / "index", source, job(**change))
    assert word in str(error.value) and Setting("rebuild") in error.value.settings and "\n" not in str(error.value)
    assert (tmp_path / "index").read_bytes() == before
    kept(tmp_path / "index", source, job(metric="lpips-alex"))
    assert len(kept(tmp_path / "index", source, job(**change), rebuild=True).names) == 6


def test_files_that_changed(source: ImageSet, tmp_path: Path) -> None:
    """Changed, new and removed files are counted, with one example each. `rebuild` updates the index."""
    index = tmp_path / "index"
    kept(index, source, job())
    before = index.read_bytes()
    touch(source.folder / "01")
    put(source.folder / "new", some(1)[0])
    now = ImageSet(source.folder, ["01", "02", "03", "04", "05", "new"])
    with pytest.raises(
        UsageError, match=r"1 changed \(01\), 1 new \(new\), 1 gone \(00\); compute the index again with rebuild"
    ):
        kept(index, now, job())
    assert index.read_bytes() == before
    assert list(kept(index, now, job(), rebuild=True).names) == list(now.names)


def test_content_that_changed_within_its_size_and_time(source: ImageSet, tmp_path: Path) -> None:
    """The hash detects the change, but the size and the modification time do not.

    A new modification time alone is not a change of the content.
    """
    index, by_time, by_hash = tmp_path / "index", Levels(), Levels()
    (source.folder / "03").write_text("broken")
    kept(index, source, job(), by="hash")
    file = source.folder / "02"
    before = file.stat()
    text = file.read_text()
    file.write_text(f"{text[:-1]}{9 - int(text[-1])}")  # a different last digit
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    kept(index, source, job(by_time))
    with pytest.raises(UsageError, match=r"now in .*set: 1 changed \(02\)"):
        kept(index, source, job(), by="hash")
    file.write_text(text)
    touch(source.folder / "04")
    touch(source.folder / "03")
    kept(index, source, job(by_hash), by="hash")
    assert by_time.passes == by_hash.passes == 0


def test_an_index_without_hashes(source: ImageSet, tmp_path: Path) -> None:
    """An index without hashes cannot show whether the content of a file changed.

    A call that needs the hashes refuses it and says what to do. The index stays unchanged.
    """
    index = tmp_path / "index"
    kept(index, source, job())
    before = index.read_bytes()
    with pytest.raises(UsageError, match=r"not have the hashes of the image files, which index_by=.hash. needs") as why:
        kept(index, source, job(), by="hash")
    assert Setting("rebuild") in why.value.settings and index.read_bytes() == before
    kept(index, source, job(), rebuild=True, by="hash")
    kept(index, source, job(), by="hash")


@pytest.mark.parametrize("damage", ["cut", "longer", "header", "json", "count", "text", "empty"])
def test_a_damaged_index_is_refused(source: ImageSet, tmp_path: Path, damage: str) -> None:
    """The complete index is checked before it is used. A damaged index is not overwritten without a request."""
    index = tmp_path / "index"
    kept(index, source, job())
    whole = index.read_bytes()
    index.write_bytes(
        {
            "cut": whole[:-1],
            "longer": whole + b"x",
            "header": whole.replace(b'"shape": [6, 36]', b'"shape": [6, 37]'),
            "json": whole.replace(b'"files"', b'"fxles"'),
            "count": whole.replace(b'"03", [', b'"02", ['),
            "text": b"a,b,c\n",
            "empty": b"",
        }[damage]
    )
    before = index.read_bytes()
    with pytest.raises(UsageError, match="is damaged, or is not an index of eyediff"):
        kept(index, source, job())
    assert index.read_bytes() == before


def test_rebuilding_costs_no_other_file(source: ImageSet, tmp_path: Path) -> None:
    """`--index` with the name of another kind of file is refused, and the file stays unchanged."""
    precious = tmp_path / "photo"
    precious.write_bytes(b"\x89PNG\0")
    with pytest.raises(OutputError, match="exists, but it is not an index"):
        kept(precious, source, job(), rebuild=True)
    assert precious.read_bytes() == b"\x89PNG\0"


def test_a_rebuild_that_fails_leaves_the_old_index(source: ImageSet, tmp_path: Path) -> None:
    """If a rebuild is interrupted, the old index stays complete, and no other file is left."""
    index = tmp_path / "index"
    kept(index, source, job())
    before = index.read_bytes()

    class Stopped(Levels):
        def embeddings(self, x: np.ndarray) -> np.ndarray:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept(index, source, job(Stopped()), rebuild=True)
    assert index.read_bytes() == before and left(tmp_path) == ["index", "set"]
