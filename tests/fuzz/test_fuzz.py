"""A few seconds of every target: earlier findings, seeds, and damaged seeds. `scripts/fuzz` searches for more."""

from __future__ import annotations

import os
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eyediff.errors import EyediffError

from .registry import FOUND, TARGETS, kept
from .sandbox import EscapedError, sandbox
from .target import Target, hold, refused

EXAMPLES = {"arguments": 12, "images": 150} | dict.fromkeys(("bmp", "tiff", "webp", "avif"), 20)
"""Number of examples of the targets that take longer than a millisecond or two."""

targets = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@targets
def test_seeds_reach_both_ends(target: Target, tmp_path: Path) -> None:
    """Some seeds are read, and some are refused after they are cut in half.

    A target that always has the same outcome would show nothing.
    """
    seeds = list(target.seeds())[:: 8 if target.name == "arguments" else 1]
    outcomes = Counter(hold(target, seed, tmp_path / "x") for seed in seeds)
    outcomes.update(hold(target, seed[: len(seed) // 2], tmp_path / "x") for seed in seeds)
    assert outcomes["read"] and outcomes["refused"]


@targets
def test_what_was_once_found(target: Target, tmp_path: Path) -> None:
    """Each earlier finding passes the check, and tests/attacks/README.md describes it by its name."""
    told = (FOUND.parent / "README.md").read_text()
    for path in kept(target.name):
        assert f"`{path.name}`" in told
        hold(target, path.read_bytes(), tmp_path / "x")


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes], words: tuple[bytes, ...]) -> bytes:
    """Draw a seed in which pieces are overwritten, removed, or replaced by words."""
    content = bytearray(draw(st.sampled_from(seeds)))
    pieces = st.binary(max_size=8) | st.sampled_from(words or (b"",))
    for piece in draw(st.lists(pieces, max_size=3)):
        at = draw(st.integers(0, len(content)))
        content[at : at + draw(st.integers(0, 16))] = piece
    return bytes(content)


@targets
def test_damage(target: Target, tmp_path: Path) -> None:
    """A damaged seed is read, or refused in one line that names the file.

    Nothing is written elsewhere, sent or run.
    """

    @settings(
        max_examples=EXAMPLES.get(target.name, 250),
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(list(target.seeds()), target.words))
    def holds(data: bytes) -> None:
        hold(target, data, tmp_path / "x")

    holds()


def test_every_kept_file_belongs_to_a_target() -> None:
    """Each folder of earlier findings belongs to a target, so that a test reads its files."""
    assert {path.name for path in FOUND.iterdir()} <= TARGETS.keys()


@pytest.mark.parametrize(
    "escape",
    [
        lambda folder: (folder.parent / "y").write_text("x"),
        lambda folder: (folder.parent / "y").mkdir(),
        lambda folder: (folder / "x").rename(folder.parent / "y"),
        lambda folder: os.system("true"),  # noqa: S605
        lambda folder: urllib.request.urlopen("http://127.0.0.1:9"),
    ],
)
def test_escapes_are_seen(tmp_path: Path, escape: object) -> None:
    """An escape is detected, even if the reader swallows the exception.

    Otherwise, the tests above would show nothing.
    """
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "x").write_text("fine")
    with pytest.raises(EscapedError), sandbox(folder), suppress(BaseException):
        escape(folder)  # type: ignore[operator]
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize("message", ["two\nlines of x.png", "\x1b[31mx.png", "names nothing", "x.png" + "!" * 2000])
def test_a_bad_message_is_seen(message: str) -> None:
    """A message is detected if it has several lines, control characters, no file name, or too many characters."""
    with pytest.raises(AssertionError):
        refused(EyediffError(message), "x.png")
