"""`-o` with the name of a file that eyediff did not write.

Any text file was once replaced, including an image in text form (PPM). The defence: a file is replaced only if it
begins like a result of eyediff. `--overwrite` replaces other text files and keeps a copy, but never replaces an image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .test_refused_calls import compare, state  # noqa: F401  # a fixture

Compare = Callable[..., int]

FOREIGN = {
    "labels.csv": "name,label\nx.png,3\n",
    "notes.txt": "  two spaces\nand a pair\n",
    "j.xml": '<?xml version="1.0"?>\n<project/>\n',
    "data.json": '{"rows": []}\n',
    "data.jsonl": '{"pair": "x"}\n',
    "x.ppm": "P3\n1 1\n255\n9 9 9\n",
}


def options(path: Path) -> list[object]:
    """Return the options that name this output."""
    if path.suffix == ".xml":
        return ["--junit", path]
    return ["-o", path, *(["-f", "text"] if path.suffix == ".ppm" else [])]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_never_lost(compare: Compare, tmp_path: Path, name: str) -> None:  # noqa: F811
    """A foreign file is refused and stays unchanged. With --overwrite, it is kept as FILE~, but an image is refused."""
    path = tmp_path / name
    path.write_text(FOREIGN[name])
    before = state(tmp_path)
    assert compare(*options(path)) == 2
    assert state(tmp_path) == before
    if name == "x.ppm":
        assert compare(*options(path), "--overwrite") == 2
        assert state(tmp_path) == before
        return
    assert compare(*options(path), "--overwrite") == 0
    assert (tmp_path / f"{name}~").read_text() == FOREIGN[name] != path.read_text()


@pytest.mark.parametrize("name", ["s.csv", "s.txt", "s.json", "s.jsonl", "j.xml"])
def test_results_are_replaced_by_results(compare: Compare, tmp_path: Path, name: str) -> None:  # noqa: F811
    """A run replaces results of other metrics, and the incomplete first line that a killed run left."""
    path = tmp_path / name
    for metric in ("ssim@skimage", "psnr"):
        assert compare(*options(path), "-m", metric) == 0
    path.write_bytes(path.read_bytes()[:5])
    assert compare(*options(path)) == 0
    assert not (tmp_path / f"{name}~").exists()
